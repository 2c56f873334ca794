"""What hello must be, and what it is answered (PROTOCOL §3). Pure.

Owns proofs and version negotiation. Never decides what a cursor is worth: that is
sidecar/core/cursors.
"""

import hashlib
import hmac
from typing import Any, NamedTuple

from sidecar.bridge.bounds import CLIENT_ID_CHARS
from sidecar.bridge.codec import parse_params
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.bridge import Hello, HelloResult, Limits, ServerInfo
from sidecar.contract.errors import InvalidParams
from sidecar.contract.limits import (
    CREDIT_BYTES,
    CREDIT_MIN_BYTES,
    MESSAGE_BYTES,
    OPEN_REQUESTS,
    PROTOCOL_VERSION,
    TRANSFER_BYTES,
)
from sidecar.contract.vocabulary import GapReason

NONCE_BYTES = 16
"""Least length of the client's nonce: 128 bits do not repeat."""


class Identity(NamedTuple):
    """Who the server is to its clients, for as long as it runs."""

    token: str
    server: ServerInfo
    log_id: str
    epoch: int
    heartbeat_ms: int


def check_hello(params: dict[str, Any], token: str) -> Hello:
    """Return the hello of a client that may come in.

    Raises InvalidParams when the params do not fit, and Refused with UNAUTHENTICATED or
    NO_COMMON_PROTOCOL. Authentication comes first: a stranger learns nothing else.
    """
    hello = parse_params("hello", params, Hello)
    if len(hello.nonce) < NONCE_BYTES:
        raise InvalidParams(f"Cannot say hello: nonce is below {NONCE_BYTES} bytes", path="nonce")
    if len(hello.client.id) > CLIENT_ID_CHARS:
        text = f"Cannot say hello: client.id is over {CLIENT_ID_CHARS} characters"
        raise InvalidParams(text, path="client.id")
    if not hmac.compare_digest(sign(token, b"client", hello.nonce), hello.auth):
        raise Refused(Refusal.UNAUTHENTICATED)
    lowest, highest = hello.protocol
    if not lowest <= PROTOCOL_VERSION <= highest:
        detail = f"this server speaks {PROTOCOL_VERSION}"
        raise Refused(Refusal.NO_COMMON_PROTOCOL, detail)
    return hello


def sign(token: str, side: bytes, nonce: bytes, instance: str = "") -> bytes:
    """Return HMAC-SHA256 with the token's text as the key."""
    return hmac.digest(token.encode(), side + nonce + instance.encode(), hashlib.sha256)


def window_of(hello: Hello) -> int:
    """Return the credit in bytes that is in force for a client."""
    wanted = CREDIT_BYTES if hello.credit_bytes is None else hello.credit_bytes
    return max(wanted, CREDIT_MIN_BYTES)


def welcome(
    hello: Hello,
    identity: Identity,
    *,
    head: int,
    oldest: int,
    resumed: bool,
    reason: GapReason | None,
) -> HelloResult:
    """Return the result of hello. `resumed`: the stream goes on behind the client's cursor."""
    proof = sign(identity.token, b"server", hello.nonce, identity.server.instance)
    return HelloResult(
        protocol=PROTOCOL_VERSION,
        proof=proof,
        server=identity.server,
        log_id=identity.log_id,
        epoch=identity.epoch,
        head=head,
        oldest=oldest,
        resumed=resumed,
        reason=reason,
        heartbeat_ms=identity.heartbeat_ms,
        limits=Limits(
            message_bytes=MESSAGE_BYTES,
            transfer_bytes=TRANSFER_BYTES,
            credit_bytes=window_of(hello),
            open_requests=OPEN_REQUESTS,
        ),
    )
