"""The fold over all sessions: which events count, which sessions are kept, dump and load."""

from collections.abc import Collection
from typing import Any

import msgspec

from sidecar.contract.events import Event
from sidecar.contract.snapshot import SnapshotState
from sidecar.core.fold import bounds
from sidecar.core.fold.bounds import drop_first
from sidecar.core.fold.rules import DELTAS, RULES
from sidecar.core.fold.state import SessionFold
from sidecar.core.fold.text import TextWindow

FORMAT = 1
"""Raised with each change of what a dump means; an older dump is then folded anew."""


class FoldFormatError(ValueError):
    """Raised by Fold.load for bytes that this version did not dump."""


class _Dump(msgspec.Struct, array_like=True):
    format: int
    sessions: list[SessionFold]
    exited: list[str]
    forgotten: dict[str, int]


def _encode_hook(value: Any) -> Any:
    if isinstance(value, TextWindow):
        return value.dump()
    raise NotImplementedError(type(value).__name__)


def _decode_hook(kind: type, value: Any) -> Any:
    if kind is TextWindow:
        return TextWindow.load(value)
    raise NotImplementedError(kind.__name__)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_encode_hook)
_DECODER = msgspec.msgpack.Decoder(_Dump, dec_hook=_decode_hook)


class Fold:
    """All sessions that a journal speaks of. See the package for the rules."""

    def __init__(self) -> None:
        self._sessions: dict[str, SessionFold] = {}
        self._exited: dict[str, None] = {}
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
        if event.generation > session.generation:
            self._exited.pop(session.thread_id, None)
            session.begin_generation(event.generation, event.provider, event.provider_instance_id)
        elif session.exited:
            return
        if counted:
            session.updated_at = event.created_at
        rule(session, event)
        if session.exited:
            self._note_exit(session.thread_id)

    def session(self, thread_id: str) -> SessionFold | None:
        """Return one session as it is kept: to be read, not changed."""
        return self._sessions.get(thread_id)

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
        for session in self._sessions.values():
            if session.parent is not None:
                children.setdefault(session.parent, []).append(session.thread_id)
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
        if session is not None:
            self._forgotten.pop(thread_id, None)
            self._forgotten[thread_id] = session.generation
            drop_first(self._forgotten, bounds.FORGOTTEN)

    def dump(self) -> bytes:
        """Return bytes from which `load` makes an equal fold."""
        dump = _Dump(FORMAT, list(self._sessions.values()), list(self._exited), self._forgotten)
        return _ENCODER.encode(dump)

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
        fold._sessions = {session.thread_id: session for session in dump.sessions}
        fold._exited = dict.fromkeys(dump.exited)
        fold._forgotten = dump.forgotten
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

    def _note_exit(self, thread_id: str) -> None:
        """Keep ended sessions up to the bound, the oldest end first out (E1)."""
        self._exited[thread_id] = None
        if len(self._exited) > bounds.EXITED_SESSIONS:
            self.forget(next(iter(self._exited)))
