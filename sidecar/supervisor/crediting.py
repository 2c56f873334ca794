"""What one generation's host may say: credit for what is on disk, and what its clients have taken.

Owns the books of one host. How an ack reaches it is the generation's affair.
"""

import contextlib
from collections.abc import Callable

from sidecar.contract.limits import FRAME_BYTES, HOST_CREDIT_BYTES
from sidecar.core.credit import CreditOwed
from sidecar.core.framing import ProtocolViolation
from sidecar.supervisor.deps import Shared

OVERDRAFT_BYTES = HOST_CREDIT_BYTES + 2 * FRAME_BYTES
"""What a host may have under way: its credit, one event beyond it, and what an exit flushes."""

Tell = Callable[[int, int], None]
"""Sends a host the bytes that are on disk, cumulative, and its window."""


class HostCredit:
    """Use: follow, offer, took …, close. `tell` is called when an ack is due, and only then."""

    def __init__(self, shared: Shared, tell: Tell) -> None:
        self._shared = shared
        self._tell = tell
        self._owed = CreditOwed(shared.host_credit())
        self._unsubscribe: Callable[[], None] = lambda: None

    @property
    def exhausted(self) -> bool:
        """Whether the host reads nothing more, so that nothing of it can come."""
        return self._owed.exhausted

    def follow(self) -> None:
        """Be told of commits from now on."""
        journal = self._shared.events.journal
        with contextlib.ExitStack() as ends:
            ends.callback(journal.subscribe(self._on_commit))
            ends.callback(journal.on_state(lambda *_: self._on_commit(journal.head)))
            self._unsubscribe = ends.pop_all().close

    def offer(self) -> int:
        """Return the window, in bytes, that the host begins with."""
        credit_bytes = self._shared.host_credit()
        self._owed.offered(credit_bytes)
        return credit_bytes

    def took(self, seq: int, cost_bytes: int) -> None:
        """Note what the host has said, the last of it with `seq`.

        Raises ProtocolViolation for a host that says far more than it may.
        """
        self._owed.took(seq, cost_bytes)
        self._shared.pace.said(self, seq, cost_bytes)
        if self._owed.untold > OVERDRAFT_BYTES:
            raise ProtocolViolation("its host says far more than it has credit for")

    def go_on(self) -> None:
        """Give the credit that is due; nothing happens when none is (Paced)."""
        self._on_commit(self._shared.events.journal.head)

    def close(self) -> None:
        """Give no more."""
        self._unsubscribe()
        self._shared.pace.forget(self)

    def _on_commit(self, head: int) -> None:
        """Give credit back for what is on disk, at least a quarter of the window at a time."""
        self._owed.stored(head)
        if self._shared.events.journal.state != "ok":
            return  # a host without credit leaves the last room on the disk to exits
        credit_bytes = self._shared.host_credit()
        if not self._owed.due(credit_bytes) or self._shared.pace.holds(self):
            return
        ack = self._owed.ack
        self._tell(ack, credit_bytes)
        self._owed.told(ack, credit_bytes)  # behind it: what could not be said is still due
