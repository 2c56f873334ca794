"""Ours as a System: started as a launcher starts it, driven over its bridge as any client would.

Imports nothing of sidecar/: what runs is whatever `command` is, from source or frozen.
"""

import asyncio
import json
import os
import secrets
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.scorecard.model import Fact, Receipt, SessionPlan, SystemFailedError, SystemName
from tests.scorecard.observe.processes import RUN_VARIABLE
from tests.scorecard.systems.bridge import Bridge
from tests.scorecard.systems.events import Reading

ROOT = Path(__file__).resolve().parents[3]
PLUGIN = ROOT / "tests" / "scorecard" / "plugin"
FAULTY = "scorecard"
"""Name of the drop-in provider whose session code has the planted defect."""

CREDIT_BYTES = 512 * 1024
"""The consumer's window: small, so that a stuck consumer is felt soon."""

READY_S = 60.0
STOP_S = 30.0
LOOK_EVERY_S = 0.05


def from_source(sabotage: str = "none") -> list[str]:
    """Return the command that runs this clone, with a mechanism of it disabled or none."""
    return [sys.executable, "-m", "tests.scorecard.sabotage", sabotage]


class SidecarSystem:
    """One data dir, the sidecar that runs on it now, and its one consumer."""

    name: SystemName = "sidecar"

    def __init__(
        self,
        folder: Path,
        run: str,
        *,
        command: Sequence[str] | None = None,
        settings: dict[str, Any] | None = None,
    ) -> None:
        self._data_dir = folder / "data"
        self._work_dir = folder / "work"
        self._work_dir.mkdir(parents=True, exist_ok=True)
        self._run = run
        self._command = list(command or from_source())
        self._settings = {"env": {"loginShell": False}, **(settings or {})}
        self._token = secrets.token_hex(32)
        self._ready: dict[str, Any] = {}
        self._reading = Reading()
        self.bridge = Bridge(self._reading.take)
        self._process: asyncio.subprocess.Process | None = None
        self._stderr: list[str] = []
        self._stderr_reader: asyncio.Task[None] | None = None
        self.start_ms: list[float] = []
        """Launch to hello, each time it was started."""

    @property
    def receipts(self) -> list[Receipt]:
        """All that the consumer got."""
        return self._reading.receipts

    @property
    def facts(self) -> list[Fact]:
        """What else it was told."""
        return self._reading.facts

    @property
    def main_pid(self) -> int:
        """The supervisor's own pid."""
        pid: int = self._ready["pid"]
        return pid

    # Life

    async def start(self) -> None:
        """Launch, hand the bootstrap over, read the ready line, connect the consumer."""
        shutil.copytree(PLUGIN, self._data_dir / "plugins" / FAULTY, dirs_exist_ok=True)
        began = time.monotonic()
        self._process = await asyncio.create_subprocess_exec(
            *self._command,
            "serve",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=self._environment(),
        )
        self._stderr_reader = asyncio.create_task(self._read_stderr(self._process))
        bootstrap = {
            "token": self._token,
            "parentPid": os.getpid(),
            "dataDir": str(self._data_dir),
            "settings": self._settings,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(ConnectionError):
            self._process.stdin.write(json.dumps(bootstrap).encode() + b"\n")
        async with asyncio.timeout(READY_S):
            line = await self._process.stdout.readline()
        self._ready = json.loads(line) if line else {"event": "failed"}
        if self._ready["event"] != "ready":
            with suppress(TimeoutError):
                async with asyncio.timeout(STOP_S):
                    await self._process.wait()
            raise SystemFailedError(f"it did not start: {self._ready} {self._stderr_text[-4000:]}")
        await self.reconnect()
        self.start_ms.append((time.monotonic() - began) * 1000)

    async def stop(self) -> None:
        """Close its stdin, as a launcher that ends does, and wait."""
        await self.bridge.drop()
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
            raise SystemFailedError(f"it did not stop within {STOP_S:g} s") from None
        finally:
            await self._end_of_stderr()

    async def died(self) -> None:
        """Take note of the main process' death, so that it can be started again."""
        await self.bridge.drop()
        if self._process is not None:
            async with asyncio.timeout(STOP_S):
                await self._process.wait()
        await self._end_of_stderr()

    async def _end_of_stderr(self) -> None:
        """Read the last words; an orphan may hold the pipe open for ever."""
        if self._stderr_reader is not None:
            await asyncio.wait({self._stderr_reader}, timeout=1.0)
            self._stderr_reader.cancel()

    # Sessions

    async def open(self, plan: SessionPlan) -> None:
        """session.start with an agent of the built-in ACP provider, or of the faulty drop-in."""
        program, *arguments = plan.agent
        params: dict[str, Any] = {
            "threadId": plan.thread,
            "provider": FAULTY if plan.faulty else "acp",
            "runtimeMode": "approval-required",
            "cwd": str(self._work_dir),
            "options": {"command": program, "args": arguments},
        }
        for name in ("parent", "restart", "limits"):
            if (value := getattr(plan, name)) is not None:
                params[name] = value
        await self._call("session.start", params, timeout_s=120.0)

    async def send(self, thread: str, text: str, key: str | None = None) -> None:
        """session.sendTurn."""
        params = {"threadId": thread, "input": text}
        await self._call("session.sendTurn", params | ({"idempotencyKey": key} if key else {}))

    async def answer(self, thread: str, request: str) -> None:
        """session.respondToRequest, accepting."""
        params = {"threadId": thread, "requestId": request, "decision": "accept"}
        await self._call("session.respondToRequest", params)

    async def interrupt(self, thread: str) -> None:
        """session.interrupt, with the tree below."""
        await self.bridge.request("session.interrupt", {"threadId": thread})

    async def close(self, thread: str) -> None:
        """session.stop, with the tree below."""
        await self.bridge.request("session.stop", {"threadId": thread})

    async def _call(self, method: str, params: dict[str, Any], timeout_s: float = 60.0) -> None:
        key = secrets.token_hex(8)
        await self.bridge.request(method, {"idempotencyKey": key, **params}, timeout_s)

    # The consumer

    async def drop(self) -> None:
        """Pull the cable."""
        await self.bridge.drop()

    async def reconnect(self) -> None:
        """Connect again, with the cursor."""
        await self.bridge.connect(
            self._ready["url"], self._token, "scorecard", credit_bytes=CREDIT_BYTES
        )

    async def hold(self) -> None:
        """Ack nothing more; what the window lets through is still read."""
        self.bridge.holds = True

    async def release(self) -> None:
        """Ack again."""
        self.bridge.holds = False
        await self.bridge.ack()

    def figures(self) -> dict[str, Any]:
        """Return what the consumer saw of the protocol itself."""
        bridge = self.bridge
        return {
            "unackedMostBytes": bridge.unacked_most_bytes,
            "creditBytes": bridge.credit_bytes,
            "broken": list(bridge.broken),
            "gaps": list(bridge.gaps),
        }

    async def wait(self, ready: Callable[[], bool], what: str, timeout_s: float) -> None:
        """Wait until `ready()`. Raises SystemFailedError at the deadline."""
        end = time.monotonic() + timeout_s
        while not ready():
            if time.monotonic() > end:
                raise SystemFailedError(f"waited {timeout_s:g} s for {what}")
            self.bridge.changed.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self.bridge.changed.wait()

    # Logs

    def log_lines(self) -> list[str]:
        """What it said on stderr: JSON lines."""
        return self._stderr_text.splitlines()

    def correlation(self, thread: str) -> str:
        """Every log line has a `cid` that begins with the thread."""
        return f'"cid":"{thread}'

    @property
    def _stderr_text(self) -> str:
        return "".join(self._stderr)

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while data := await process.stderr.read(65_536):
            self._stderr.append(data.decode("utf-8", "replace"))

    def _environment(self) -> dict[str, str]:
        environment = os.environ | {RUN_VARIABLE: self._run}
        paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
        return environment | {"PYTHONPATH": os.pathsep.join(path for path in paths if path)}
