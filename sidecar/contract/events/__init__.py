"""Canonical events: payload Structs by topic, the table of types, the envelope."""

from sidecar.contract.events.envelope import (
    Event,
    ProviderRefs,
    RawMessage,
    decode_event,
    encode_event,
    event_type_of,
)
from sidecar.contract.events.table import EVENTS, EventSpec

__all__ = [
    "EVENTS",
    "Event",
    "EventSpec",
    "ProviderRefs",
    "RawMessage",
    "decode_event",
    "encode_event",
    "event_type_of",
]
