"""Every session there is, by thread and in order of start; one that has ended as a few bytes.

    asked for ──► awake: a Session ── over, and another one starts ──► packed ──► forgotten (E1)
                    ▲                                                    │
                    └─────────────────────── asked for ──────────────────┘

Nearly all sessions have ended, and a Session is 2 KiB in two dozen objects. Owns which of the two
a session is. Never starts or stops one; what outlives the supervisor stands in records.py.
"""

from collections.abc import Callable, Container, Iterator, Mapping

import msgspec

from sidecar.contract.methods import SessionStartParams
from sidecar.core.fold import Fold
from sidecar.core.lifecycle import Phase
from sidecar.supervisor.session import Session

_DECODER = msgspec.msgpack.Decoder(SessionStartParams)


class _Packed(msgspec.Struct, frozen=True, gc=False):
    """A session that is down."""

    parent: str | None
    start: bytes
    """What it was started with, secrets included; empty when that is not known."""


Make = Callable[[str, SessionStartParams | None, Phase], Session]


class Roll:
    """The sessions. `make` makes one of its thread, what it was started with, and its phase."""

    def __init__(self, fold: Fold, make: Make) -> None:
        self._fold = fold
        self._make = make
        self._sessions: dict[str, Session | _Packed] = {}

    def __contains__(self, thread_id: object) -> bool:
        return thread_id in self._sessions

    def __iter__(self) -> Iterator[Session]:
        """Yield those that are awake: all that are not down, and some that are."""
        return iter([s for s in self._sessions.values() if isinstance(s, Session)])

    def awake(self, thread_id: str | None) -> Session | None:
        """Return a session that is awake; None for any other."""
        session = self._sessions.get(thread_id) if thread_id is not None else None
        return session if isinstance(session, Session) else None

    def get(self, thread_id: str) -> Session | None:
        """Return a session, which is awake from now on; None for one that is not on the roll."""
        session = self._sessions.get(thread_id)
        if isinstance(session, _Packed):
            start = _DECODER.decode(session.start) if session.start else None
            session = self._sessions[thread_id] = self._make(thread_id, start, Phase.STOPPED)
        return session

    def add(self, session: Session) -> None:
        """Put a session at the end, wherever it was: the order of start."""
        self._sessions.pop(session.thread_id, None)
        self._sessions[session.thread_id] = session

    def parent(self, thread_id: str) -> str | None:
        """Return the parent of a session, if it has one and is on the roll."""
        session = self._sessions.get(thread_id)
        return session.parent if session is not None else None

    def parents(self) -> Mapping[str, str | None]:
        """Return the parent of each session, in order of start."""
        return {thread_id: session.parent for thread_id, session in self._sessions.items()}

    def roots(self) -> list[str]:
        """Return the root of each tree in which a session is awake, in order of start."""
        found = set()
        for session in self:
            root, seen = session.thread_id, set[str]()
            while (parent := self.parent(root)) in self._sessions and root not in seen:
                assert parent is not None
                seen.add(root)
                root = parent
            found.add(root)
        return [thread_id for thread_id in self._sessions if thread_id in found]

    def packed(self) -> int:
        """Return how many are packed."""
        return sum(isinstance(session, _Packed) for session in self._sessions.values())

    def pack(self, spare: Container[str]) -> list[str]:
        """Pack what has ended, but for whom `spare` holds; returns who is forgotten.

        The fold has forgotten them: down for long, and many others since.
        """
        gone = []
        for thread_id, session in self._sessions.items():
            if thread_id in spare:
                continue
            if isinstance(session, Session):
                if session.over:
                    self._sessions[thread_id] = _packed(session)
                elif not session.lifecycle.down:
                    continue
            if thread_id not in self._fold:
                gone.append(thread_id)
        for thread_id in gone:
            del self._sessions[thread_id]
        return gone


def _packed(session: Session) -> _Packed:
    start = session.start_params
    return _Packed(session.parent, msgspec.msgpack.encode(start) if start is not None else b"")
