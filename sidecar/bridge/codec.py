"""Messages of the bridge as bytes, and back (PROTOCOL §2). Sans-I/O.

Owns what a well-formed message is. Never knows what a method means.

Decoding goes in two steps. The envelope is decoded with `params` left raw, for which the decoder
walks over every byte without making a value: truncated or lying lengths are found before any of
them is believed. Then `params` becomes plain values, which are looked at once, without recursion.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, NamedTuple, TypeVar, get_args

import msgspec

from sidecar.bridge.bounds import VALUE_DEPTH, VALUES
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.base import MAX_INT, Wire
from sidecar.contract.bridge import MessageKind
from sidecar.contract.errors import ErrorBody, InvalidParams

P = TypeVar("P", bound=Wire)

_Id = Annotated[int, msgspec.Meta(ge=0, le=MAX_INT)]


class Request(NamedTuple):
    """A request; `params` are plain values."""

    id: int
    method: str
    params: dict[str, Any]


class MisshapenRequest(NamedTuple):
    """A request of a wrong shape whose id can be read: it is answered `invalid_request`."""

    id: int
    detail: str


class Notification(NamedTuple):
    """A notification; `params` are plain values."""

    method: str
    params: dict[str, Any]


Message = Request | MisshapenRequest | Notification


class _Request(
    msgspec.Struct, array_like=True, tag=int(MessageKind.REQUEST), forbid_unknown_fields=True
):
    id: _Id
    method: str
    params: msgspec.Raw


class _Notification(
    msgspec.Struct, array_like=True, tag=int(MessageKind.NOTIFICATION), forbid_unknown_fields=True
):
    method: str
    params: msgspec.Raw


class _Numbered(msgspec.Struct, array_like=True, tag=int(MessageKind.REQUEST)):
    id: _Id


_ENVELOPE = msgspec.msgpack.Decoder(_Request | _Notification)
_NUMBERED = msgspec.msgpack.Decoder(_Numbered)
_PLAIN = msgspec.msgpack.Decoder()
_ENCODER = msgspec.msgpack.Encoder()


class _WrongValueError(ValueError):
    """Raised by _check: MessagePack, but not what the protocol has."""


def decode(data: bytes) -> Message:
    """Decode one message of a client.

    Raises Refused: NOT_MSGPACK for bytes that are no MessagePack value, SHAPE for a value that is
    no message, VALUE for a notification with a value that the protocol does not have.
    """
    try:
        envelope = _ENVELOPE.decode(data)
    except msgspec.ValidationError as error:
        return _misshapen(data, str(error))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(Refusal.NOT_MSGPACK, str(error)) from None
    except RecursionError:
        raise Refused(Refusal.SHAPE, "nested too deeply") from None
    try:
        params = _plain(envelope.params)
    except _WrongValueError as error:
        if isinstance(envelope, _Request):
            return MisshapenRequest(envelope.id, str(error))
        raise Refused(Refusal.VALUE, str(error)) from None
    if isinstance(envelope, _Request):
        return Request(envelope.id, envelope.method, params)
    return Notification(envelope.method, params)


def _misshapen(data: bytes, detail: str) -> MisshapenRequest:
    try:
        return MisshapenRequest(_NUMBERED.decode(data).id, detail)
    except msgspec.ValidationError:
        raise Refused(Refusal.SHAPE, detail) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused(Refusal.NOT_MSGPACK, str(error)) from None
    except RecursionError:
        raise Refused(Refusal.SHAPE, "nested too deeply") from None


def _plain(raw: msgspec.Raw) -> dict[str, Any]:
    try:
        params = _PLAIN.decode(raw)
    except UnicodeDecodeError as error:
        raise Refused(Refusal.NOT_MSGPACK, str(error)) from None
    except (msgspec.DecodeError, TypeError, RecursionError) as error:
        # a key that cannot be hashed is a TypeError or a DecodeError, as msgspec pleases
        raise _WrongValueError(str(error)) from None
    if not isinstance(params, dict):
        raise _WrongValueError("params is not a map")
    _check(params)
    return params


def _check(root: Any) -> None:
    """Raise _WrongValueError unless all values are what PROTOCOL §2 allows."""
    level, depth, count = [root], 0, 0
    while level:
        depth += 1
        count += len(level)
        if depth > VALUE_DEPTH or count > VALUES:
            raise _WrongValueError(
                "nested too deeply" if depth > VALUE_DEPTH else "too many values"
            )
        below: list[Any] = []
        for value in level:
            _check_one(value, below)
        level = below


def _check_one(value: Any, below: list[Any]) -> None:
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise _WrongValueError("a map key is not a string")
        below.extend(value.values())
    elif isinstance(value, list):
        below.extend(value)
    elif isinstance(value, int):
        if not -MAX_INT <= value <= MAX_INT:
            raise _WrongValueError("an integer beyond 2^53-1")
    elif not (value is None or isinstance(value, str | bytes | float)):
        raise _WrongValueError("an extension type")


def encode_response(number: int, result: Any) -> bytes:
    """Encode the answer to request `number`; `result` is a Wire or plain values."""
    return _ENCODER.encode((int(MessageKind.RESPONSE), number, None, result))


def encode_error(number: int, error: ErrorBody) -> bytes:
    """Encode the refusal of request `number`."""
    return _ENCODER.encode((int(MessageKind.RESPONSE), number, error, None))


def encode_notification(method: str, params: Wire | Mapping[str, Any]) -> bytes:
    """Encode a notification."""
    return _ENCODER.encode((int(MessageKind.NOTIFICATION), method, params))


_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_MISSING = re.compile(r"missing required field `(?P<name>[^`]+)`")


def parse_params(method: str, params: dict[str, Any], shape: type[P]) -> P:
    """Turn plain params into the method's Struct; nil counts as absent.

    Raises InvalidParams with `data.path`, the dotted path of the field that does not fit.
    """
    try:
        return msgspec.convert(_present(params, shape), shape, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        path = _path_of(str(error))
        text = f"Cannot call {method}: {_AT.sub('', str(error))}"
        raise InvalidParams(f"{text} (at {path})", path=path, method=method) from None


def _present(given: dict[str, Any], shape: type[Wire]) -> dict[str, Any]:
    """Return a map without its nils; those in maps that the contract does not know stay."""
    known = _shapes(shape)
    return {k: _within(value, known.get(k)) for k, value in given.items() if value is not None}


def _within(value: Any, shape: type[Wire] | None) -> Any:
    if shape is not None and isinstance(value, dict):
        return _present(value, shape)
    if shape is not None and isinstance(value, list):
        return [_within(part, shape) for part in value]
    return value


@cache
def _shapes(shape: type[Wire]) -> dict[str, type[Wire] | None]:
    """Return which keys hold a Struct of the contract, or a list of such."""
    return {field.encode_name: _wire_in(field.type) for field in msgspec.structs.fields(shape)}


def _wire_in(type_: Any) -> type[Wire] | None:
    if isinstance(type_, type) and issubclass(type_, Wire):
        return type_
    return next(filter(None, map(_wire_in, get_args(type_))), None)


def _path_of(text: str) -> str:
    """Return the path out of msgspec's message, which is the only place where it stands."""
    at, missing = _AT.search(text), _MISSING.search(text)
    path = at["path"] if at else ""
    if missing:
        path = f"{path}.{missing['name']}".lstrip(".")
    return path or "$"
