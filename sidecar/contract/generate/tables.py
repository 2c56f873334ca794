"""The tables inside docs/EVENTS.md and docs/PROTOCOL.md.

Owns the compact way in which a shape is written for people: **bold** is required, `?` optional, a
closed list of words stands behind its field, other types are named only where they surprise.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import inspect as types

from sidecar.contract import bridge, limits
from sidecar.contract.base import Wire
from sidecar.contract.bridge import FROM_CLIENT, FROM_SERVER, CloseCode
from sidecar.contract.errors import ERRORS
from sidecar.contract.events import EVENTS, Event, EventSpec
from sidecar.contract.events.task import Linkage
from sidecar.contract.generate import model
from sidecar.contract.methods import (
    METHODS,
    Attachment,
    MethodSpec,
    ModelSelection,
    RestartSpec,
    SessionLimits,
)
from sidecar.contract.results import (
    Capabilities,
    McpServer,
    Model,
    ProviderStatus,
    SessionResult,
    TreeNode,
    Turn,
)
from sidecar.contract.snapshot import (
    ActiveItem,
    ActiveTurn,
    PendingRequest,
    Restarts,
    SessionSnapshot,
    SessionView,
    SnapshotState,
)

NAMED: dict[type[Any], str] = {
    SessionView: "session",
    SessionResult: "session",
    ModelSelection: "modelSelection",
    RestartSpec: "restart",
    SessionLimits: "limits",
    Attachment: "attachment",
    Turn: "turn",
    TreeNode: "node",
    ProviderStatus: "provider",
    Capabilities: "capabilities",
    Model: "model",
    McpServer: "server",
    SnapshotState: "state",
    SessionSnapshot: "snapshot session",
    ActiveTurn: "active turn",
    ActiveItem: "active item",
    PendingRequest: "pending request",
    Restarts: "restarts",
}
"""Shapes that are mentioned by name and have a row of their own."""

INLINE_WORDS_CHARS = 60
"""A longer list of words is named, and stands in the table of word lists."""

METHOD_SHAPES = (
    SessionView,
    ModelSelection,
    RestartSpec,
    SessionLimits,
    Attachment,
    Turn,
    TreeNode,
    ProviderStatus,
    Capabilities,
    Model,
    McpServer,
)
SNAPSHOT_SHAPES = (SessionSnapshot, ActiveTurn, ActiveItem, PendingRequest, Restarts)


def render() -> dict[str, str]:
    """Return every table by the name of its marker."""
    return {
        "envelope": _table(("field", "type"), _field_rows(Event[Any])),
        "events": _table(("type", "payload", "carried"), _event_rows()),
        "linkage": fields_of(Linkage),
        "words": _table(("list", "words"), _word_rows()),
        "close-codes": _table(("code", "closes because of"), _close_rows()),
        "hello-params": _table(("field", "type"), _field_rows(bridge.Hello)),
        "hello-result": _table(("field", "type"), _field_rows(bridge.HelloResult)),
        "session-snapshot": _table(("shape", "fields"), _shape_rows(SNAPSHOT_SHAPES)),
        "notifications": _table(("notification", "sent by", "params"), _notification_rows()),
        "methods": _table(("method", "params", "result", "lane", "deadline"), _method_rows()),
        "shapes": _table(("shape", "fields"), _shape_rows(METHOD_SHAPES)),
        "errors": _table(("code", "key", "raised", "retryable"), _error_rows()),
        "limits": _table(("limit", "value", "what it bounds"), _limit_rows()),
    }


def fields_of(struct: type[Any], *, without: Sequence[str] = ()) -> str:
    """Return a shape's fields in the compact style."""
    shape = model.shape_of(struct)
    linkage: set[str] = set()
    if struct is not Linkage and issubclass(struct, Linkage):
        linkage = {field.name for field in model.shape_of(Linkage).fields}
    own = [_field(f) for f in shape.fields if f.name not in linkage and f.name not in without]
    return ", ".join([*own, "+ linkage"] if linkage else own) or "–"


def _field(field: model.Field) -> str:
    name = f"**{field.name}**" if field.required else f"{field.name}?"
    default = "" if field.required or field.default is None else f"= {_json(field.default)}"
    return " ".join(filter(None, [name, _kind(field.type, field.name), default]))


