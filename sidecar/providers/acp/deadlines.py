"""How long an ACP agent may take, where the session itself waits for it."""

from dataclasses import dataclass

HISTORY_QUIET_S = 0.2
"""Silence that ends a replay. Some agents answer session/load before they have sent the history,
but then write it at once."""

HISTORY_WINDOWS = 25
"""Windows of HISTORY_QUIET_S that a replay may fill: 5 s."""

STOP_TREE_S = 10.0
"""From the end of a cancelled turn to the death of all that it started; killing takes milliseconds
unless the machine is out of breath."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an agent may take, in seconds. A prompt has no deadline: turns take hours, and the
    supervisor's watchdog judges their progress."""

    start_s: float = 60.0
    """Each of initialize, authenticate, session/new, session/load: cold Node CLIs on a busy laptop.
    The client's `limits.startMs` replaces it."""
    cancel_s: float = 10.0
    """A cancelled turn to its end; real agents take up to 0.3 s, and some never end it."""
