"""The snapshot as a message: committed before it is sent, and never too large to be sent.

Owns how a snapshot is taken for a client. The fold itself is sidecar/core/fold.
"""

from collections.abc import Callable, Collection

from msgspec.structs import replace

from sidecar.bridge.backend import Backend
from sidecar.contract.limits import TRANSFER_BYTES
from sidecar.contract.snapshot import SessionSnapshot, Snapshot, SnapshotState


async def take_snapshot(backend: Backend, threads: Collection[str] | None) -> Snapshot:
    """Return the fold of everything up to a committed seq.

    Waits for the commit of what the fold already holds. Raises JournalUnavailable.
    """
    at, state = backend.snapshot(threads)
    await backend.journal.committed(at)
    return Snapshot(at=at, epoch=backend.journal.epoch, state=state)


def encode_fitting(snapshot: Snapshot, encode: Callable[[Snapshot], bytes]) -> bytes:
    """Encode a snapshot; one over transferBytes is sent without the text of its running turns."""
    data = encode(snapshot)
    if len(data) <= TRANSFER_BYTES:
        return data
    sessions = {name: _without_text(s) for name, s in snapshot.state.sessions.items()}
    return encode(replace(snapshot, state=SnapshotState(sessions=sessions)))


def _without_text(session: SessionSnapshot) -> SessionSnapshot:
    turn = session.active_turn
    if turn is None:
        return session
    items = [replace(item, text={}) for item in turn.items]
    return replace(session, active_turn=replace(turn, items=items, truncated=True))
