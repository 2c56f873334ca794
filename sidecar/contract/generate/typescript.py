"""electron-glue/src/generated/contract.ts: the wire types as TypeScript sees them.

Owns how a Struct is written in TypeScript. Optional keys may be absent; nil never arrives.
"""

import json
from collections.abc import Iterable
from typing import Any

from msgspec import inspect as types

from sidecar.contract import bridge, limits
from sidecar.contract.bridge import FROM_CLIENT, FROM_SERVER, CloseCode
from sidecar.contract.errors import ERRORS, ErrorBody
from sidecar.contract.events import EVENTS, Event
from sidecar.contract.generate import model
from sidecar.contract.methods import METHODS

HEAD = """\
// Printed from sidecar/contract by `python -m sidecar.contract.generate`. Do not edit.

/* eslint-disable */
"""

BINARY = "Uint8Array"
WIDTH = 100


def render() -> str:
    """Return the whole file."""
    return "\n".join(
        [HEAD, *_constants(), *_words(), *_interfaces(), *_events(), *_methods(), *_codes()]
    )


def type_of(field_type: types.Type) -> str:
    """Return a type's TypeScript spelling."""
    match field_type:
        case types.AnyType():
            return "unknown"
        case types.StrType():
            return "string"
        case types.IntType() | types.FloatType():
            return "number"
        case types.BoolType():
            return "boolean"
        case types.BytesType():
            return BINARY
        case types.LiteralType(values=values):
            name = model.word_lists().get(frozenset(values))
            return name[0] if name else " | ".join(json.dumps(value) for value in values)
        case types.StructType(cls=cls):
            return str(cls.__name__)
        case types.ListType(item_type=item) | types.VarTupleType(item_type=item):
            return f"readonly {_in_array(item)}[]"
        case types.TupleType(item_types=items):
            return f"readonly [{', '.join(type_of(item) for item in items)}]"
        case types.DictType(value_type=value):
            return f"Readonly<Record<string, {type_of(value)}>>"
        case types.UnionType(types=items):
            return " | ".join(type_of(item) for item in items)
    raise NotImplementedError(f"no TypeScript for {field_type}")


def _in_array(item: types.Type) -> str:
    inner = type_of(item)
    return f"({inner})" if " " in inner else inner


def _doc(text: str, indent: str = "") -> list[str]:
    return [f"{indent}/** {text} */"] if text else []


def _constants() -> Iterable[str]:
    yield f"export const PROTOCOL_VERSION = {limits.PROTOCOL_VERSION};"
    yield f"export const SUBPROTOCOL = {json.dumps(bridge.SUBPROTOCOL)};"
    yield ""
    yield "/** Bounds and deadlines of the contract; a name ends in its unit. */"
    yield "export const LIMITS = {"
    for constant in model.client_limits():
        yield from _doc(constant.doc, "  ")
        yield f"  {constant.name}: {json.dumps(constant.value)},"
    yield "} as const;"
    yield ""


def _words() -> Iterable[str]:
    for name, words in model.word_lists().values():
        line = f"export type {name} = {' | '.join(json.dumps(word) for word in words)};"
        if len(line) <= WIDTH:
            yield line
        else:
            yield f"export type {name} ="
            yield from (f"  | {json.dumps(word)}" for word in words[:-1])
            yield f"  | {json.dumps(words[-1])};"
    yield ""


def _interfaces() -> Iterable[str]:
    envelope = model.closure([Event[Any]])[1:]
    payloads = [row.payload for row in EVENTS.values()]
    calls = [struct for row in METHODS.values() for struct in (row.params, row.result)]
    messages = [*FROM_SERVER.values(), *FROM_CLIENT.values()]
    lines = [bridge.Bootstrap, bridge.ReadyLine, bridge.FailedLine]
    roots: list[type[Any]] = [
        *envelope,
        *payloads,
        ErrorBody,
        *calls,
        *lines,
        bridge.Hello,
        bridge.HelloResult,
    ]
    for struct in model.closure([*roots, *messages]):
        yield from _interface(model.shape_of(struct))


def _interface(shape: model.Shape) -> Iterable[str]:
    yield from _doc(shape.doc)
    if shape.fields:
        yield f"export interface {shape.name} {{"
        yield from _members(shape.fields)
        yield "}"
    else:
        yield f"export type {shape.name} = Readonly<Record<string, never>>;"
    yield ""


def _members(fields: Iterable[model.Field]) -> Iterable[str]:
    for field in fields:
        yield from _doc(field.doc, "  ")
        mark = "" if field.required else "?"
        yield f"  readonly {field.name}{mark}: {type_of(field.type)};"


