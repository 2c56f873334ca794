"""The credit window of a sender: how many event bytes may be under way.

A message may start while unacked < credit, so one message larger than the window cannot deadlock
(ARCHITECTURE §2, overdraft by one). Both hops use it: host to supervisor, supervisor to client.
"""

from collections import deque


class CreditWindow:
    """Counts sent and acked bytes, both cumulative."""

    def __init__(self, credit_bytes: int) -> None:
        self._credit = credit_bytes
        self._sent = 0
        self._acked = 0

    @property
    def open(self) -> bool:
        """Whether one more message may start."""
        return self.unacked < self._credit

    @property
    def unacked(self) -> int:
        """Bytes sent and not acked."""
        return self._sent - self._acked

    @property
    def sent_total(self) -> int:
        """Bytes sent since the beginning."""
        return self._sent

    def sent(self, size: int) -> None:
        """Note that a message of `size` bytes was started."""
        self._sent += size

    def acked(self, total: int) -> None:
        """Note a cumulative ack. A lower one than before is ignored.

        Raises ValueError for an ack of bytes that were never sent.
        """
        if total > self._sent:
            raise ValueError(f"ack of {total} bytes, but only {self._sent} were sent")
        self._acked = max(self._acked, total)

    def resize(self, credit_bytes: int) -> None:
        """Change the window; takes effect for the next message."""
        self._credit = credit_bytes


class CreditOwed:
    """The other end of a window: what was received, what of it is stored, what was told of that."""

    def __init__(self, credit_bytes: int) -> None:
        self._credit_told = credit_bytes
        self._received = 0
        self._unstored: deque[tuple[int, int]] = deque()
        """Sequence numbers, and what had been received in all with them."""
        self._stored = 0
        self._told = 0

    @property
    def untold(self) -> int:
        """Bytes received that the sender has had no ack for."""
        return self._received - self._told

    @property
    def exhausted(self) -> bool:
        """Whether the sender may start nothing more, for all that it knows."""
        return self.untold >= self._credit_told

    def offered(self, credit_bytes: int) -> None:
        """Note the window that the sender begins with."""
        self._credit_told = credit_bytes

    def took(self, seq: int, size: int) -> None:
        """Note bytes that are stored once `seq` is."""
        self._received += size
        self._unstored.append((seq, self._received))

    def stored(self, head: int) -> None:
        """Note that everything up to `head` is stored."""
        while self._unstored and self._unstored[0][0] <= head:
            self._stored = self._unstored.popleft()[1]

    def due(self, credit_bytes: int) -> bool:
        """Tell whether an ack is worth a frame: a quarter of the smaller window, old or new."""
        return self._stored - self._told >= min(credit_bytes, self._credit_told) // 4

    @property
    def ack(self) -> int:
        """What the sender is to be told: bytes stored, cumulative."""
        return self._stored

    def told(self, ack: int, credit_bytes: int) -> None:
        """Note that the sender was told `ack` and the window; not before it was."""
        self._told, self._credit_told = ack, credit_bytes
