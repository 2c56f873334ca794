"""The contract's Structs as plain shapes, in declared order: what every generator reads.

Owns the reading of msgspec's inspection. Never prints.
"""

import ast
import inspect
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import inspect as types

from sidecar.contract import limits, vocabulary
from sidecar.contract.base import Wire

CLIENT_LIMITS = (
    "MESSAGE_BYTES",
    "TRANSFER_BYTES",
    "CHUNK_BYTES",
    "CREDIT_BYTES",
    "CREDIT_MIN_BYTES",
    "OPEN_REQUESTS",
    "CONNECTIONS_BEFORE_HELLO",
    "HELLO_DEADLINE_S",
    "HEARTBEAT_MS",
    "SILENCE_INTERVALS",
    "IDEMPOTENCY_S",
    "ACTIVE_TEXT_BYTES",
    "INPUT_CHARS",
    "ATTACHMENTS",
    "ATTACHMENT_BYTES",
    "ATTACHMENTS_TOTAL_BYTES",
    "STDERR_TAIL_CHARS",
    "MERGE_BYTES",
)
"""What of limits.py a client can meet; the others are between supervisor and host."""


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a map on the wire. `default` is what its absence means; None for nothing."""

    name: str
    type: types.Type
    required: bool
    doc: str
    default: bool | int | str | None


@dataclass(frozen=True, slots=True)
class Shape:
    """One Struct: its name, its docstring's text, its fields in declared order."""

    name: str
    doc: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Constant:
    """A number of limits.py with the docstring that stands under it."""

    name: str
    value: float
    doc: str


def shape_of(struct: type[Any]) -> Shape:
    """Return the shape of a Struct, with the fields that it has from its bases."""
    info = types.type_info(struct)
    assert isinstance(info, types.StructType)
    cls = get_origin(info.cls) or info.cls  # a generic Struct comes as its alias
    docs = _attribute_docs(cls)
    always = not cls.__struct_config__.omit_defaults
    fields = tuple(
        Field(
            field.encode_name,
            _without_none(field.type),
            field.required or always,
            docs.get(field.name, ""),
            field.default if isinstance(field.default, bool | int | str) else None,
        )
        for field in info.fields
    )
    return Shape(cls.__name__, one_line(cls.__doc__), fields)


def nested(field_type: types.Type) -> list[type[Any]]:
    """Return the Structs that a type mentions, itself or inside lists, maps and unions."""
    match field_type:
        case types.StructType(cls=cls):
            return [cls]
        case types.ListType(item_type=item) | types.VarTupleType(item_type=item):
            return nested(item)
        case types.TupleType(item_types=items) | types.UnionType(types=items):
            return [struct for item in items for struct in nested(item)]
        case types.DictType(value_type=value):
            return nested(value)
    return []


def closure(roots: list[type[Any]]) -> list[type[Any]]:
    """Return the roots and every Struct below them, each once, in order of first mention."""
    found: dict[type[Any], None] = {}

    def visit(struct: type[Any]) -> None:
        if struct not in found:
            found[struct] = None
            for field in shape_of(struct).fields:
                for below in nested(field.type):
                    visit(below)

    for root in roots:
        visit(root)
    return list(found)


@cache
def word_lists() -> dict[frozenset[Any], tuple[str, tuple[str, ...]]]:
    """Return the vocabulary by its set of words: name and words in declared order.

    msgspec's inspection gives a Literal's values without its name; the set finds it again.
    """
    found: dict[frozenset[Any], tuple[str, tuple[str, ...]]] = {}
    for name, value in vars(vocabulary).items():
        if get_origin(value) is Literal:
            words = get_args(value)
            if frozenset(words) in found:
                raise ValueError(f"{name} has the words of {found[frozenset(words)][0]}")
            found[frozenset(words)] = (name, words)
    return found


def client_limits() -> list[Constant]:
    """Return the limits that a client can meet, each with the docstring under it."""
    docs = _docs_below(ast.parse(inspect.getsource(limits)).body)
    return [Constant(name, getattr(limits, name), docs[name]) for name in CLIENT_LIMITS]


def one_line(doc: str | None) -> str:
    """Return a docstring's text as one line; "" for none."""
    return " ".join((doc or "").split())


def _without_none(field_type: types.Type) -> types.Type:
    """Drop None from a union: absent and nil are the same on the wire."""
    if not isinstance(field_type, types.UnionType):
        return field_type
    left = tuple(item for item in field_type.types if not isinstance(item, types.NoneType))
    return left[0] if len(left) == 1 else types.UnionType(left)


def _attribute_docs(cls: type[Any]) -> dict[str, str]:
    docs: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, msgspec.Struct) and base not in (msgspec.Struct, Wire):
            tree = ast.parse(inspect.getsource(base)).body[0]
            assert isinstance(tree, ast.ClassDef)
            docs |= _docs_below(tree.body)
    return docs


def _docs_below(body: list[ast.stmt]) -> dict[str, str]:
    """Return name → the string that stands directly below its assignment."""
    found = {}
    for statement, below in pairwise(body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                match below:
                    case ast.Expr(value=ast.Constant(value=str(text))):
                        found[name] = one_line(text)
    return found
