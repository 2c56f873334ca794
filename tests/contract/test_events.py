"""Every event type crosses the wire unharmed, and what a host app would drop is refused."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.contract.base import NON_BLANK, Wire
from sidecar.contract.events import EVENTS, Event, decode_event, encode_event, event_type_of
from tests.contract.strategies import structs

HOST_APP = Path(__file__).parents[1] / "fixtures" / "contract" / "host-app.txt"

OURS = {
    "session.exited": {"stderrTail"},
    "thread.state.changed": {"beforeTokens", "afterTokens"},
}
"""Optional keys that we add; a host app ignores what it does not know."""


def envelope(event_type: str, payload: Any, **more: Any) -> Event[Any]:
    return Event(
        event_id="ev-1",
        provider="demo",
        thread_id="thread-1",
        created_at="2026-11-22T16:00:00.000Z",
        type=event_type,
        payload=payload,
        generation=1,
        **more,
    )


def wire_keys(payload: type[Wire]) -> tuple[set[str], set[str]]:
    """Return required and optional keys, from the Struct itself."""
    names = payload.__struct_encode_fields__
    count = len(payload.__struct_defaults__)
    fields = {field.encode_name: field.required for field in msgspec.structs.fields(payload)}
    assert set(names) == set(fields)
    assert sum(not required for required in fields.values()) <= count
    return (
        {name for name, required in fields.items() if required},
        {name for name, required in fields.items() if not required},
    )


def host_app_keys() -> dict[str, tuple[set[str], set[str]]]:
    lines = [line for line in HOST_APP.read_text("utf-8").splitlines() if line[:1] != "#"]
    rows = {name: keys.split() for name, _, keys in (line.partition(":") for line in lines)}
    linkage = rows.pop("+")
    found = {}
    for name, own in rows.items():
        keys = [key for key in own if key != "+"] + (linkage if "+" in own else [])
        optional = {key.removesuffix("?") for key in keys if key.endswith("?")}
        found[name] = ({key for key in keys if not key.endswith("?")}, optional)
    return found


def test_types_and_keys_are_those_that_the_host_app_decodes() -> None:
    expected = host_app_keys()
    assert list(EVENTS) == list(expected)
    for name, row in EVENTS.items():
        required, optional = wire_keys(row.payload)
        assert (required, optional - OURS.get(name, set())) == expected[name], name


@pytest.mark.parametrize("event_type", EVENTS)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_every_type_round_trips(event_type: str, data: st.DataObject) -> None:
    event = envelope(event_type, data.draw(structs(EVENTS[event_type].payload)), turn_id="turn-1")
    body = encode_event(event)
    decoded = decode_event(event_type, body)
    assert encode_event(decoded) == body
    assert decoded == decode_event(event_type, encode_event(decoded))
    assert event_type_of(body) == event_type


@pytest.mark.must("P4.1")
@pytest.mark.parametrize("event_type", EVENTS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_the_wire_form_is_one_map_without_absent_keys(event_type: str, data: st.DataObject) -> None:
    row = EVENTS[event_type]
    drawn = data.draw(structs(row.payload))
    plain = msgspec.msgpack.decode(encode_event(envelope(event_type, drawn)))
    required, optional = wire_keys(row.payload)
    assert required <= set(plain["payload"]) <= required | optional
    assert None not in [plain["payload"][key] for key in optional & set(plain["payload"])]
    assert "turnId" not in plain


def text_fields() -> list[tuple[str, str]]:
    """Return (event type, key) of every text that a host app trims."""
    found = []
    for name, row in EVENTS.items():
        schema = msgspec.json.schema(row.payload)["$defs"][row.payload.__name__]["properties"]
        for key, field in schema.items():
            if any(part.get("pattern") == NON_BLANK for part in [field, *field.get("anyOf", [])]):
                found.append((name, key))
    return found


TEXT_FIELDS = text_fields()
assert TEXT_FIELDS, "no text found: the parameters below would be none"


@pytest.mark.parametrize(("event_type", "key"), TEXT_FIELDS)
@settings(max_examples=1, deadline=None)
@given(data=st.data())
def test_blank_text_is_refused(event_type: str, key: str, data: st.DataObject) -> None:
    event = envelope(event_type, data.draw(structs(EVENTS[event_type].payload)))
    plain = msgspec.msgpack.decode(encode_event(event))
    for blank in ("", " ", "\n\t", "\ufeff"):
        plain["payload"][key] = blank
        with pytest.raises(msgspec.ValidationError, match=rf"payload\.{key}"):
            decode_event(event_type, msgspec.msgpack.encode(plain))


def test_streamed_text_may_be_blank_but_not_empty() -> None:
    def body(delta: str) -> bytes:
        plain = msgspec.to_builtins(envelope("turn.proposed.delta", {"delta": delta}))
        return msgspec.msgpack.encode(plain)

    assert decode_event("turn.proposed.delta", body("\n")).payload.delta == "\n"
    with pytest.raises(msgspec.ValidationError, match=r"payload\.delta"):
        decode_event("turn.proposed.delta", body(""))


@pytest.mark.parametrize("bad", [-1, 1.5, 2**53, "7"])
def test_counts_are_checked_integers(bad: Any) -> None:
    plain = msgspec.to_builtins(
        envelope("thread.token-usage.updated", {"usage": {"usedTokens": bad}})
    )
    with pytest.raises(msgspec.ValidationError, match="usedTokens"):
        decode_event("thread.token-usage.updated", msgspec.msgpack.encode(plain))


def test_max_tokens_is_above_zero() -> None:
    plain = msgspec.to_builtins(
        envelope("thread.token-usage.updated", {"usage": {"usedTokens": 0, "maxTokens": 0}})
    )
    with pytest.raises(msgspec.ValidationError, match="maxTokens"):
        decode_event("thread.token-usage.updated", msgspec.msgpack.encode(plain))


@pytest.mark.parametrize("key", ["eventId", "provider", "threadId", "createdAt", "type"])
def test_the_envelope_needs_its_ids(key: str) -> None:
    for broken in ({key: ""}, {key: None}):
        plain = msgspec.to_builtins(envelope("turn.started", {})) | broken
        with pytest.raises(msgspec.ValidationError, match=key):
            decode_event("turn.started", msgspec.msgpack.encode(plain))


def test_a_generation_counts_from_one() -> None:
    plain = msgspec.to_builtins(envelope("turn.started", {})) | {"generation": 0}
    with pytest.raises(msgspec.ValidationError, match="generation"):
        decode_event("turn.started", msgspec.msgpack.encode(plain))


@pytest.mark.must("P2.9")
def test_unknown_keys_are_ignored() -> None:
    plain = msgspec.to_builtins(envelope("turn.aborted", {"reason": "asked for", "new": 1}))
    decoded = decode_event("turn.aborted", msgspec.msgpack.encode(plain | {"newer": {}}))
    assert decoded.payload.reason == "asked for"


def test_a_type_outside_the_table_is_no_event() -> None:
    with pytest.raises(KeyError):
        decode_event("turn.invented", b"\x80")


def test_what_is_not_durable_changes_no_snapshot() -> None:
    assert not [name for name, row in EVENTS.items() if row.fold and not row.durable]


def test_what_may_be_merged_is_streamed_text_alone() -> None:
    for row in EVENTS.values():
        if row.mergeable:
            assert "delta" in wire_keys(row.payload)[0]
            assert not row.fold
