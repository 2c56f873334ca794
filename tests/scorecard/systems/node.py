"""The Node baseline as a System: tests/scorecard/baseline, driven by JSON lines.

Its consumer is a client of its local port that keeps a cursor. Nothing here makes up for what the
baseline does not do.
"""

import asyncio
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.scorecard.model import Fact, Receipt, SessionPlan, SystemFailedError, SystemName
from tests.scorecard.observe.processes import RUN_VARIABLE
from tests.scorecard.observe.writes import PIECE, RECALL

PROGRAM = Path(__file__).resolve().parents[1] / "baseline" / "main.mjs"

READY_S = 30.0
STOP_S = 30.0
CALL_S = 60.0
LOOK_EVERY_S = 0.05
LINE_BYTES = 64 * 1024 * 1024


class NodeSystem:
    """One folder, the Node process that runs on it now, and its one consumer."""

    name: SystemName = "node"

    def __init__(self, folder: Path, run: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._cursors = folder / "cursors.json"
        self._run = run
        self._process: asyncio.subprocess.Process | None = None
        self._readers: list[asyncio.Task[None]] = []
        self._ready: dict[str, Any] = {}
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._log: list[str] = []
        self._consumer = Consumer()
        self.start_ms: list[float] = []
        """Launch to the consumer's connection, each time it was started."""

    @property
    def receipts(self) -> list[Receipt]:
        """All that the consumer got."""
        return self._consumer.receipts

    @property
    def facts(self) -> list[Fact]:
        """What else it was told."""
        return self._consumer.facts

    @property
    def main_pid(self) -> int:
        """Node."""
        pid: int = self._ready["pid"]
        return pid

    # Life

    async def start(self) -> None:
        """Launch Node, read its ready line, connect the consumer."""
        node = shutil.which("node")
        if node is None:
            raise SystemFailedError("there is no node on PATH")
        began = time.monotonic()
        self._process = process = await asyncio.create_subprocess_exec(
            node,
            str(PROGRAM),
            str(self._cursors),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=LINE_BYTES,
            env=os.environ | {RUN_VARIABLE: self._run},
        )
        assert process.stdout is not None
        stderr = asyncio.create_task(self._read_stderr(process))
        async with asyncio.timeout(READY_S):
            line = await process.stdout.readline()
        self._readers = [stderr]
        if not line:
            raise SystemFailedError(f"it did not start: {self._log[-20:]}")
        self._ready = json.loads(line)
        self._readers.append(asyncio.create_task(self._read_answers(process)))
        await self.reconnect()
        self.start_ms.append((time.monotonic() - began) * 1000)

    async def stop(self) -> None:
        """Close its stdin and wait."""
        await self.drop()
        if self._process is None:
            return
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
            raise SystemFailedError(f"it did not stop within {STOP_S:g} s") from None
        finally:
            await self._end_of_output()

    async def died(self) -> None:
        """Take note of Node's death."""
        await self.drop()
        if self._process is not None:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        await self._end_of_output()

    async def _end_of_output(self) -> None:
        """Read the last words; an orphan may hold a pipe open for ever."""
        if self._readers:
            await asyncio.wait(self._readers, timeout=1.0)
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)
        self._readers = []

    # Sessions

    async def open(self, plan: SessionPlan) -> None:
        """Start a session."""
        command = {
            "thread": plan.thread,
            "agent": list(plan.agent),
            "parent": plan.parent,
            "restart": plan.restart,
            "limits": plan.limits,
            "faulty": plan.faulty,
        }
        await self._call("open", **command)

    async def send(self, thread: str, text: str, key: str | None = None) -> None:
        """Begin a turn."""
        await self._call("send", thread=thread, text=text, key=key)

    async def answer(self, thread: str, request: str) -> None:
        """Allow what a request asks for."""
        await self._call("answer", thread=thread, request=request)

    async def interrupt(self, thread: str) -> None:
        """Cancel the running turn."""
        await self._call("interrupt", thread=thread)

    async def close(self, thread: str) -> None:
        """Stop a session with the tree below it."""
        await self._call("close", thread=thread)

    async def _call(self, verb: str, **words: Any) -> Any:
        """Send a command and return its result. Raises SystemFailedError."""
        process = self._process
        if process is None or process.returncode is not None or process.stdin is None:
            raise SystemFailedError(f"Node is not running: {verb}")
        number = next(self._ids)
        future = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            process.stdin.write(json.dumps({"id": number, "do": verb, **words}).encode() + b"\n")
            async with asyncio.timeout(CALL_S):
                return await future
        except (ConnectionError, TimeoutError) as error:
            raise SystemFailedError(f"{verb}: {type(error).__name__}") from None
        finally:
            del self._waiting[number]

    # The consumer

    async def drop(self) -> None:
        """Pull the cable."""
        self._consumer.drop()

    async def reconnect(self) -> None:
        """Connect again, with the cursor."""
        await self._consumer.connect(self._ready["port"])

    async def hold(self) -> None:
        """Read nothing more."""
        self._consumer.hold()

    async def release(self) -> None:
        """Read again."""
        self._consumer.release()

    def figures(self) -> dict[str, Any]:
        """Return what the consumer saw of gaps."""
        return {"broken": list(self._consumer.broken), "gaps": list(self._consumer.gaps)}

    async def wait(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait until `ready()`. Raises SystemFailedError at the deadline."""
        end = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > end:
                raise SystemFailedError(f"waited {timeout_s:g} s for {what}")
            self._consumer.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._consumer.changed.wait()

    # Logs

    def log_lines(self) -> list[str]:
        """What it said on stderr: JSON lines."""
        return list(self._log)

    def correlation(self, thread: str) -> str:
        """The lines of a session carry ids that begin with the thread."""
        return thread

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while line := await process.stderr.readline():
            self._log.append(line.decode("utf-8", "replace").rstrip("\n"))

    async def _read_answers(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            answer = json.loads(line)
            future = self._waiting.get(answer["id"])
            if future is None or future.done():
                continue
            if "error" in answer:
                future.set_exception(SystemFailedError(answer["error"]))
            else:
                future.set_result(answer["result"])
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(SystemFailedError("Node has ended"))


class Consumer(asyncio.Protocol):
    """Reads events behind a cursor, over any number of connections."""

    def __init__(self) -> None:
        self.receipts: list[Receipt] = []
        self.facts: list[Fact] = []
        self.broken: list[str] = []
        self.gaps: list[dict[str, Any]] = []
        self.changed = asyncio.Event()
        self._instance = ""
        self._cursor = 0
        self._rest = b""
        self._greeted = False
        self._holds = False
        self._transport: asyncio.Transport | None = None

    async def connect(self, port: int) -> None:
        """Connect and say where it was."""
        self.drop()
        self._rest, self._greeted = b"", False
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(CALL_S):
                transport, _ = await loop.create_connection(lambda: self, "127.0.0.1", port)
        except (OSError, TimeoutError) as error:
            raise SystemFailedError(f"the consumer cannot connect: {error}") from None
        hello = {"instance": self._instance, "after": self._cursor}
        transport.write(json.dumps(hello).encode() + b"\n")
        self._transport = transport
        if self._holds:
            transport.pause_reading()

    def drop(self) -> None:
        """Go without a word; what is under way is lost."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    def hold(self) -> None:
        """Leave what comes in the socket, over this connection and the next."""
        self._holds = True
        if self._transport is not None:
            self._transport.pause_reading()

    def release(self) -> None:
        """Read on."""
        self._holds = False
        if self._transport is not None:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Take whole lines (asyncio.Protocol)."""
        if self._transport is None and self._greeted:
            return  # dropped
        at_ns = time.monotonic_ns()
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line), at_ns)
        self.changed.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wake whoever waits (asyncio.Protocol)."""
        self.changed.set()

    def _take(self, message: dict[str, Any], at_ns: int) -> None:
        if not self._greeted:
            self._greeted = True
            self._instance = message["instance"]
            self._cursor = message["after"] + message["lost"]
            self._note_gap(message["lost"])
        elif message["kind"] == "gap":
            self._cursor += message["lost"]
            self._note_gap(message["lost"])
        else:
            self._take_event(message, at_ns)

    def _note_gap(self, lost: int) -> None:
        if lost:
            self.gaps.append({"lost": lost})

    def _take_event(self, event: dict[str, Any], at_ns: int) -> None:
        if event["seq"] != self._cursor + 1:
            self.broken.append(f"seq {event['seq']} follows {self._cursor}")
        self._cursor = event["seq"]
        thread, kind, text = event["thread"], event["kind"], str(event.get("text", ""))
        if kind != "text":
            self.facts.append(Fact(thread, kind, text, at_ns, event))
            return
        self.receipts += [Receipt(thread, id_, at_ns) for id_ in PIECE.findall(text)]
        if (recalled := RECALL.search(text)) is not None:
            self.facts.append(Fact(thread, "recall", recalled[1], at_ns, event))