def _events() -> Iterable[str]:
    yield "/** The payload of each event type. */"
    yield "export interface EventPayloads {"
    for row in EVENTS.values():
        yield f"  readonly {json.dumps(row.name)}: {row.payload.__name__};"
    yield "}"
    yield ""
    yield "export type EventType = keyof EventPayloads;"
    yield ""
    yield "/** One event of type `T`: the envelope around its payload. */"
    yield "export interface EventOf<T extends EventType> {"
    for field in model.shape_of(Event[Any]).fields:
        own = {"type": "T", "payload": "EventPayloads[T]"}.get(field.name)
        mark = "" if field.required else "?"
        yield f"  readonly {field.name}{mark}: {own or type_of(field.type)};"
    yield "}"
    yield ""
    yield "/** Any event; `type` tells which. */"
    yield "export type SidecarEvent = { [T in EventType]: EventOf<T> }[EventType];"
    yield ""
    yield "export interface EventFlags {"
    yield "  /** It gets a seq and is journalled; otherwise it comes as `ephemeral`. */"
    yield "  readonly durable: boolean;"
    yield "  /** It changes a snapshot beyond the text of the running turn. */"
    yield "  readonly fold: boolean;"
    yield "  /** Adjacent ones of one item and stream may have been joined. */"
    yield "  readonly mergeable: boolean;"
    yield "}"
    yield ""
    yield "export const EVENT_FLAGS: { readonly [T in EventType]: EventFlags } = {"
    for row in EVENTS.values():
        flags = {"durable": row.durable, "fold": row.fold, "mergeable": row.mergeable}
        yield f"  {json.dumps(row.name)}: {_object(flags)},"
    yield "};"
    yield ""


def _methods() -> Iterable[str]:
    yield "/** Params and result of each method but `hello`. */"
    yield "export interface Methods {"
    for method in METHODS.values():
        yield f"  readonly {json.dumps(method.name)}: {{"
        yield f"    readonly params: {method.params.__name__};"
        yield f"    readonly result: {method.result.__name__};"
        yield "  };"
    yield "}"
    yield ""
    yield "export type MethodName = keyof Methods;"
    yield ""
    yield "export interface MethodFlags {"
    yield "  readonly lane: Lane;"
    yield "  /** The params need an `idempotencyKey`. */"
    yield "  readonly idempotent: boolean;"
    yield "  /** The result carries `at`. */"
    yield "  readonly mutating: boolean;"
    yield "  readonly deadlineMs: number;"
    yield "}"
    yield ""
    yield "export const METHODS: { readonly [M in MethodName]: MethodFlags } = {"
    for method in METHODS.values():
        flags = {
            "lane": method.lane,
            "idempotent": method.idempotent,
            "mutating": method.mutating,
            "deadlineMs": round(method.deadline_s * 1000),
        }
        yield f"  {json.dumps(method.name)}: {_object(flags)},"
    yield "};"
    yield ""
    yield "export type IdempotentMethod ="
    keyed = [method.name for method in METHODS.values() if method.idempotent]
    yield from (f"  | {json.dumps(name)}" for name in keyed[:-1])
    yield f"  | {json.dumps(keyed[-1])};"
    yield ""


def _codes() -> Iterable[str]:
    yield from _notifications("ServerNotifications", "the server sends", FROM_SERVER)
    yield from _notifications("ClientNotifications", "a client sends", FROM_CLIENT)
    yield "/** Every error by key. */"
    yield "export const ERRORS = {"
    for key, error in ERRORS.items():
        yield f"  {key}: {_object({'code': error.code, 'retryable': error.retryable})},"
    yield "} as const;"
    yield ""
    yield "export type ErrorKey = keyof typeof ERRORS;"
    yield ""
    yield "/** WebSocket close codes. */"
    yield "export const CLOSE_CODES = {"
    for code in CloseCode:
        yield f"  /** {code.meaning} */"
        yield f"  {code.name}: {int(code)},"
    yield "} as const;"
    yield ""


def _notifications(name: str, who: str, table: dict[str, Any]) -> Iterable[str]:
    yield f"/** Params of the notifications that {who}. */"
    yield f"export interface {name} {{"
    for notification, struct in table.items():
        yield f"  readonly {notification}: {struct.__name__};"
    yield "}"
    yield ""


def _object(values: dict[str, Any]) -> str:
    return "{ " + ", ".join(f"{key}: {json.dumps(value)}" for key, value in values.items()) + " }"
