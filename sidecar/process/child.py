"""One child process: its stdio, its exit, its group.

    running ── ended (pidfd) ──► ended, still a zombie ── close ──► closed
       └────────────── close: SIGKILL to the group ─────────────────► closed

Owns the descriptors of its three pipes and the child's exit status. Never decides when to stop:
that is stop.py.
"""

import asyncio
import os
import signal
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from sidecar.core.lastwords import LastWords
from sidecar.process.exits import ExitWatch
from sidecar.process.identity import UNKNOWN_EXIT, Exit, ProcessKey
from sidecar.process.pipes import PipeReader, PipeWriter, TailReader
from sidecar.process.platform import SIGKILL, key_of, os_
from sidecar.process.spawning import Spawned, spawn_process

DRAIN_AFTER_EXIT_S = 1.0
"""Exit of a child to the end of its pipes, whoever else holds them: a pipe's content is read in
milliseconds, and what an orphan writes later is not the child's."""

_living: "weakref.WeakSet[Child]" = weakref.WeakSet()


def living_children() -> list["Child"]:
    """Return every Child that is not closed."""
    return list(_living)


class Child:
    """A process that we started. Satisfies providers.base.ProviderProcess."""

    def __init__(self, spawned: Spawned, words: LastWords | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._popen = spawned.process
        self.pid = spawned.process.pid
        self.key = key_of(self.pid) or ProcessKey(self.pid, 0)
        self._stdin = PipeWriter(spawned.stdin)
        self._stdout = PipeReader(spawned.stdout)
        self._stderr = None if spawned.stderr is None else TailReader(spawned.stderr, words)
        self._exit: asyncio.Future[Exit] = self._loop.create_future()
        self._drain_timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._watch = ExitWatch(self.pid, self._on_exit)
        _living.add(self)

    @classmethod
    async def spawn(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: str | None = None,
        tag: int | None = None,
        merge_stderr: bool = False,
        words: LastWords | None = None,
    ) -> "Child":
        """Start a process in a session of its own, with pipes as its stdio.

        `words` take what it says on stderr; without them only the raw end of it is kept.
        From the main thread alone. Raises ProviderProcessFailed when it cannot be started.
        """
        spawned = spawn_process(argv, cwd=cwd, env=env, tag=tag, merge_stderr=merge_stderr)
        return cls(spawned, words)

    @property
    def exit(self) -> Exit | None:
        """How it ended; None while it runs."""
        return self._exit.result() if self._exit.done() else None

    @property
    def stderr_tail(self) -> str:
        """The last STDERR_TAIL_CHARS characters of its stderr; "" when that is merged."""
        return self._stderr.tail if self._stderr else ""

    @property
    def closed(self) -> bool:
        """Whether everything of it was released."""
        return self._closed

    @property
    def is_read(self) -> bool:
        """Whether it has ended and nothing more of its output can be read."""
        return self.exit is not None and self._stdout.ended.is_set()

    def write(self, data: bytes) -> None:
        """Queue bytes for stdin; dropped silently once it is closed or the process is gone.

        Raises ProviderProcessFailed when more than STDIN_MAX_BYTES would be queued.
        """
        self._stdin.write(data)

    async def drain(self) -> None:
        """Wait until the queue to stdin is below its bound; returns at once if it is closed."""
        await self._stdin.drain()

    async def read(self) -> bytes:
        """Return the next bytes of stdout (at most 16 KiB), b"" at its end.

        The end comes DRAIN_AFTER_EXIT_S after the process's exit at the latest, even if an orphan
        holds the pipe.
        """
        return await self._stdout.read()

    def close_stdin(self) -> None:
        """Let the process see EOF behind what was written."""
        self._stdin.close_when_written()

    async def wait(self) -> Exit:
        """Wait for the exit of the process itself, whatever holds its pipes."""
        return await asyncio.shield(self._exit)

    async def wait_at_most(self, deadline_s: float) -> Exit | None:
        """Wait for the exit; None when it still runs after `deadline_s`."""
        await asyncio.wait({self._exit}, timeout=deadline_s)
        return self.exit

    def when_ended(self, tell: Callable[[Exit], None]) -> None:
        """Call `tell` once the process has ended."""
        self._exit.add_done_callback(lambda done: None if done.cancelled() else tell(done.result()))

    async def output_ended(self, deadline_s: float) -> None:
        """Wait until stderr, and stdout if somebody reads it, have been read to their ends."""
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline_s):
                if self._stderr is not None:
                    await self._stderr.ended.wait()
                if self._stdout.was_read:
                    await self._stdout.ended.wait()

    def signal_group(self, number: int) -> None:
        """Signal the process and what stayed in its group; nothing happens after close.

        The number of the group is ours until close, as the ended leader is kept as a zombie.
        """
        if self._watch.reaped or self._closed:
            return
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)
        else:
            os_.send_signal(self.key, number)

    def terminate_group(self) -> None:
        """Ask the group to end; one that is stopped is woken so that it can."""
        self.signal_group(signal.SIGTERM)
        if hasattr(signal, "SIGCONT"):
            self.signal_group(signal.SIGCONT)

    def close(self) -> None:
        """Release everything; a process that still runs is killed with its group."""
        if self._closed:
            return
        if self.exit is None:
            self.signal_group(SIGKILL)
        self._closed = True
        if self._drain_timer is not None:
            self._drain_timer.cancel()
        self._stdin.close()
        self._stdout.close()
        if self._stderr is not None:
            self._stderr.drain()
        self._watch.release()
        self._popen.returncode = (self.exit or UNKNOWN_EXIT).returncode()
        _living.discard(self)

    def _on_exit(self, exit_: Exit) -> None:
        self._exit.set_result(exit_)
        self._popen.returncode = exit_.returncode()  # Popen must not wait for what we wait for
        self._drain_timer = self._loop.call_later(DRAIN_AFTER_EXIT_S, self._cut)

    def _cut(self) -> None:
        self._stdin.close()
        self._stdout.cut()
        if self._stderr is not None:
            self._stderr.drain()
