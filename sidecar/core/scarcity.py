"""Tells what a process is short of from defects that others make: trying later may succeed."""

import errno
from typing import Final

NO_DESCRIPTOR: Final = frozenset({errno.EMFILE, errno.ENFILE})


def short_of(error: BaseException) -> str | None:
    """Return what there was none of, in words; None for an error of any other kind."""
    if isinstance(error, MemoryError):
        return "memory"
    if isinstance(error, OSError) and error.errno in NO_DESCRIPTOR:
        return "file descriptors"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return "memory"
    return None
