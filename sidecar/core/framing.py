"""Length-prefixed frames, sans-I/O: bytes in, whole frames out.

A frame is a 4-byte big-endian length and that many bytes. Knows nothing of what is in a frame.
"""

from collections.abc import Iterator

from sidecar.contract.errors import SidecarError

HEADER_BYTES = 4


class ProtocolViolation(SidecarError):  # noqa: N818 - named after what happened
    """Raised when a peer inside the sidecar breaks the frame protocol; the peer is killed."""

    key = "protocol_violation"


def encode_frame(payload: bytes) -> bytes:
    """Return the payload with its length before it."""
    return len(payload).to_bytes(HEADER_BYTES, "big") + payload


class FrameDecoder:
    """Cuts a byte stream into frames of at most `max_bytes`.

    Holds at most one unfinished frame. Raises ProtocolViolation for a longer one.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield every frame that `data` completes, in order."""
        buffer = self._buffer
        buffer += data
        start = 0
        try:
            while len(buffer) - start >= HEADER_BYTES:
                length = int.from_bytes(buffer[start : start + HEADER_BYTES], "big")
                if length > self._max_bytes:
                    raise ProtocolViolation(
                        f"A frame of {length} bytes is over the bound of {self._max_bytes}",
                        length=length,
                    )
                end = start + HEADER_BYTES + length
                if len(buffer) < end:
                    break
                yield bytes(memoryview(buffer)[start + HEADER_BYTES : end])
                start = end
        finally:
            del buffer[:start]

    @property
    def pending_bytes(self) -> int:
        """Bytes of the unfinished frame."""
        return len(self._buffer)
