"""The shared `opencode serve`: one life of its process; the host starts another when it has died.

    starting ── banner, health, event stream ──► usable ── EOF / deaf / no stream / stop ──► ended

Owns the process and its one event stream, whose events it hands out by session; never knows what
an event means. What was open when a server died is ended by each session itself.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed
from sidecar.providers.base import ProviderCommand, ProviderProcess, SharedContext, SharedService
from sidecar.providers.opencode.http import HttpClient
from sidecar.providers.opencode.stream import Switchboard
from sidecar.providers.opencode.wire import Banner, EventStream, Unreadable
from sidecar.providers.shapes import text

PASSWORD_BYTES: Final = 32

LAST_WORDS_CHARS: Final = 2_000

READS_KEPT: Final = 8
"""Reads of stdout kept until the banner, to say why there is none."""


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long a server may take, in seconds."""

    start_s: float = 55.0
    """Program to event stream: 2.5 s measured, on a busy laptop with a cold disk many times that.
    Below what the host gives a service, so that the reason is ours."""
    health_s: float = 10.0
    """One look at its health."""
    health_every_s: float = 15.0
    strikes: int = 3
    """Looks in a row that fail before it is taken for dead: a machine that wakes from sleep, or a
    server that reads a large repository, must not lose its turns."""
    reconnect_s: float = 15.0
    """How long its event stream may be away while its process lives."""
    pause_first_s: float = 0.1
    pause_last_s: float = 2.0
    """Between two attempts to open the stream, doubling."""


class OpencodeServer(SharedService):
    """One server for the sessions that lease it. `command` makes its command from a password."""

    def __init__(
        self,
        context: SharedContext,
        command: Callable[[str], ProviderCommand],
        idle_s: float,
        deadlines: Deadlines | None = None,
    ) -> None:
        super().__init__(context)
        self.idle_s = idle_s
        self.sessions = Switchboard()
        self._command = command
        self._deadlines = deadlines or Deadlines()
        self._tasks: list[asyncio.Task[None]] = []
        self._http: HttpClient | None = None
        self._up = False
        self._ended = asyncio.Event()
        self._why = ""
        self._heard: list[str] = []
        self._listening = asyncio.Event()
        self._hears = False
        self._opened_ms = 0

    @property
    def usable(self) -> bool:
        """Whether it is up: its process lives, answers, and its events come."""
        return self._up and not self._ended.is_set()

    @property
    def http(self) -> HttpClient:
        """The client of this server. Raises ProviderProcessFailed once it is gone."""
        if self._http is None or self._ended.is_set():
            raise ProviderProcessFailed(f"The OpenCode server is not up: {self._why or 'starting'}")
        return self._http

    async def start(self) -> None:
        """Start the process; return when it answers and its events come.

        Raises ProviderProcessFailed with what it said.
        """
        try:
            async with asyncio.timeout(self._deadlines.start_s):
                await self._start()
        except TimeoutError:
            await self.stop()
            raise ProviderProcessFailed(
                f"Cannot start OpenCode: its server was not up within {self._deadlines.start_s:g} s"
            ) from None
        except BaseException:
            await self.stop()
            raise
        self._up = True
        self._keep(self._watch())

    async def stop(self) -> None:
        """Tell the sessions that it is gone; what it has started is for the host to stop."""
        self._end("the opencode server was stopped")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._http is not None:
            await self._http.close()

    # The process

    async def _start(self) -> None:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        process = await self.context.spawn(self._command(password))
        url = await self._address(process)
        self._http = HttpClient(url, password)
        self._keep(self._drain(process))
        await self._check()
        self._keep(self._listen())
        waits = [asyncio.create_task(event.wait()) for event in (self._listening, self._ended)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if self._ended.is_set():
            raise ProviderProcessFailed(f"Cannot start OpenCode: {self._why}")

    async def _address(self, process: ProviderProcess) -> str:
        """Read stdout until the banner; whatever port was asked for, the banner's counts."""
        banner = Banner()
        while data := await process.read():
            self._heard.append(data.decode("utf-8", "replace"))
            del self._heard[:-READS_KEPT]
            url = banner.receive(data)
            if url is not None:
                return url
        said = (process.stderr_tail + "\n" + "".join(self._heard)).strip()
        words = text(said[-LAST_WORDS_CHARS:], LAST_WORDS_CHARS) or "it said nothing"
        raise ProviderProcessFailed(f"Cannot start OpenCode: its server ended at once: {words}")

    async def _drain(self, process: ProviderProcess) -> None:
        """Read stdout to its end, which is the server's: nothing else tells that it was killed."""
        while await process.read():
            pass
        self._end("the opencode server has ended")

    # Its events

    async def _listen(self) -> None:
        """Keep the event stream open; a server without one is of no use."""
        pause_s = self._deadlines.pause_first_s
        away_since_ms = self.context.now_ms()
        while True:
            self._hears = False
            try:
                await self._hear()
                error = "it was closed"
            except ProviderProcessFailed as failure:
                error = failure.message
            if self._hears:
                away_since_ms = self.context.now_ms()
                if away_since_ms - self._opened_ms >= self._deadlines.pause_last_s * 1000:
                    pause_s = (
                        self._deadlines.pause_first_s
                    )  # it held; one that closes at once waits
            if self.context.now_ms() - away_since_ms > self._deadlines.reconnect_s * 1000:
                self._end(f"the event stream of the opencode server is gone: {error}")
                return
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, self._deadlines.pause_last_s)

    async def _hear(self) -> None:
        """Read one connection's events to their end."""
        stream = EventStream()
        async with aclosing(self.http.events()) as chunks:
            async for data in chunks:
                if not self._hears:
                    self._opened()
                for event in stream.receive(data):
                    if isinstance(event, Unreadable):
                        self.context.log("warning", "opencode.unreadable", reason=event.reason)
                        self.sessions.resync(event.reason)
                    else:
                        self.sessions.deliver(event)

    def _opened(self) -> None:
        """The stream is open; not for the first time when events may have been missed."""
        self._hears = True
        self._opened_ms = self.context.now_ms()
        if self._listening.is_set():
            self.context.log("warning", "opencode.stream_reopened")
            self.sessions.resync("the event stream broke")
        self._listening.set()

    # Its health

    async def _watch(self) -> None:
        """Look at the server's health for ever; end what does not answer."""
        strikes = 0
        while strikes < self._deadlines.strikes:
            await asyncio.sleep(self._deadlines.health_every_s)
            try:
                await self._check()
            except (ProviderProcessFailed, ProviderRequestFailed) as error:
                strikes += 1
                self.context.log("warning", "opencode.unhealthy", error=error.message)
            else:
                strikes = 0
        self._end("the opencode server does not answer any more")

    async def _check(self) -> None:
        await self.http.call("GET", "/global/health", deadline_s=self._deadlines.health_s)

    # Within

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        task.add_done_callback(self._done)
        self._tasks.append(task)

    def _done(self, task: asyncio.Task[None]) -> None:
        """A task that failed for a reason that nobody foresaw ends it: it would be deaf."""
        if not task.cancelled() and (error := task.exception()) is not None:
            self._end(f"its watcher failed: {error!r}")

    def _end(self, reason: str) -> None:
        if not self._ended.is_set():
            self._why = reason
            self._ended.set()
            self.context.log("info", "opencode.ended", reason=reason)
            self.sessions.close(reason)
