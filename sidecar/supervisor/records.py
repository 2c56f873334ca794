"""What is kept of a session across the supervisor's death: how to start it again.

Secrets never get here: values of `env` (and `options.env`, MCP headers) live in the memory of
supervisor and host alone. A record says only that there were some.
"""

from typing import Any

import msgspec

from sidecar.contract.base import Wire
from sidecar.contract.methods import SessionStartParams

SECRET_OPTIONS = ("env", "mcpServers", "headers")
"""Keys of `options` whose values may hold secrets."""


class SessionRecord(Wire, frozen=True):
    """A session's start params without secrets. `wanted`: it ran and nobody had stopped it."""

    start: SessionStartParams
    had_secrets: bool
    wanted: bool


def make_record(start: SessionStartParams, *, wanted: bool) -> SessionRecord:
    """Strip the secrets off."""
    options = start.options or {}
    secret = bool(start.env) or any(options.get(key) for key in SECRET_OPTIONS)
    bare: dict[str, Any] = {k: v for k, v in options.items() if k not in SECRET_OPTIONS}
    return SessionRecord(
        start=msgspec.structs.replace(start, env=None, options=bare or None),
        had_secrets=secret,
        wanted=wanted,
    )


_DECODER = msgspec.msgpack.Decoder(SessionRecord)


def encode_record(record: SessionRecord) -> bytes:
    """Return the bytes that the journal's store keeps."""
    return msgspec.msgpack.encode(record)


def decode_record(blob: bytes) -> SessionRecord:
    """Read a record back. Raises msgspec.DecodeError for a damaged one."""
    return _DECODER.decode(blob)
