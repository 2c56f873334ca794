"""The event envelope: what stands around every payload (docs/EVENTS.md, Envelope).

An event is one MessagePack map. It is encoded once, by whoever says it (a session host, or the
supervisor for its own facts), and those bytes are what the journal stores and every client gets.
"""

from functools import cache
from typing import Any, Generic, TypeVar

import msgspec

from sidecar.contract.base import Name, NonBlank, Positive, Wire
from sidecar.contract.events.table import EVENTS

P = TypeVar("P")


class ProviderRefs(Wire, frozen=True):
    """The provider's own ids of what an event speaks about."""

    provider_turn_id: NonBlank | None = None
    provider_item_id: NonBlank | None = None
    provider_request_id: NonBlank | None = None


class RawMessage(Wire, frozen=True):
    """The provider's message behind an event, when `raw` is asked for."""

    source: NonBlank
    payload: Any
    method: NonBlank | None = None
    message_type: NonBlank | None = None


class Event(Wire, Generic[P], frozen=True):
    """One canonical event. `payload` is the Struct of the type's row in EVENTS."""

    event_id: Name
    provider: Name
    thread_id: Name
    created_at: Name
    type: Name
    payload: P
    generation: Positive
    provider_instance_id: Name | None = None
    turn_id: Name | None = None
    item_id: Name | None = None
    request_id: Name | None = None
    provider_refs: ProviderRefs | None = None
    raw: RawMessage | None = None


_ENCODER = msgspec.msgpack.Encoder()


def encode_event(event: Event[Any]) -> bytes:
    """Encode an event to its final bytes."""
    return _ENCODER.encode(event)


@cache
def _decoder(event_type: str) -> msgspec.msgpack.Decoder[Event[Any]]:
    payload = EVENTS[event_type].payload
    return msgspec.msgpack.Decoder(Event[payload])  # type: ignore[valid-type]


def decode_event(event_type: str, body: bytes | memoryview) -> Event[Any]:
    """Decode strictly, as the type's row says.

    Raises KeyError for a type outside the table and msgspec.ValidationError or
    msgspec.DecodeError (with the path of the bad field) for bytes that do not fit.
    """
    return _decoder(event_type).decode(body)


class _TypeOnly(Wire, frozen=True):
    type: str


_TYPE_DECODER = msgspec.msgpack.Decoder(_TypeOnly)


def event_type_of(body: bytes | memoryview) -> str:
    """Read just the type of an encoded event."""
    return _TYPE_DECODER.decode(body).type
