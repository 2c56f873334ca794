"""Hypothesis strategies of wire Structs, from msgspec's inspection of their types and bounds."""

from typing import Any, cast

from hypothesis import reject
from hypothesis import strategies as st
from msgspec import inspect as types

WIRE_MAX = 2**53 - 1
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
"""Any Unicode but surrogates, which no encoder of UTF-8 takes."""

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-WIRE_MAX, WIRE_MAX)
    | st.floats(allow_nan=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


def structs(struct: Any) -> st.SearchStrategy[Any]:
    """Values of a Struct that its decoder accepts."""
    info = types.type_info(struct)
    assert isinstance(info, types.StructType)
    required = {f.name: values(f.type) for f in info.fields if f.required}
    optional = {f.name: values(f.type) for f in info.fields if not f.required}

    def made(fields: dict[str, Any]) -> Any:
        try:
            return info.cls(**fields)
        except ValueError:  # fields that contradict each other, as a soft limit above the hard one
            reject()

    return st.fixed_dictionaries(required, optional=optional).map(made)


def values(field_type: types.Type) -> st.SearchStrategy[Any]:
    """Values of a field's type, within its bounds."""
    match field_type:
        case types.NoneType():
            return st.none()
        case types.AnyType():
            return JSON
        case types.BoolType():
            return st.booleans()
        case types.IntType(ge=low, le=high):
            return st.integers(
                -WIRE_MAX if low is None else low, WIRE_MAX if high is None else high
            )
        case types.FloatType():
            return st.floats(allow_nan=False)
        case types.BytesType():
            return st.binary(max_size=20)
        case types.StrType():
            return _strings(field_type)
        case types.LiteralType(values=words):
            return st.sampled_from(words)
        case types.StructType(cls=cls):
            return structs(cls)
        case types.ListType(item_type=item) | types.VarTupleType(item_type=item):
            return st.lists(values(item), max_size=3)
        case types.TupleType(item_types=items):
            return cast("st.SearchStrategy[Any]", st.tuples(*(values(item) for item in items)))
        case types.DictType(key_type=key, value_type=value):
            return st.dictionaries(values(key), values(value), max_size=3)
        case types.UnionType(types=items):
            return st.one_of(*(values(item) for item in items))
    raise NotImplementedError(f"no strategy for {field_type}")


def _strings(field_type: types.StrType) -> st.SearchStrategy[str]:
    match field_type.pattern:
        case None:
            return TEXT.filter(lambda text: len(text) >= (field_type.min_length or 0))
        case r"\S":
            return TEXT.filter(lambda text: bool(text.strip()))
        case pattern:
            return st.from_regex(pattern, fullmatch=True)
