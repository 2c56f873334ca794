"""Lays the code that hosts run side by side: copies of it, one behind the other.

The interpreter keeps its inline caches in the code itself, so running a function writes to its
page. What a session runs is a tenth of what is imported; where that lies scattered, nearly every
page of code is copied in each host.

Which functions are copied stands in `workingset`; one that is missing there, or is no more, costs
memory and nothing else.
"""

import gc
from collections.abc import Container, Sequence
from types import CodeType, FunctionType

from sidecar.host.workingset import WORKING_SET

Name = tuple[str, str]
"""A function's module and its qualified name."""


def pack_working_set() -> int:
    """Copy the code of the working set; return how many functions run a copy from now on."""
    return pack(names_of(WORKING_SET))


def names_of(text: str) -> list[Name]:
    """Read `module: name name …` a line; a line that begins with a blank goes on."""
    lines = text.replace("\n ", " ").split("\n")
    modules = [line.partition(":")[::2] for line in lines if line]
    return [(module, name) for module, names in modules for name in names.split()]


def pack(wanted: Sequence[Name]) -> int:
    """Copy the code of these functions, in this order."""
    places = {name: place for place, name in enumerate(wanted)}
    gc.unfreeze()  # what is frozen is hidden from get_objects
    functions = [found for found in gc.get_objects() if type(found) is FunctionType]
    functions.sort(key=lambda function: places.get(_name_of(function), len(places)))
    copier = _Copier(places)
    packed = 0
    for function in functions:
        code = function.__code__
        copy = copier.copy_of(code, *_name_of(function))
        if copy is not code:
            function.__code__ = copy
            packed += 1
    gc.freeze()
    return packed


def _name_of(function: FunctionType) -> Name:
    return (str(function.__module__), function.__qualname__)


class _Copier:
    """Copies each code once, whoever runs it."""

    def __init__(self, wanted: Container[Name]) -> None:
        self._wanted = wanted
        self._copies: dict[int, tuple[CodeType, CodeType]] = {}
        """By id of the code: itself, so that the id stays its own, and what is run instead."""

    def copy_of(self, code: CodeType, module: str, name: str) -> CodeType:
        """Return the copy, or the code itself where neither it nor what it contains is wanted."""
        if id(code) not in self._copies:
            self._copies[id(code)] = (code, self._copied(code, module, name))
        return self._copies[id(code)][1]

    def _copied(self, code: CodeType, module: str, name: str) -> CodeType:
        parts = tuple(
            self.copy_of(part, module, part.co_qualname) if type(part) is CodeType else part
            for part in code.co_consts
        )
        if any(new is not old for new, old in zip(parts, code.co_consts, strict=True)):
            return code.replace(co_consts=parts)
        return code.replace() if (module, name) in self._wanted else code
