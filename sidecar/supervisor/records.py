"""What is kept of a session across the supervisor's death: how to start it again.

Secrets never get here: values of `env` (and `options.env`, MCP headers) live in the memory of
supervisor and host alone. A record says only that there were some.
"""

import re
from typing import Any

import msgspec

from sidecar.contract.base import Wire
from sidecar.contract.methods import SessionStartParams

SECRET_OPTIONS = ("env", "mcpServers", "headers")
"""Keys of `options` whose values may hold secrets."""

PLAIN_ENV = frozenset({"ELECTRON_RUN_AS_NODE"})
"""Variables that hold no secret: electron-glue sets it for the runner of the Agent SDK."""

SECRET_NAME = re.compile(
    r"token|secret|passw|passphrase|(api|access|private)[_-]?key|authorization|credential"
    r"|bearer|cookie",
    re.IGNORECASE,
)
"""The same by what a key is called, at any depth."""

COUNT_NAME = re.compile(r"[tT]okens$")
"""What is counted in tokens, such as `maxThinkingTokens`: a number there is no secret."""


class SessionRecord(Wire, frozen=True):
    """A session's start params without secrets.

    `wanted`: it ran and nobody had stopped it. `parked`: it comes back when it is asked for
    something.
    """

    start: SessionStartParams
    had_secrets: bool
    wanted: bool
    parked: bool = False


def make_record(start: SessionStartParams, *, wanted: bool, parked: bool = False) -> SessionRecord:
    """Strip the secrets off."""
    options = start.options or {}
    bare = _without_secrets(options)
    secret = bool(start.env) or bare != options
    return SessionRecord(
        start=msgspec.structs.replace(start, env=None, options=bare or None),
        had_secrets=secret,
        wanted=wanted,
        parked=parked,
    )


def _without_secrets(value: Any) -> Any:
    """Return `value` without what is named like a secret, however deep; empty ones are none."""
    if isinstance(value, dict):
        return {
            key: _without_secrets(inner)
            for key, inner in value.items()
            if not (inner and _is_secret(str(key), inner))
        }
    if isinstance(value, list):
        return [_without_secrets(item) for item in value]
    return value


def _is_secret(key: str, value: Any) -> bool:
    if isinstance(value, int | float) and COUNT_NAME.search(key):
        return False
    if key == "env" and isinstance(value, dict) and PLAIN_ENV.issuperset(value):
        return False
    return key in SECRET_OPTIONS or SECRET_NAME.search(key) is not None


_DECODER = msgspec.msgpack.Decoder(SessionRecord)


def encode_record(record: SessionRecord) -> bytes:
    """Return the bytes that the journal's store keeps."""
    return msgspec.msgpack.encode(record)


def decode_record(blob: bytes) -> SessionRecord:
    """Read a record back. Raises msgspec.DecodeError for a damaged one."""
    return _DECODER.decode(blob)
