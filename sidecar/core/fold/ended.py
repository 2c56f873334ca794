"""A session that has ended, in as few bytes as it can be kept in.

Of the sessions that a fold keeps nearly all have ended, and nobody looks at them: as objects each
would cost 2 KiB, scattered among what comes and goes. Owns how a session becomes bytes.
"""

from typing import Any

import msgspec

from sidecar.contract.snapshot import SessionSnapshot
from sidecar.core.fold.state import SessionFold
from sidecar.core.fold.text import TextWindow


def encode_hook(value: Any) -> Any:
    """Write what msgspec does not know."""
    if isinstance(value, TextWindow):
        return value.dump()
    raise NotImplementedError(type(value).__name__)


def decode_hook(kind: type, value: Any) -> Any:
    """Read it back."""
    if kind is TextWindow:
        return TextWindow.load(value)
    raise NotImplementedError(kind.__name__)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=encode_hook)
_DECODER = msgspec.msgpack.Decoder(SessionFold, dec_hook=decode_hook)


class EndedFold(msgspec.Struct, frozen=True, gc=False):
    """A packed session, and of it what is asked for without unpacking it."""

    generation: int
    parent: str | None
    blob: bytes
    """As a session stands in a dump."""

    @classmethod
    def packed(cls, session: SessionFold) -> "EndedFold":
        """Pack a session."""
        return cls(session.generation, session.parent, _ENCODER.encode(session))

    def unpacked(self) -> SessionFold:
        """Return an equal session; changing it changes nothing here."""
        return _DECODER.decode(self.blob)

    def snapshot(self, children: list[str]) -> SessionSnapshot:
        """Return the session as a snapshot carries it."""
        return self.unpacked().snapshot(children)
