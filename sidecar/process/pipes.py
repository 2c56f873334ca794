"""Non-blocking ends of a child's pipes on the asyncio loop, each with a bound.

stdout is read only while somebody asks, so a flood is slowed by its own pipe. stdin queues up to a
bound. stderr is read always and kept as a bounded tail. None of them waits for an end that an
orphan may hold back for ever: `cut` is the end from our side.
"""

import asyncio
import codecs
import os
from collections import deque
from contextlib import suppress

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.limits import TRANSFER_BYTES
from sidecar.core.lastwords import LastWords

READ_BYTES = 16 * 1024
"""Largest single read. The loop turns between two reads, so this bounds how long one provider's
output holds up what else the host has to do: 16 KiB of the worst garbage (8,000 lines of one
letter) are a tenth of a second's work on a busy machine."""

STDIN_DRAIN_BYTES = 64 * 1024
"""`drain` waits while more than this is queued: a pipe's worth on top of the pipe itself."""

STDIN_MAX_BYTES = 2 * TRANSFER_BYTES
"""Queued for a child that does not read: two of the largest requests, then writing fails."""

AFTER_CUT_BYTES = 1024 * 1024
"""What is still taken out of a pipe after its cut: Linux' largest pipe, so nothing that the child
wrote is lost, and an orphan that goes on writing cannot keep a reader for ever."""


class PipeReader:
    """Reads one pipe on demand. Backpressure: nothing is read while nobody awaits `read`."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd: int | None = fd
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._left_bytes: int | None = None
        self.was_read = False
        self.ended = asyncio.Event()

    async def read(self) -> bytes:
        """Return the next bytes, at most READ_BYTES; b"" at the end."""
        if self._waiter is not None:
            raise RuntimeError("somebody else is reading this pipe")
        self.was_read = True
        while self._fd is not None:
            data = self._try_read(self._fd)
            if data is not None:
                await asyncio.sleep(0)  # a pipe that is never empty must not hold the loop
                return data
            if self._left_bytes is not None:
                self.close()
                break
            await self._readable(self._fd)
        return b""

    def cut(self) -> None:
        """Treat what is in the pipe now as the rest of it."""
        if self._left_bytes is None:
            self._left_bytes = AFTER_CUT_BYTES
            self._wake()

    def close(self) -> None:
        """Close our end; a reader that waits gets b""."""
        if self._fd is not None:
            self._wake()
            os.close(self._fd)
            self._fd = None
            self.ended.set()

    def _try_read(self, fd: int) -> bytes | None:
        """Return bytes, b"" at the end (closed by then), None when there is nothing now."""
        try:
            data = os.read(fd, READ_BYTES)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if self._left_bytes is not None:
            data = data[: self._left_bytes]
            self._left_bytes -= len(data)
        if not data:
            self.close()
        return data

    async def _readable(self, fd: int) -> None:
        self._waiter = self._loop.create_future()
        self._loop.add_reader(fd, self._wake)
        try:
            await self._waiter
        finally:
            self._waiter = None
            if self._fd is not None:
                self._loop.remove_reader(fd)

    def _wake(self) -> None:
        if self._waiter is not None and self._fd is not None:
            self._loop.remove_reader(self._fd)
            if not self._waiter.done():
                self._waiter.set_result(None)


class PipeWriter:
    """Queues bytes to one pipe. Once it is closed, by either side, writing drops silently."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd: int | None = fd
        self._loop = asyncio.get_running_loop()
        self._queue: deque[memoryview] = deque()
        self._queued_bytes = 0
        self._closing = False
        self._drained: set[asyncio.Future[None]] = set()

    @property
    def queued_bytes(self) -> int:
        """Bytes that the pipe has not taken yet."""
        return self._queued_bytes

    def write(self, data: bytes) -> None:
        """Queue bytes. Raises ProviderProcessFailed when STDIN_MAX_BYTES would be exceeded."""
        if self._fd is None or self._closing or not data:
            return
        if self._queued_bytes + len(data) > STDIN_MAX_BYTES:
            raise ProviderProcessFailed(
                "Cannot write to the provider: it does not read its stdin",
                queuedBytes=self._queued_bytes,
            )
        was_idle = not self._queue
        self._queue.append(memoryview(data))
        self._queued_bytes += len(data)
        if was_idle:
            self._flush()
            if self._queue and self._fd is not None:
                self._loop.add_writer(self._fd, self._flush)

    async def drain(self) -> None:
        """Wait until at most STDIN_DRAIN_BYTES are queued; at once when it is closed."""
        while self._fd is not None and self._queued_bytes > STDIN_DRAIN_BYTES:
            waiter = self._loop.create_future()
            self._drained.add(waiter)
            try:
                await waiter
            finally:
                self._drained.discard(waiter)

    def close_when_written(self) -> None:
        """Close once the queue is empty: the child sees EOF behind what it was sent."""
        self._closing = True
        if not self._queue:
            self.close()

    def close(self) -> None:
        """Close now; what is queued is dropped."""
        if self._fd is None:
            return
        if self._queue:
            self._loop.remove_writer(self._fd)
        os.close(self._fd)
        self._fd = None
        self._queue.clear()
        self._queued_bytes = 0
        self._wake_drained()

    def _flush(self) -> None:
        assert self._fd is not None
        try:
            with suppress(BlockingIOError):  # the pipe is full: the rest goes when it is writable
                while self._queue:
                    self._written(os.write(self._fd, self._queue[0]))
        except OSError:  # the child closed its stdin, or is gone
            self.close()
            return
        if self._queued_bytes <= STDIN_DRAIN_BYTES:
            self._wake_drained()
        if not self._queue:
            self._loop.remove_writer(self._fd)
            if self._closing:
                self.close()

    def _written(self, count: int) -> None:
        self._queued_bytes -= count
        rest = self._queue[0][count:]
        if rest:
            self._queue[0] = rest
        else:
            self._queue.popleft()

    def _wake_drained(self) -> None:
        for waiter in self._drained:
            if not waiter.done():
                waiter.set_result(None)


class TailReader:
    """Reads a stderr continuously and hands what it says to `words`, which keep the end of it."""

    def __init__(self, fd: int, words: LastWords | None = None) -> None:
        os.set_blocking(fd, False)
        self._fd: int | None = fd
        self._loop = asyncio.get_running_loop()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._words = words or LastWords()
        self.ended = asyncio.Event()
        self._loop.add_reader(fd, self._readable)

    @property
    def tail(self) -> str:
        """The last STDERR_TAIL_CHARS characters, redacted as `words` do it."""
        return self._words.tail

    def drain(self) -> None:
        """Take what is in the pipe now, then close: the end from our side."""
        left_bytes = AFTER_CUT_BYTES
        while self._fd is not None and left_bytes > 0 and (count := self._readable()):
            left_bytes -= count
        self.close()

    def close(self) -> None:
        """Stop reading; the tail stays."""
        if self._fd is None:
            return
        self._loop.remove_reader(self._fd)
        os.close(self._fd)
        self._fd = None
        self._words.feed(self._decoder.decode(b"", final=True))
        self._words.end()
        self.ended.set()

    def _readable(self) -> int:
        """Read once; return how many bytes came."""
        assert self._fd is not None
        try:
            data = os.read(self._fd, READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self._words.feed(self._decoder.decode(data))
        else:
            self.close()
        return len(data)
