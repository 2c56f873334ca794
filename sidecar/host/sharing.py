"""Makes what the zygote has imported stay shared with the hosts that are forked from it.

A page that is shared after a fork is copied when it is written to, so what is used must not be
written to, and what is new must not lie between what is old:

- Counting a reference is a write. CPython from 3.12 on leaves the count of an *immortal* object
  alone (PEP 683), but makes only its own immortal; here everything becomes so that can be reached.
- Code has its caches in itself: what sessions run is laid side by side (`packing`).
- Types and namespaces are numbered when they are first used: they are used here (`versions`).
- New objects fill the holes between old ones first: none is left (`holes`).
- A fork copies the tables of all pages: they are few and large (`hugepages`).

Only for a process that never gives its modules back. Does nothing where it is not sure to work.
"""

import ctypes
import gc
import sys
import sysconfig
from collections.abc import Iterator
from types import CodeType

from sidecar.host.holes import fill_holes
from sidecar.host.hugepages import collapse
from sidecar.host.packing import pack_working_set
from sidecar.host.versions import number_modules, number_types

_FIRST = (3, 12)
_KNOWN_BEFORE = (3, 15)
"""Versions whose reference count is known to us: the low 32 bits of an object's first word."""
_TRIES = 5

_SLICE = 10_000
"""Objects between two pauses: some 20 ms."""


def keep_shared() -> Iterator[None]:
    """Do all of it, with a pause wherever a fork may come between; each part blocks for 50 ms.

    Nothing but a collection on an interpreter that we do not know.
    """
    gc.collect()
    gc.freeze()
    if not _is_known():
        return
    yield
    fill_holes()
    yield
    pack_working_set()
    yield
    yield from _settle()
    number_modules()
    yield
    fill_holes()
    gc.freeze()
    yield
    collapse()


def _is_known() -> bool:
    """Tell whether this interpreter counts references as we think; tried on one object."""
    if sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
        return False
    if not _FIRST <= sys.version_info[:2] < _KNOWN_BEFORE or hasattr(sys, "gettotalrefcount"):
        return False
    probe = object()
    counted = _count_of(probe).value
    held = [probe] * _TRIES
    if _count_of(probe).value != counted + _TRIES:
        return False
    _count_of(probe).value = _count_of(None).value
    held += [probe] * _TRIES
    return _count_of(probe).value == _count_of(None).value


def _settle() -> Iterator[None]:
    """Number the types and make everything immortal that can be reached now."""
    gc.unfreeze()  # what is frozen is hidden from get_objects
    stack = gc.get_objects()
    gc.freeze()
    seen: dict[int, object] = {}
    own = {id(stack), id(seen)}
    while stack:
        _reach(stack, seen, own)
        yield
    found, immortal = list(seen.values()), _count_of(None).value
    for start in range(0, len(found), _SLICE):
        part = found[start : start + _SLICE]
        number_types(part)
        for one in part:
            _count_of(one).value = immortal
        yield


def _reach(stack: list[object], seen: dict[int, object], own: set[int]) -> None:
    """Go on for a slice: what is on the stack is seen, and what that refers to is on the stack."""
    enough = len(seen) + _SLICE
    while stack and len(seen) < enough:
        found = stack.pop()
        if id(found) not in seen and id(found) not in own:
            seen[id(found)] = found
            stack += _parts_of(found) if type(found) is CodeType else gc.get_referents(found)


def _parts_of(code: CodeType) -> list[object]:
    """Return what a code object refers to: the collector cannot tell.

    Not the names of local variables: they are made anew for whoever asks.
    """
    return [
        *(code.co_consts, code.co_names, code.co_filename, code.co_name, code.co_qualname),
        *(code.co_linetable, code.co_exceptiontable),
    ]


def _count_of(found: object) -> ctypes.c_uint32:
    """Return the reference count of an object, to be read or set."""
    return ctypes.c_uint32.from_address(id(found))
