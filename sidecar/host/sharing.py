"""Makes what the zygote has imported stay shared with the hosts that are forked from it.

A reference count is a write, and a write to a page that is shared after a fork copies it. Objects
that will never be freed need none: CPython from 3.12 on leaves the count of an *immortal* object
alone (PEP 683), but makes only its own immortal. Here everything that is reachable when all
modules are imported becomes immortal: a host touches a third less of what it inherits.

Only for a process that never gives its modules back. Does nothing where it is not sure to work.
"""

import ctypes
import gc
import sys
import sysconfig

_FIRST = (3, 12)
_KNOWN_BEFORE = (3, 15)
"""Versions whose reference count is known to us: the low 32 bits of an object's first word."""
_TRIES = 5


def keep_shared() -> int:
    """Make every object immortal that can be reached now, and hide all from the collector.

    Returns how many they are; 0 on an interpreter that cannot. Blocks for some 0.1 s.
    """
    gc.collect()
    count = _immortalise() if _is_known() else 0
    gc.freeze()
    return count


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


def _immortalise() -> int:
    immortal = _count_of(None).value
    gc.unfreeze()  # what is frozen is hidden from get_objects
    stack = gc.get_objects()
    seen: dict[int, object] = {}
    own = {id(stack), id(seen)}
    while stack:
        found = stack.pop()
        if id(found) not in seen and id(found) not in own:
            seen[id(found)] = found
            stack += gc.get_referents(found)
    for found in seen.values():
        _count_of(found).value = immortal
    return len(seen)


def _count_of(found: object) -> ctypes.c_uint32:
    """Return the reference count of an object, to be read or set."""
    return ctypes.c_uint32.from_address(id(found))
