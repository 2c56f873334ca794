"""What a client is told of a session that is not up, is up already, or was never there."""

from sidecar.contract.errors import SessionClosed, SessionNotFound, ValidationFailed
from sidecar.core.lifecycle import Phase


def unknown(thread_id: str) -> SessionNotFound:
    """Return the error for a thread that never had a session, or had it long ago."""
    return SessionNotFound(
        f"There is no session {thread_id}", provider="unknown", threadId=thread_id
    )


def runs_already(thread_id: str, phase: Phase) -> ValidationFailed:
    """Return the error for a start of a session that is not down."""
    return ValidationFailed(
        f"Cannot start session {thread_id}: it is {phase.name.lower()} already",
        threadId=thread_id,
        issue="stopping" if phase is Phase.STOPPING else "running",
    )


def not_live(method: str, thread_id: str, phase: Phase, provider: str) -> SessionClosed:
    """Return the error for a call to a session that is not up."""
    return SessionClosed(
        f"Cannot call {method}: session {thread_id} is {phase.name.lower()}",
        provider=provider,
        threadId=thread_id,
    )
