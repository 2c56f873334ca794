"""The last bytes of a command's output, always whole characters. Pure."""

import codecs

_CONTINUATION = 0x80
_CONTINUATION_MASK = 0xC0


class OutputTail:
    """Keeps at most `max_bytes` of UTF-8; the beginning is dropped, never half a character.

    Bytes that are no UTF-8 become U+FFFD, so that what is kept always encodes.
    """

    def __init__(self, max_bytes: int) -> None:
        self.truncated = False
        self._max_bytes = max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._kept = bytearray()

    def add(self, data: bytes) -> str:
        """Take the next bytes, b"" at the end of the output; return what they say."""
        text = self._decoder.decode(data, final=not data)
        self._kept += text.encode()
        if len(self._kept) > 2 * self._max_bytes:  # not at each piece: a cut moves all that is kept
            self._cut()
        return text

    @property
    def text(self) -> str:
        """What is kept."""
        self._cut()
        return self._kept.decode()

    def _cut(self) -> None:
        surplus = len(self._kept) - self._max_bytes
        if surplus <= 0:
            return
        while surplus < len(self._kept) and _is_inside(self._kept[surplus]):
            surplus += 1
        del self._kept[:surplus]
        self.truncated = True


def _is_inside(byte: int) -> bool:
    """Tell whether a byte continues a character."""
    return byte & _CONTINUATION_MASK == _CONTINUATION
