"""Who may speak HTTP to the bridge: the rules of Host, Origin and the bearer token (P2.3, P7).

Pure: headers in, a refusal or None out.
"""

import hmac
from collections.abc import Sequence
from typing import NamedTuple


class HttpRefusal(NamedTuple):
    """A status and what the body says."""

    status: int
    text: str


FOREIGN_ORIGIN = HttpRefusal(403, "requests of web pages are refused")
FOREIGN_HOST = HttpRefusal(403, "the Host is not this sidecar's")
NO_SUBPROTOCOL = HttpRefusal(400, "offer the WebSocket subprotocol sidecar.v1")
NOT_A_WEBSOCKET = HttpRefusal(400, "this path is a WebSocket")
NO_TOKEN = HttpRefusal(401, "the bearer token is missing or wrong")
GOING_DOWN = HttpRefusal(503, "the sidecar goes down")

HOSTS = ("127.0.0.1", "localhost")


def check_source(hosts: Sequence[str], has_origin: bool, port: int) -> HttpRefusal | None:
    """Refuse whatever a web page can cause: any Origin, and a Host that a name was rebound to."""
    if has_origin:
        return FOREIGN_ORIGIN
    if len(hosts) != 1 or hosts[0].lower() not in [f"{name}:{port}" for name in HOSTS]:
        return FOREIGN_HOST
    return None


def check_bearer(authorization: str | None, token: str) -> HttpRefusal | None:
    """Refuse anything but the token, in constant time."""
    scheme, _, given = (authorization or "").partition(" ")
    right = hmac.compare_digest(given.strip().encode(), token.encode())
    return None if right and scheme.lower() == "bearer" else NO_TOKEN
