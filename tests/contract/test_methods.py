"""The method table is consistent, and params and results cross the wire unharmed."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.contract.methods import METHODS
from sidecar.contract.results import Capabilities, ProviderStatus
from tests.contract.strategies import structs

KEY = "idempotency_key"


def fields(struct: Any) -> dict[str, bool]:
    """Return field → required."""
    return {field.name: field.required for field in msgspec.structs.fields(struct)}


@pytest.mark.must("P5.3")
@pytest.mark.parametrize("name", METHODS)
def test_a_method_needs_a_key_exactly_when_it_is_idempotent(name: str) -> None:
    spec = METHODS[name]
    params = fields(spec.params)
    assert params.get(KEY, False) is spec.idempotent
    assert (KEY in params) is spec.idempotent


@pytest.mark.must("P5.2")
@pytest.mark.parametrize("name", METHODS)
def test_the_result_of_a_mutating_method_has_room_for_at(name: str) -> None:
    spec = METHODS[name]
    if spec.mutating:
        assert "at" in fields(spec.result)


def test_an_idempotent_method_mutates() -> None:
    assert all(spec.mutating for spec in METHODS.values() if spec.idempotent)


def test_what_waits_for_its_session_names_it() -> None:
    for spec in METHODS.values():
        assert spec.lane == "free" or fields(spec.params)["thread_id"], spec.name


@pytest.mark.must("P5.9")
def test_stop_interrupt_and_answers_are_express() -> None:
    express = {spec.name for spec in METHODS.values() if spec.lane == "express"}
    assert express == {
        "session.interrupt",
        "session.respondToRequest",
        "session.respondToUserInput",
        "session.stop",
    }


@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_params_and_results_round_trip(name: str, data: st.DataObject) -> None:
    for struct in (METHODS[name].params, METHODS[name].result):
        encoded = msgspec.msgpack.encode(data.draw(structs(struct)))
        again = msgspec.msgpack.encode(msgspec.msgpack.decode(encoded, type=struct))
        assert again == encoded


@pytest.mark.must("P2.7")
@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_nil_params_are_absent_ones(name: str, data: st.DataObject) -> None:
    struct = METHODS[name].params
    drawn = data.draw(structs(struct))
    optional = [f for f in msgspec.structs.fields(struct) if not f.required and f.default is None]
    nils = {field.encode_name: None for field in optional}
    present = msgspec.to_builtins(drawn, builtin_types=[bytes])
    assert msgspec.convert(nils | present, struct) == msgspec.convert(present, struct)


@pytest.mark.must("P2.9")
@pytest.mark.parametrize("name", METHODS)
@settings(max_examples=3, deadline=None)
@given(data=st.data())
def test_unknown_params_are_ignored(name: str, data: st.DataObject) -> None:
    struct = METHODS[name].params
    drawn = data.draw(structs(struct))
    plain = msgspec.to_builtins(drawn, builtin_types=[bytes]) | {"ofALaterVersion": 1}
    assert msgspec.convert(plain, struct) == drawn


def test_a_provider_says_all_of_its_capabilities() -> None:
    status = ProviderStatus("demo", "Demo", installed=True, auth="ok", capabilities=Capabilities())
    said = msgspec.to_builtins(status)["capabilities"]
    assert len(said) == len(fields(Capabilities))
    assert said["resume"] == "none"
