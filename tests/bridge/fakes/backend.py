"""A backend whose methods a test scripts, on the journal in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any

import msgspec

from sidecar.contract.base import Wire
from sidecar.contract.bridge import ServerInfo
from sidecar.contract.snapshot import (
    ActiveItem,
    ActiveTurn,
    Restarts,
    SessionSnapshot,
    SnapshotState,
)
from sidecar.core.correlation import Correlation
from sidecar.journal.types import Row
from tests.bridge.fakes.journal import FakeJournal

TOKEN = "ab" * 32
MOMENT = "2026-01-01T00:00:00.000Z"


def event_body(number: int, thread_id: str = "t1", filler_bytes: int = 0) -> bytes:
    """Return the bytes of an event that is as good as a real one."""
    event = {
        "eventId": f"e{number}",
        "type": "content.delta",
        "threadId": thread_id,
        "provider": "fake",
        "createdAt": MOMENT,
        "generation": 1,
        "payload": {"streamKind": "assistant_text", "delta": "x" * max(1, filler_bytes)},
    }
    return msgspec.msgpack.encode(event)


def session(thread_id: str, text: str = "") -> SessionSnapshot:
    """Return a session in a snapshot, with a running turn when `text` is given."""
    item = ActiveItem("i1", "assistant_message", "inProgress", {"assistant_text": text})
    return SessionSnapshot(
        provider="fake",
        thread_id=thread_id,
        status="ready",
        runtime_mode="auto",
        created_at=MOMENT,
        updated_at=MOMENT,
        generation=1,
        restarts=Restarts(),
        active_turn=ActiveTurn("u1", MOMENT, [item]) if text else None,
    )


class FakeFollowing:
    """A client that follows: its acks, and whether it has left."""

    def __init__(self, acked: int, window_bytes: int) -> None:
        self.acks = [acked]
        self.window_bytes = window_bytes
        self.gone = False

    def acked(self, seq: int) -> None:
        """Note an ack."""
        self.acks.append(seq)

    def left(self) -> None:
        """Note that it follows no more."""
        self.gone = True


class FakeBackend:
    """`answers[method]` is a function of params; `calls` is what was asked, in order of begin."""

    def __init__(self, journal: FakeJournal | None = None, heartbeat_ms: int = 5_000) -> None:
        self.token = TOKEN
        self.server = ServerInfo(version="0.0.0", pid=1, instance="fake-instance")
        self.journal = journal or FakeJournal()
        self.heartbeat_ms = heartbeat_ms
        self.ready = True
        self.sessions: dict[str, SessionSnapshot] = {"t1": session("t1"), "t2": session("t2")}
        self.arrived: list[str] = []
        self.following: list[FakeFollowing] = []
        self.calls: list[tuple[str, Any]] = []
        self.ended: list[tuple[str, str]] = []
        self.answers: dict[str, Callable[[Any], Awaitable[Any]]] = {}
        self._ephemeral: dict[object, Callable[[dict[str, Any]], None]] = {}
        self._numbers = 0

    def emit(self, count: int = 1, thread_id: str = "t1", filler_bytes: int = 0) -> int:
        """Append events; return the last seq."""
        rows = []
        for _ in range(count):
            self._numbers += 1
            rows.append(Row(thread_id, event_body(self._numbers, thread_id, filler_bytes)))
        return self.journal.append(rows)

    def snapshot(self, threads: Collection[str] | None) -> tuple[int, SnapshotState]:
        """Return the sessions that were asked for."""
        chosen = {k: v for k, v in self.sessions.items() if threads is None or k in threads}
        return self.journal.appended, SnapshotState(sessions=chosen)

    async def call(self, method: str, params: Wire) -> Any:
        """Do what the test has put into `answers`, else return an empty map."""
        self.calls.append((method, params))
        answer = self.answers.get(method)
        try:
            result = {} if answer is None else await answer(params)
        except asyncio.CancelledError:
            self.ended.append((method, "cancelled"))
            raise
        except Exception:
            self.ended.append((method, "raised"))
            raise
        self.ended.append((method, "returned"))
        return result

    def correlation(self, params: Any) -> Correlation:
        """Return the thread that the params name."""
        return Correlation(getattr(params, "thread_id", None))

    def client_arrived(self, client_id: str) -> None:
        """Note who came."""
        self.arrived.append(client_id)

    def follow(self, acked: int, window_bytes: int) -> "FakeFollowing":
        """Note who follows."""
        following = FakeFollowing(acked, window_bytes)
        self.following.append(following)
        return following

    def metrics_text(self) -> str:
        """Return one metric."""
        return "fake_total 1\n"

    def on_ephemeral(self, callback: Callable[[dict[str, Any]], None]) -> Callable[[], None]:
        """Call back with what has no seq."""
        token = object()
        self._ephemeral[token] = callback
        return lambda: (self._ephemeral.pop(token), None)[1]

    def tell(self, params: dict[str, Any]) -> None:
        """Say something that has no seq."""
        for callback in tuple(self._ephemeral.values()):
            callback(params)
