"""Who is connected, and whose cursor holds retention back.

Owns the bounds on connections, takeover, and the leases of clients that are gone.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator

from sidecar.bridge.backend import JournalView
from sidecar.bridge.bounds import CONNECTIONS, PINS
from sidecar.bridge.connection import Connection
from sidecar.bridge.lifetime import Phase
from sidecar.bridge.refusals import Refusal
from sidecar.contract.limits import CONNECTIONS_BEFORE_HELLO


class Clients:
    """The connections of a server."""

    def __init__(self, journal: JournalView, lease_s: float) -> None:
        self._journal = journal
        self._lease_s = lease_s
        self._connections: set[Connection] = set()
        self._by_client: dict[str, Connection] = {}
        self._leases: OrderedDict[str, asyncio.TimerHandle | None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._connections)

    def __iter__(self) -> Iterator[Connection]:
        return iter(tuple(self._connections))

    @property
    def full(self) -> bool:
        """Whether one more connection is refused."""
        waiting = sum(c.phase is Phase.AWAITING_HELLO for c in self._connections)
        return waiting >= CONNECTIONS_BEFORE_HELLO or len(self._connections) >= CONNECTIONS

    def add(self, connection: Connection) -> None:
        """Take note of a new connection."""
        self._connections.add(connection)

    def remove(self, connection: Connection) -> None:
        """Take note of one that has ended: its client's lease begins to run out."""
        self._connections.discard(connection)
        client_id = connection.client_id
        if client_id is not None and self._by_client.get(client_id) is connection:
            del self._by_client[client_id]
            if client_id in self._leases:
                loop = asyncio.get_running_loop()
                self._leases[client_id] = loop.call_later(self._lease_s, self._unpin, client_id)

    def welcomed(self, connection: Connection, client_id: str, cursor: int) -> None:
        """Take note of a hello: whoever had the id before is replaced."""
        before = self._by_client.get(client_id)
        self._by_client[client_id] = connection
        if before is not None:
            before.leave(Refusal.REPLACED)
        self._pin(client_id, cursor)

    def acked(self, client_id: str, seq: int) -> None:
        """Take note of what a client has committed."""
        if client_id in self._leases:
            self._journal.pin(client_id, seq)

    def close(self) -> None:
        """Let go of all leases."""
        for timer in self._leases.values():
            if timer is not None:
                timer.cancel()
        self._leases.clear()

    def _pin(self, client_id: str, cursor: int) -> None:
        timer = self._leases.pop(client_id, None)
        if timer is not None:
            timer.cancel()
        self._leases[client_id] = None
        self._journal.pin(client_id, cursor)
        if len(self._leases) > PINS:
            gone = next((c for c, timer in self._leases.items() if timer is not None), None)
            self._unpin(gone if gone is not None else next(iter(self._leases)))

    def _unpin(self, client_id: str) -> None:
        timer = self._leases.pop(client_id)
        if timer is not None:
            timer.cancel()
        self._journal.unpin(client_id)
