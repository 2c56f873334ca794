"""The fold over all sessions: which events count, which sessions are kept, dump and load."""

from collections.abc import Collection
from typing import Any

import msgspec

from sidecar.contract.events import Event
from sidecar.contract.snapshot import SnapshotState
from sidecar.core.fold import bounds
from sidecar.core.fold.bounds import drop_first
from sidecar.core.fold.ended import EndedFold, decode_hook, encode_hook
from sidecar.core.fold.rules import DELTAS, RULES
from sidecar.core.fold.state import SessionFold

FORMAT = 1
"""Raised with each change of what a dump means; an older dump is then folded anew."""


class FoldFormatError(ValueError):
    """Raised by Fold.load for bytes that this version did not dump."""


class _Dump(msgspec.Struct, array_like=True):
    format: int
    sessions: list[SessionFold]
    exited: list[str]
    forgotten: dict[str, int]


_ENCODER = msgspec.msgpack.Encoder(enc_hook=encode_hook)
_DECODER = msgspec.msgpack.Decoder(_Dump, dec_hook=decode_hook)


class Fold:
    """All sessions that a journal speaks of. See the package for the rules."""

    def __init__(self) -> None:
        self._sessions: dict[str, SessionFold | EndedFold] = {}
        self._exited: dict[str, None] = {}
        self._parked: dict[str, None] = {}
        self._forgotten: dict[str, int] = {}

    def apply(self, event: Event[Any]) -> None:
        """Take the next event of the journal. Never raises for what it says."""
        rule = RULES.get(event.type)
        counted = rule is not None
        if rule is None:
            rule = DELTAS.get(event.type)
            if rule is None:
                return
        session = self._sessions.get(event.thread_id) or self._create(event)
        if session is None or event.generation < session.generation:
            return
        if isinstance(session, EndedFold):
            if event.generation == session.generation:
                return
            session = self._revive(event.thread_id, session)
        if event.generation > session.generation:
            session.begin_generation(event.generation, event.provider, event.provider_instance_id)
        if counted:
            session.updated_at = event.created_at
        rule(session, event)
        if session.exited:
            self._note_exit(session)

    def __contains__(self, thread_id: object) -> bool:
        """Tell whether a session is kept; cheaper than to look at it."""
        return thread_id in self._sessions

    def session(self, thread_id: str) -> SessionFold | None:
        """Return one session as it is kept: to be read, not changed."""
        session = self._sessions.get(thread_id)
        return session.unpacked() if isinstance(session, EndedFold) else session

    @property
    def parked(self) -> int:
        """How many sessions are parked."""
        return len(self._parked)

    def thread_ids(self) -> list[str]:
        """Return every session's thread, in order of creation."""
        return list(self._sessions)

    def generation_of(self, thread_id: str) -> int:
        """Return the last generation of a thread, 0 for an unknown one.

        Also known for a while of a session that was forgotten: its next generation must be higher.
        """
        session = self._sessions.get(thread_id)
        return self._forgotten.get(thread_id, 0) if session is None else session.generation

    def snapshot(self, threads: Collection[str] | None = None) -> SnapshotState:
        """Return the snapshot of all sessions, or of those of `threads` that exist."""
        children: dict[str, list[str]] = {}
        for thread_id, session in self._sessions.items():
            if session.parent is not None:
                children.setdefault(session.parent, []).append(thread_id)
        return SnapshotState(
            sessions={
                thread_id: session.snapshot(children.get(thread_id, []))
                for thread_id, session in self._sessions.items()
                if threads is None or thread_id in threads
            }
        )

    def forget(self, thread_id: str) -> None:
        """Drop a session from the snapshot; unknown threads are no error."""
        session = self._sessions.pop(thread_id, None)
        self._exited.pop(thread_id, None)
        self._parked.pop(thread_id, None)
        if session is not None:
            self._forgotten.pop(thread_id, None)
            self._forgotten[thread_id] = session.generation
            drop_first(self._forgotten, bounds.FORGOTTEN)

    def dump(self) -> bytes:
        """Return bytes from which `load` makes an equal fold."""
        sessions = [
            msgspec.Raw(session.blob) if isinstance(session, EndedFold) else session
            for session in self._sessions.values()
        ]
        ended = [*self._exited, *self._parked]
        return _ENCODER.encode((FORMAT, sessions, ended, self._forgotten))

    @classmethod
    def load(cls, blob: bytes) -> "Fold":
        """Rebuild what was dumped. Raises FoldFormatError for anything else."""
        try:
            dump = _DECODER.decode(blob)
        except (msgspec.DecodeError, TypeError, ValueError) as error:
            raise FoldFormatError(f"Cannot read the stored fold: {error}") from error
        if dump.format != FORMAT:
            raise FoldFormatError(f"Cannot read a fold of format {dump.format}")
        fold = cls()
        fold._forgotten = dump.forgotten
        sessions = {session.thread_id: session for session in dump.sessions}
        fold._sessions.update(sessions)
        for thread_id in dump.exited:
            if thread_id in sessions:
                fold._note_exit(sessions[thread_id])
        return fold

    def _create(self, event: Event[Any]) -> SessionFold | None:
        """Make a session from what an event knows (G2); None for a late one (E2)."""
        if event.generation <= self._forgotten.get(event.thread_id, 0):
            return None
        self._forgotten.pop(event.thread_id, None)
        session = SessionFold(
            thread_id=event.thread_id,
            provider=event.provider,
            generation=event.generation,
            created_at=event.created_at,
            updated_at=event.created_at,
            provider_instance_id=event.provider_instance_id,
        )
        self._sessions[event.thread_id] = session
        return session

    def _revive(self, thread_id: str, ended: EndedFold) -> SessionFold:
        """Take a session up again, where it stands: a generation begins."""
        self._exited.pop(thread_id, None)
        self._parked.pop(thread_id, None)
        session = self._sessions[thread_id] = ended.unpacked()
        return session

    def _note_exit(self, session: SessionFold) -> None:
        """Keep ended sessions, packed, up to the bound, the oldest end first out (E1)."""
        kept, bound = self._exited, bounds.EXITED_SESSIONS
        if session.parked:
            kept, bound = self._parked, bounds.PARKED_SESSIONS
        self._sessions[session.thread_id] = EndedFold.packed(session)
        kept[session.thread_id] = None
        if len(kept) > bound:
            self.forget(next(iter(kept)))
