"""How long Codex may take, where the session itself waits for it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadlines:
    """In seconds. A turn has no deadline: turns take hours."""

    start_s: float = 60.0
    """Each of initialize, account/read, thread/start and thread/resume; `limits.startMs` replaces
    it. A real one takes 0.3 s in all."""
    call_s: float = 20.0
    """Every other request; answered within milliseconds, or after a round trip to a server."""
    models_s: float = 5.0
    """model/list at the start, which goes on without it. Codex answers from its cache."""
    cancel_s: float = 10.0
    """turn/interrupt to the end of the turn. A real one takes 20 ms."""
    agents_s: float = 2.0
    """turn/interrupt of a turn's sub-agents to their ends, before what they run is killed."""
    stop_s: float = 5.0
    """The kill of what an interrupted turn has left running."""
    reconnect_s: float = 90.0
    """First word that the model cannot be reached to the end of the turn, without progress between.
    Codex itself goes on for ever: it says "Reconnecting… waiting for network" after 0, 5, 15 and
    35 s, so that at 90 s four attempts have failed. The option `reconnectMs` replaces it."""