def _json(value: bool | int | str) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _kind(field_type: types.Type, name: str = "") -> str:
    """Return what is said of a type behind its field's name; "" for what the name tells."""
    match field_type:
        case types.LiteralType(values=values):
            listed = model.word_lists().get(frozenset(values))
            words = "/".join(listed[1] if listed else [str(value) for value in values])
            return f"*{listed[0]}*" if listed and len(words) > INLINE_WORDS_CHARS else words
        case types.StructType(cls=cls):
            if cls in NAMED:
                return "" if NAMED[cls] == name else f"*{NAMED[cls]}*"
            return "{" + fields_of(cls) + "}"
        case types.ListType(item_type=item) | types.VarTupleType(item_type=item):
            return f"[{_kind(item) or _plain(item)}]"
        case types.TupleType(item_types=items):
            return f"[{', '.join(_plain(item) for item in items)}]"
        case types.DictType(value_type=types.AnyType()):
            return "map"
        case types.DictType(value_type=value):
            return f"map of {_kind(value) or _plain(value)}"
        case types.UnionType(types=items):
            return " or ".join(_kind(item) or _plain(item) for item in items)
        case types.BytesType():
            return "bin"
    return ""


def _plain(field_type: types.Type) -> str:
    match field_type:
        case types.StrType():
            return "str"
        case types.IntType():
            return "int"
        case types.FloatType():
            return "float"
        case types.BoolType():
            return "bool"
        case types.AnyType():
            return "any"
    return _kind(field_type)


def _field_rows(struct: type[Any]) -> Iterable[Sequence[str]]:
    for field in model.shape_of(struct).fields:
        name = f"**{field.name}**" if field.required else f"{field.name}?"
        yield name, " ".join(filter(None, [_kind(field.type) or _plain(field.type), field.doc]))


def _event_rows() -> Iterable[Sequence[str]]:
    """One row a payload; types that share one stand together: `item.started / .updated`."""
    groups: dict[type[Wire], list[EventSpec]] = {}
    for row in EVENTS.values():
        groups.setdefault(row.payload, []).append(row)
    for payload, rows in groups.items():
        stem = rows[0].name.rsplit(".", 1)[0]
        names = [rows[0].name, *(row.name.removeprefix(stem) for row in rows[1:])]
        assert len({_carried(row) for row in rows}) == 1, "one row, one way to be carried"
        yield " / ".join(names), fields_of(payload), _carried(rows[0])


def _carried(row: EventSpec) -> str:
    words = [
        "" if row.durable else "ephemeral",
        "fold" if row.fold else "",
        "mergeable" if row.mergeable else "",
    ]
    return ", ".join(filter(None, words)) or "–"


def _word_rows() -> Iterable[Sequence[str]]:
    for name, words in model.word_lists().values():
        yield name, " ".join(f"`{word}`" for word in words)


def _close_rows() -> Iterable[Sequence[str]]:
    for code in CloseCode:
        yield str(int(code)), code.meaning


def _notification_rows() -> Iterable[Sequence[str]]:
    for name, struct in {**FROM_SERVER, **FROM_CLIENT}.items():
        who = [side for side, table in _SIDES.items() if name in table]
        yield f"`{name}`", ", ".join(who), fields_of(struct)


_SIDES = {"server": FROM_SERVER, "client": FROM_CLIENT}


def _method_rows() -> Iterable[Sequence[str]]:
    for method in METHODS.values():
        name = f"`{method.name}`" + (" **idem**" if method.idempotent else "")
        params = fields_of(method.params, without=["idempotencyKey"])
        yield name, params, _result(method), method.lane, f"{method.deadline_s:g} s"


def _result(method: MethodSpec) -> str:
    if method.result in NAMED:
        return f"*{NAMED[method.result]}*"
    stamped = [
        f.name for f in model.shape_of(method.result).fields if f.name == "at" and not f.required
    ]
    fields = fields_of(method.result, without=stamped)  # P5.2 says which results carry `at`
    return "{}" if fields == "–" else "{" + fields + "}"


def _shape_rows(structs: Iterable[type[Any]]) -> Iterable[Sequence[str]]:
    for struct in structs:
        doc = model.shape_of(struct).doc
        yield f"*{NAMED[struct]}*", fields_of(struct) + (f". {doc}" if doc else "")


def _error_rows() -> Iterable[Sequence[str]]:
    for error in sorted(ERRORS.values(), key=lambda cls: -cls.code):
        raised = model.one_line(error.__doc__).removeprefix("Raised ").removesuffix(".")
        yield str(error.code).replace("-", "−"), f"`{error.key}`", raised, _yes(error.retryable)


def _yes(value: bool) -> str:
    return "yes" if value else ""


def _limit_rows() -> Iterable[Sequence[str]]:
    for constant in model.client_limits():
        yield f"`{constant.name}`", _amount(constant.name, constant.value), constant.doc


def _amount(name: str, value: float) -> str:
    if name.endswith("_BYTES"):
        whole = int(value)
        return f"{whole // limits.MIB} MiB" if whole % limits.MIB == 0 else f"{whole // 1024} KiB"
    unit = {"S": " s", "MS": " ms", "CHARS": " characters"}.get(name.rsplit("_", 1)[-1], "")
    return f"{value:,g}{unit}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell for cell in line) + " |" for line in lines)
