"""Probe processes seen from the supervisor: started, asked, given a deadline, killed, remembered.

Owns which probes run and what they found. Never imports a provider's code, and nobody waits for a
probe but who asked for what it finds.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from sidecar.contract.errors import SidecarError
from sidecar.contract.probes import ProbeAnswer, ProbeRequest
from sidecar.observe.log import Log
from sidecar.process.pipes import TailReader
from sidecar.supervisor.launch import HostLauncher, HostProcess

PROBES_AT_ONCE = 3
"""Provider CLIs take a core each for a second; sessions come first."""

KILL_GRACE_S = 2.0
"""What a probe gets beyond its deadline: it says itself that it was late, unless it is wedged."""

GIVE_UP_S = 1.6
"""End of its channel to the kill: a login shell is hung up on within it (process/loginshell), and
what is wedged is ended by its guard."""

ANSWER_BYTES = 16 * 1024 * 1024
"""A list of models has some hundred KB; what a drop-in says is bounded all the same."""

GOOD_S = 60.0
"""How long a finding is believed: somebody who logs in elsewhere wants to see it."""

MODELS_S = 600.0
BAD_S = 10.0
"""After a probe that failed or ran into its deadline."""

KEPT = 256
"""Findings that are remembered; clients may name any number of instances."""


class ProbeRunner:
    """Runs one probe process a call, by the launcher that starts the session hosts too."""

    def __init__(self, launcher: HostLauncher, log: Log) -> None:
        self._log = log
        self._launcher = launcher
        self._running: set[HostProcess] = set()
        self._stopping = asyncio.Event()

    async def close(self) -> None:
        """Kill what runs; nothing is started any more."""
        self._stopping.set()
        running = list(self._running)
        for process in running:
            process.kill()
        for process in running:
            await process.wait()

    async def run(self, request: ProbeRequest) -> ProbeAnswer:
        """Ask a new process, and see it and all below it dead. The answer tells of any failure."""
        if self._stopping.is_set():
            return ProbeAnswer(error="Cannot start a probe: the sidecar is stopping")
        try:
            process = await self._launcher.launch("probe")
        except (SidecarError, OSError) as error:  # no descriptor or process to be had
            return ProbeAnswer(error=f"Cannot start a probe: {error}")
        self._running.add(process)
        if self._stopping.is_set():  # while it was launched
            process.kill()
        stderr = TailReader(process.stderr_fd)
        try:
            answer = await self._ask(process, request)
        finally:
            await asyncio.shield(self._ended(process))
            self._running.discard(process)
            stderr.drain()
        if answer is None:
            self._log.warning("probe.died", provider=request.provider, stderr=stderr.tail)
            return ProbeAnswer(error="its probe ended without an answer")
        for record in answer.log:
            self._write(request, record)
        return answer

    async def _ask(self, process: HostProcess, request: ProbeRequest) -> ProbeAnswer | None:
        """Return what the process says; None when it says nothing that fits."""
        deadline_s = request.deadline_ms / 1000 + KILL_GRACE_S
        reader, writer = await asyncio.open_unix_connection(
            sock=process.channel, limit=ANSWER_BYTES
        )
        try:
            async with asyncio.timeout(deadline_s):
                writer.write(msgspec.json.encode(request) + b"\n")
                await writer.drain()
                line = await reader.readline()
            return msgspec.json.decode(line, type=ProbeAnswer) if line else None
        except TimeoutError:
            return ProbeAnswer(error=f"it did not answer within {deadline_s:g} s")
        except (OSError, ValueError, msgspec.DecodeError):
            return None
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _ended(self, process: HostProcess) -> None:
        """See it dead: it goes by itself once its channel is closed, but for a wedged one."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GIVE_UP_S):
                await process.wait()
        process.kill()
        await process.wait()

    def _write(self, request: ProbeRequest, record: dict[str, Any]) -> None:
        fields = {k: v for k, v in record.items() if k not in ("level", "event")}
        level = record.get("level")
        self._log.write(
            level if level in ("info", "warning", "error") else "debug",
            "probe.said",
            provider=request.provider,
            said={"event": str(record.get("event")), **fields},
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What a probe answered. `at_s` is of the monotonic clock, `wall_s` of the wall's."""

    answer: ProbeAnswer
    at_s: float
    wall_s: float
    subject: object
    """What was asked about: a finding about something else is none."""


Key = tuple[str, str, str]
"""Provider, instance ("" for the user's own) and what was asked."""


class ProbeDesk:
    """Answers from what is remembered; one probe a question, few at once."""

    def __init__(
        self,
        run: Callable[[ProbeRequest], Awaitable[ProbeAnswer]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._clock = clock
        self._found: OrderedDict[Key, Found] = OrderedDict()
        self._running: dict[Key, asyncio.Task[Found]] = {}
        self._gate = asyncio.Semaphore(PROBES_AT_ONCE)

    def remembered(self, key: Key, subject: object) -> Found | None:
        """Return the last finding, however old; None when there is none about `subject`."""
        found = self._found.get(key)
        return found if found is not None and found.subject == subject else None

    async def find(
        self, key: Key, subject: object, request: ProbeRequest, longest_s: float, *, refresh: bool
    ) -> Found | None:
        """Return a finding that is fresh enough, probing if there is none.

        After `longest_s` it is the last one, or None; the probe goes on and is remembered. Callers
        with one question share one probe, and none of them ends it by going away.
        """
        found = self.remembered(key, subject)
        if found is not None and not refresh and self._is_fresh(key, found):
            return found
        task = self._running.get(key)
        if task is None:
            task = asyncio.create_task(self._probe(key, subject, request), name=f"probe {key[0]}")
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key, None))
        await asyncio.wait({task}, timeout=longest_s)
        return task.result() if task.done() and not task.cancelled() else found

    async def stop(self) -> None:
        """Give up what runs."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_fresh(self, key: Key, found: Found) -> bool:
        good_s = MODELS_S if key[2] == "models" else GOOD_S
        return self._clock() - found.at_s < (BAD_S if found.answer.error else good_s)

    async def _probe(self, key: Key, subject: object, request: ProbeRequest) -> Found:
        async with self._gate:
            answer = await self._run(request)
        found = Found(answer, self._clock(), time.time(), subject)
        self._found[key] = found
        self._found.move_to_end(key)
        while len(self._found) > KEPT:
            self._found.popitem(last=False)
        return found
