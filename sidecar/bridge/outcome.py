"""How a call ended: what is answered, and what is kept for a repeated key. Pure."""

import hashlib
from typing import Any, NamedTuple

import msgspec

from sidecar.contract.base import Wire
from sidecar.contract.errors import ErrorBody, NotInitialised, Overloaded, ShuttingDown


class Outcome(NamedTuple):
    """A result or an error, as plain values."""

    error: ErrorBody | None
    result: Any = None

    @property
    def final(self) -> bool:
        """Whether a repeated key gets this answer again.

        Errors that say "nothing has happened, come again" are not kept: the same key may then run.
        """
        return self.error is None or self.error.key not in _COME_AGAIN


_COME_AGAIN = frozenset({Overloaded.key, ShuttingDown.key, NotInitialised.key})

_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Outcome)
_CANONICAL = msgspec.msgpack.Encoder(order="deterministic")

KEY_FIELD = "idempotency_key"


def plain(result: Any) -> dict[str, Any]:
    """Return a method's result as plain values."""
    out = msgspec.to_builtins(result, builtin_types=(bytes,))
    assert out is None or isinstance(out, dict), "the result of a method is a map"
    return out or {}


def store(outcome: Outcome) -> bytes:
    """Return the bytes that the journal keeps."""
    return _ENCODER.encode(outcome)


def restore(answer: bytes) -> Outcome:
    """Read what `store` wrote."""
    return _DECODER.decode(answer)


def fingerprint(params: Wire) -> bytes:
    """Return a hash that two sets of params share when they mean the same.

    The key itself, unknown keys, defaults and the order of keys do not count.
    """
    values = {name: getattr(params, name) for name in params.__struct_fields__ if name != KEY_FIELD}
    return hashlib.sha256(_CANONICAL.encode(values)).digest()
