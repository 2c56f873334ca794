"""What a client was sent and has acked: its credit in seqs (PROTOCOL §4). Pure.

sidecar/core/credit counts bytes; a client acks seqs. This is the map between the two.
"""

from collections import deque

from sidecar.bridge.refusals import Refusal, Refused
from sidecar.core.credit import CreditWindow


class Window:
    """One connection's window over the stream of events."""

    def __init__(self, credit_bytes: int, after: int) -> None:
        self._credit = CreditWindow(credit_bytes)
        self._under_way: deque[tuple[int, int]] = deque()
        """(last seq of a message, bytes sent up to its end)."""
        self._highest = after
        self.sent_seq = after
        """Last seq that the client was told of."""
        self.acked_seq = after

    @property
    def open(self) -> bool:
        """Whether one more events message may start."""
        return self._credit.open

    def sent(self, seq: int, size_bytes: int) -> None:
        """Note a message that tells of everything up to `seq`; 0 bytes for what costs no credit."""
        self._credit.sent(size_bytes)
        self._under_way.append((seq, self._credit.sent_total))
        self.sent_seq = seq
        self._highest = max(self._highest, seq)

    def ack(self, seq: int) -> bool:
        """Take an ack; return whether it moved anything.

        Raises Refused(ACK_UNSENT) for a seq that was never sent on this connection.
        """
        if seq > self._highest:
            raise Refused(Refusal.ACK_UNSENT, f"{seq}, but {self._highest} was sent")
        total = None
        while self._under_way and self._under_way[0][0] <= seq:
            total = self._under_way.popleft()[1]
        if total is not None:
            self._credit.acked(total)
        moved = total is not None or seq > self.acked_seq
        self.acked_seq = max(self.acked_seq, seq)
        return moved

    def restart(self, after: int) -> None:
        """Go on behind `after`, wherever that is; nothing sent before counts any more."""
        self._credit.acked(self._credit.sent_total)
        self._under_way.clear()
        self.sent_seq = after
        self.acked_seq = min(self.acked_seq, after)
        self._highest = max(self._highest, after)
