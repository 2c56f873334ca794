"""What runs in a child of ours between fork and exec, and takes no lock that a thread may hold.

Owns nothing; everything that it needs is looked up before the fork.
"""

import os
import signal

from sidecar.process.platform import os_

_PARENT_GONE = 125
"""Exit code of a child whose parent died between fork and exec; nobody is left to read it."""


class die_with:  # noqa: N801 - used as a function; a class binds its names before the fork
    """Between fork and exec: get the host's old heap limit back, die when the parent does, at once
    if it has already; take the tag."""

    def __init__(self, parent: int, tag: int | None) -> None:
        self._parent = parent
        self._take_tag = None if tag is None else os_.tagger(tag)
        self._restore_heap_limit = os_.heap_limit_restorer()
        self._arm = os_.set_parent_death_signal
        self._getppid = os.getppid
        self._exit = os._exit
        self._signal = int(signal.SIGKILL)

    def __call__(self) -> None:
        self._restore_heap_limit()
        self._arm(self._signal)
        if self._getppid() != self._parent:
            self._exit(_PARENT_GONE)
        if self._take_tag is not None:
            self._take_tag()
