"""How long opencode may take, where a session itself waits for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds. A turn has none: turns take hours, and the supervisor judges their progress."""

    prompt_s: float = 30.0
    """A prompt to its acceptance; opencode answers before it begins to work."""
    answer_s: float = 15.0
    """An answer to a permission or a question."""
    abort_s: float = 5.0
    """An abort to its answer; measured below 0.1 s."""
    cancel_s: float = 10.0
    """An interrupted turn to its end, by which we end it."""
    leave_s: float = 1.0
    """An abort when the session is stopped: the first rung of a ladder."""
    tools_s: float = 5.0
    """What an interrupted turn has started to its death."""
    doubt_s: float = 1.0
    """Silence after a word that may have been the turn's last, until the server is asked."""
    quiet_s: float = 20.0
    """Silence of a running turn until the server is asked whether it still runs."""
    begin_s: float = 120.0
    """A prompt to the first sign of work. The first of a server loads plugins and takes a snapshot
    of the working directory, which may be large."""
