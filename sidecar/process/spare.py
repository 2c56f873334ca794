"""A descriptor in reserve, so that a process that has none left can still look at others.

Who cannot look must not say that nobody is there: a living host would count as ended, and what a
session left would be forgotten. Owns one descriptor a process, on /dev/null.
"""

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from sidecar.core.scarcity import NO_DESCRIPTOR

T = TypeVar("T")

_lock = threading.Lock()
_owner = 0
_fd: int | None = None


def with_spare(use: Callable[[], T]) -> T:
    """Return `use()`; where the process has no descriptor left, once more with the spare one's.

    `use` may hold one descriptor at a time and keeps none. Raises what it raises.
    """
    _take_one()
    try:
        return use()
    except OSError as error:
        if error.errno not in NO_DESCRIPTOR:
            raise
    with _lock:
        _give_up()
        try:
            return use()
        finally:
            _open()


def _take_one() -> None:
    """Have one in reserve: a forked process has its parent's no more, or must not rely on it."""
    if _fd is None or _owner != os.getpid():
        with _lock:
            _open()


def _open() -> None:
    global _fd, _owner  # noqa: PLW0603 - descriptors are the process's
    if _fd is not None and _owner == os.getpid():
        return
    try:
        _fd, _owner = os.open(os.devnull, os.O_RDONLY), os.getpid()
    except OSError:
        _fd = None


def _give_up() -> None:
    global _fd  # noqa: PLW0603 - the same
    if _fd is not None and _owner == os.getpid():
        os.close(_fd)
    _fd = None
