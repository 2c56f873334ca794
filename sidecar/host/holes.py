"""Fills the free places between what was allocated so far, so that what comes later lies together.

An allocator hands out the holes that earlier objects have left first. In a process that was forked
each of them is on a page that it shares, so a few hundred new objects would copy a page each. With
no hole left, new objects fill pages of their own, one after another.

The fillers are never freed, and never looked at again. Does nothing where it does not know the
allocator; knows no object of anybody else's.
"""

import ctypes
import sys
from array import array
from collections import Counter
from collections.abc import Callable
from itertools import repeat

_SIZES = range(16, 513, 16)
"""Python's own allocator: the sizes of its blocks. What is larger comes from malloc."""

_POOL_BITS = 14
_POOL_HEADER_BYTES = 48
"""It takes blocks of one size from one pool, and another pool when all others are full."""

_BYTES_MAX = 4 * 1024 * 1024
"""Of one size. Where no pool of ours is found by then, the allocator is not the one we know."""

_CHUNK_FIRST = 64 * 1024
_CHUNK_LAST = 24
"""malloc: the sizes that are asked for, the largest first, so that a hole takes few of them."""

_CACHED_BYTES = 256 * 1024
"""Of small chunks that malloc keeps for the thread and does not count as holes, at most."""

_fillers: list[object] = []


def fill_holes() -> int:
    """Fill them; return the bytes that it took."""
    _forget_lookups()
    return _fill_pools() + _fill_chunks()


def _forget_lookups() -> None:
    """Empty the cache of attribute lookups: it keeps names, which would leave holes in hosts."""
    forget = getattr(sys, "_clear_internal_caches", None) or sys._clear_type_cache
    forget()


def _fill_pools() -> int:
    """Fill the pools; the size of integers last, as counting makes some."""
    filled = 0
    for size in sorted(_SIZES, key=lambda size: size == 32):
        fillers = _fill_pools_of(size)
        if fillers is None:
            break
        _fillers.append(fillers)
        filled += size * len(fillers)
    return filled


def _fill_pools_of(size: int) -> list[object] | None:
    """Make objects of one size until a pool has none but ours; return those in other pools."""
    in_a_pool = ((1 << _POOL_BITS) - _POOL_HEADER_BYTES) // size
    fillers: list[object] = []
    while len(fillers) * size < _BYTES_MAX:
        fillers += _objects(size, max(2 * in_a_pool, len(fillers)))
        # No integer is kept while the next is made: it would lie in one of the pools.
        pools = Counter(address >> _POOL_BITS for address in array("Q", map(id, fillers)))
        empty = {pool for pool, ours in pools.items() if ours == in_a_pool}
        if empty:
            return [filler for filler in fillers if id(filler) >> _POOL_BITS not in empty]
    return None


def _objects(size: int, count: int) -> list[object]:
    """Return new objects that take a block of `size` each, and that the collector ignores."""
    kind = _SMALL.get(size)
    if kind is not None:
        return [kind() for _ in repeat(None, count)]
    return [bytes(size - _BYTES_HEAD) for _ in repeat(None, count)]


_SMALL: dict[int, Callable[[], object]] = {16: object, 32: complex}
_BYTES_HEAD = sys.getsizeof(b"")


class _Malloc(ctypes.Structure):
    """What mallinfo2(3) tells."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def _fill_chunks() -> int:
    """Fill the heap below its end; 0 without glibc 2.33 or newer."""
    info = getattr(ctypes.CDLL(None), "mallinfo2", None)
    if info is None:
        return 0
    info.restype = _Malloc
    now = info()
    room, filled = now.fordblks - now.keepcost + _CACHED_BYTES, 0
    for size in _chunk_sizes():
        while filled < room and not _grew(size, info):
            filled += size
    return filled


def _chunk_sizes() -> list[int]:
    sizes = [_CHUNK_FIRST]
    while sizes[-1] > 1056:
        sizes.append(sizes[-1] * 3 // 4)
    return [*sizes, *range(1048, _CHUNK_LAST - 1, -16)]


def _grew(size: int, info: Callable[[], _Malloc]) -> bool:
    """Take `size` bytes; True, and they are given back, when they came from the heap's end."""
    before = info().keepcost
    chunk = _MALLOC(size)
    if info().keepcost == before and chunk:
        return False
    _FREE(chunk)
    return True


_MALLOC = ctypes.pythonapi.PyMem_RawMalloc
_MALLOC.argtypes = [ctypes.c_size_t]
_MALLOC.restype = ctypes.c_void_p
_FREE = ctypes.pythonapi.PyMem_RawFree
_FREE.argtypes = [ctypes.c_void_p]
_FREE.restype = None
