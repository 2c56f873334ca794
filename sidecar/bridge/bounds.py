"""The bridge's own bounds and deadlines, each with its unit and its reason.

What a client must know stands in sidecar/contract/limits; this is what only the server knows.
"""

from dataclasses import dataclass

from sidecar.contract.limits import HELLO_DEADLINE_S, MIB, TRANSFER_BYTES

CONNECTIONS = 64
"""WebSocket connections at once; an app has one or two. One more is closed with 4429."""

TCP_CONNECTIONS = 256
"""TCP connections at once, HTTP and strangers included; one more is reset. Below the usual limit
of 1,024 descriptors, so that a stranger cannot take those that sessions need."""

EVENTS_BYTES = 256 * 1024
"""Event bytes in one `events` message: large enough that framing costs nothing, small enough that
a response is never long behind one."""

EVENTS_COUNT = 1_000
"""Events in one `events` message: bounds the work of one turn of the loop."""

OUTBOX_BYTES = 4 * MIB
"""Responses that wait for the socket, a connection. While that much waits, no further one is even
encoded."""

EPHEMERAL_BYTES = 64 * 1024
"""Ephemeral messages that wait for the socket, a connection; the oldest are dropped."""

TRANSFERS_BYTES = 2 * TRANSFER_BYTES
"""Chunks of unfinished messages, over all connections."""

REMEMBERED_CIDS = 1_024
"""Finished transfers whose cid is refused on a second use."""

VALUE_DEPTH = 64
"""Nesting of a message. What a client sends is a handful deep; a provider's option perhaps ten."""

VALUES = 200_000
"""Values in one message: bounds the time that looking at them takes (about 50 ms)."""

CLIENT_ID_CHARS = 256
KEY_CHARS = 256
"""Ids and idempotency keys that the journal keeps for a client."""

CALLS = 1_024
"""Calls under way over all connections, those of dropped connections included."""

PAGE_BYTES = 4 * MIB
"""Event bytes in one result of `events.read`."""

PAGE_EVENTS = 10_000

SCAN_BYTES = 32 * MIB
"""Journal that one `events.read` with a filter looks through before it answers with what it has."""

COMMIT_S = 5.0
"""Waiting for the journal before a response goes out without it: a commit takes milliseconds, and
a full disk must not keep answers back."""

PINS = 64
"""Clients whose cursor holds retention back, connected or not."""


@dataclass(frozen=True)
class Timings:
    """The server's deadlines in seconds; tests shrink them."""

    hello_s: float = HELLO_DEADLINE_S
    close_s: float = 2.0
    """Flushing the last words and the closing handshake; then the socket is reset."""

    stall_s: float = 30.0
    """A response waits that long for a client that does not read, then 4413."""

    drain_s: float = 2.0
    """A shutdown waits that long for the last events and answers to go out."""

    lease_s: float = 600.0
    """The cursor of a client that is gone holds retention back for that long."""
