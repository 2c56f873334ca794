"""Has types and module namespaces get the marks that the interpreter gives them on first use.

It caches where an attribute or a global was found, and tells by a number in the type, the keys or
the namespace that this still holds; the number is written when the first lookup is cached. What
attributes the instances of a class have, it learns from the first of them. In a host each of these
would copy a page.

Runs no code but its own: looks up what needs no descriptor and sets what has none.
"""

import sys
from collections.abc import Iterable, Mapping
from types import CodeType, FunctionType
from typing import Any

_RUNS = 8
"""Of a function, until its lookups are cached: the second in 3.12 and 3.13."""

_LOOKED_UP = "__reduce__"
"""Every type has it, and looking it up runs nobody's code."""

_INSTANCES = 30
"""Each lessens the room that is kept for more attributes, until there is none."""

_INLINE_VALUES = 1 << 2
"""Py_TPFLAGS_INLINE_VALUES: instances keep their attributes in themselves, by the class's keys."""


_WATCHERS = frozenset({"__del__", "__getattribute__"})
"""Methods of a class that would be called for an instance that is only there."""


def number_types(found: Iterable[object]) -> None:
    """Look something up in each type of `found`, and in an instance of it."""
    for one in found:
        if isinstance(one, type):
            type.__getattribute__(one, _LOOKED_UP)
            _use_instance(one)


def number_modules() -> None:
    """Read a global in each module."""
    for module in list(sys.modules.values()):
        names = getattr(module, "__dict__", None)
        if type(names) is dict and "__name__" in names:
            _run(_read_global, names)


def _use_instance(class_: type) -> None:
    """Set what its methods set in an instance that was never initialised, and read something."""
    kinds = [vars(base) for base in reversed(class_.__mro__)]
    attributes = dict.fromkeys(name for kind in kinds for name in _attributes_of(kind))
    if not attributes or not class_.__flags__ & _INLINE_VALUES:
        return
    if any(not _WATCHERS.isdisjoint(kind) for kind in kinds[1:]):
        return
    try:
        instance: object = object.__new__(class_)
    except TypeError:  # abstract, or a type of C that must make it
        return
    for name in attributes:
        if not any(hasattr(type(kind.get(name)), "__set__") for kind in kinds):
            object.__setattr__(instance, name, None)
    for _ in range(_INSTANCES):
        object.__new__(class_)
    _run(_read_attribute, {}, instance)


def _attributes_of(kind: Mapping[str, Any]) -> list[str]:
    """Return the attributes that a class's own methods set, one that was generated included."""
    return [*kind.get("__static_attributes__", ()), *kind.get("__dataclass_fields__", ())]


def _run(function: Any, names: dict[str, object], *args: object) -> None:
    """Run a copy of its code: caches are a code's, so each type and namespace needs one."""
    code: CodeType = function.__code__
    copy = FunctionType(code.replace(), names)
    for _ in range(_RUNS):
        copy(*args)


def _read_global() -> str:
    return __name__


def _read_attribute(instance: object) -> str:
    return instance.__module__
