"""Windows, by psutil. Never run on this platform here: kept at the interface.

A tree is what psutil's children walk finds; what that misses ends with the host's job (jobs.py).
Never `taskkill /T` (it follows recycled parent ids) and never
`os.kill(pid, 0)` (it terminates).
"""

import psutil

from sidecar.process.by_psutil import (
    SUBREAPER,
    act_on,
    children_of,
    environment_of,
    every_process,
    heap_bytes,
    heap_limit_restorer,
    info_of,
    key_of,
    limit_heap,
    set_parent_death_signal,
    set_subreaper,
    tag_of,
    tagger,
)
from sidecar.process.identity import Exit, ProcessKey

__all__ = [
    "SUBREAPER",
    "children_of",
    "environment_of",
    "every_process",
    "heap_bytes",
    "heap_limit_restorer",
    "info_of",
    "key_of",
    "limit_heap",
    "owner_of",
    "reap",
    "send_signal",
    "set_parent_death_signal",
    "set_subreaper",
    "tag_of",
    "tagger",
]


def owner_of(pid: int) -> int | None:
    """Return None: processes are told apart by their marks alone."""
    return None


def send_signal(key: ProcessKey, number: int) -> bool:
    """Terminate this process, whatever the number: Windows has no other signal for it."""
    return act_on(key, psutil.Process.terminate)


def reap(pid: int) -> Exit | None:
    """Return None: there are no zombies to reap."""
    return None
