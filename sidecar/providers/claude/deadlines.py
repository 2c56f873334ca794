"""How long Claude may take, where the session itself waits for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds. A turn has no deadline: the supervisor's watchdog judges its progress."""

    start_s: float = 60.0
    """Start to the answer of initialize: 0.7 s, more on a busy laptop or behind a slow hook. The
    client's `limits.startMs` replaces it."""
    setting_s: float = 15.0
    """A change of model or mode; milliseconds."""
    mcp_s: float = 25.0
    """A change of MCP servers, which are connected to before the answer comes; below the 30 s that
    a client waits."""
    cancel_s: float = 10.0
    """An interrupted turn to its result; tens of milliseconds."""
    stop_s: float = 5.0
    """What a turn has started, to its death after the interrupt."""
