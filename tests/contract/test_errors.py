"""Every error has its own code and key, and survives the wire."""

import msgspec
import pytest

from sidecar.contract import errors
from sidecar.contract.errors import ERRORS, ErrorBody, InternalError, SidecarError, error_from_body


def test_codes_and_keys_are_unique() -> None:
    classes = list(ERRORS.values())
    assert len({cls.code for cls in classes}) == len({cls.key for cls in classes}) == len(classes)


@pytest.mark.must("P6.2")
def test_the_adapter_errors_have_their_documented_codes() -> None:
    assert {cls.key: cls.code for cls in ERRORS.values() if -32014 <= cls.code <= -32010} == {
        "session_not_found": -32010,
        "session_closed": -32011,
        "provider_request": -32012,
        "provider_process": -32013,
        "validation": -32014,
    }


@pytest.mark.must("P6.1")
@pytest.mark.parametrize("key", ERRORS)
def test_an_error_survives_the_wire(key: str) -> None:
    error = ERRORS[key]("Cannot do it: why", threadId="thread-1")
    encoded = msgspec.msgpack.encode(error.body())
    again = error_from_body(msgspec.msgpack.decode(encoded, type=ErrorBody))
    assert (type(again), again.message, again.data) == (type(error), error.message, error.data)
    plain = msgspec.msgpack.decode(encoded)
    assert ("retryable" in plain) is ERRORS[key].retryable


def test_data_and_retryable_are_absent_when_they_say_nothing() -> None:
    plain = msgspec.to_builtins(InternalError("It failed").body())
    assert plain == {"code": -32603, "key": "internal", "message": "It failed"}


@pytest.mark.must("P6.3")
def test_an_error_of_a_later_version_is_taken_as_internal() -> None:
    body = ErrorBody(code=-32099, key="of_a_later_version", message="new", data={"a": 1})
    error = error_from_body(body)
    assert (type(error), error.message, error.data) == (InternalError, "new", {"a": 1})


def test_the_module_opens_with_the_whole_tree() -> None:
    tree = errors.__doc__ or ""
    for cls in ERRORS.values():
        assert f"─ {cls.__name__} " in tree
        assert str(cls.code).replace("-", "−") in tree


@pytest.mark.parametrize("cls", ERRORS.values(), ids=lambda cls: cls.__name__)
def test_every_error_says_when_it_is_raised(cls: type[SidecarError]) -> None:
    assert (cls.__doc__ or "").startswith("Raised ")
