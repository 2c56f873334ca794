"""The credit window of a sender: how many event bytes may be under way.

A message may start while unacked < credit, so one message larger than the window cannot deadlock
(ARCHITECTURE §2, overdraft by one). Both hops use it: host to supervisor, supervisor to client.
"""


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
