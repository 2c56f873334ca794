"""A host whose own heap comes to its limit says so while it still can, and is replaced.

Whose fault it was nobody can tell in a heap of several, and code that saw a MemoryError in the
middle of something is in no state to go on: so every session of the host resumes in another one.
Never touches what providers use: they get the old limit back.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sidecar.contract.frames import HostFailedFrame
from sidecar.process.platform import os_

RESERVE_BYTES = 32 * 1024 * 1024
"""What the heap may grow by beyond its limit, to say that it came to it."""

LAST_WORDS_S = 0.5
"""From then to the end: the supervisor, which hears it, is faster."""

EX_MEMORY = 79
"""Exit code of a host that came to its limit (sysexits.h ends at 78)."""


class HeapLimit:
    """The limit of this process; one a host. `say` sends the last frame."""

    def __init__(self, say: Callable[[HostFailedFrame], None]) -> None:
        self._say = say
        self._loop = asyncio.get_running_loop()
        self._growth_bytes = 0
        self._reached = False

    def set(self, growth_bytes: int) -> None:
        """Let the heap grow by so much from now on; only the first call counts. 0: no limit."""
        if growth_bytes and not self._growth_bytes:
            self._growth_bytes = growth_bytes
            os_.limit_heap(growth_bytes)

    def watch(self) -> None:
        """Hear of every MemoryError that nobody handles, in this loop and in other threads."""
        global _current  # noqa: PLW0603 - limits are the process's
        _current = self
        before = self._loop.get_exception_handler()

        def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
            note(context.get("exception"))
            (before or asyncio.AbstractEventLoop.default_exception_handler)(loop, context)

        self._loop.set_exception_handler(handle)
        threads = threading.excepthook

        def handle_thread(args: threading.ExceptHookArgs) -> None:
            if isinstance(args.exc_value, MemoryError):
                self._loop.call_soon_threadsafe(note, args.exc_value)
            threads(args)

        threading.excepthook = handle_thread

    def reached(self) -> None:
        """Say it and end; the second time, without a word."""
        if self._reached:
            os._exit(EX_MEMORY)
        self._reached = True
        with suppress(MemoryError):
            os_.limit_heap(RESERVE_BYTES)
            self._loop.call_later(LAST_WORDS_S, os._exit, EX_MEMORY)
            self._say(self._last_words())
            return
        os._exit(EX_MEMORY)

    def _last_words(self) -> HostFailedFrame:
        limit_mib = self._growth_bytes // (1024 * 1024)
        detail = {
            "kind": "memory",
            "scope": "host",
            "heapBytes": os_.heap_bytes(),
            "limitBytes": self._growth_bytes,
        }
        return HostFailedFrame(
            f"memory: its host came to the limit of its own heap, {limit_mib} MiB", detail
        )


_current: HeapLimit | None = None


def note(error: BaseException | None) -> None:
    """End this host if `error` says that its memory is used up."""
    if isinstance(error, MemoryError) and _current is not None:
        _current.reached()
