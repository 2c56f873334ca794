"""An event as a client got it, by whatever client."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Received(NamedTuple):
    """One event as it came: `body` is its bytes, `event` the decoded map."""

    seq: int
    event: dict[str, Any]
    body: bytes
    at_mono_s: float


def seqs(events: Iterable[Received]) -> list[int]:
    """Return the sequence numbers of events."""
    return [received.seq for received in events]
