"""A running sidecar for tests: from source or frozen, as a launcher would start it.

    async with RunningSidecar(tmp_path) as sidecar:
        async with sidecar.client() as client:
            await client.request("session.start", start_params("t1"))

Uses nothing of sidecar/ but the wire of the client. Everything it starts carries a random
sentinel in its environment, and the observer counts what is left by it. Unless a test's settings
say otherwise the login shell is not asked: that costs a second, and differs between machines.
"""

import asyncio
import json
import os
import secrets
import signal
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.client import SidecarClient

READY_S = 30.0
STOP_S = 20.0
SOURCE = [sys.executable, "-m", "sidecar"]


class NotReadyError(RuntimeError):
    """Raised by start when the line on stdout was not the ready line; `line` is what it was."""

    def __init__(self, line: dict[str, Any], stderr: str) -> None:
        super().__init__(f"{line}\n{stderr}")
        self.line = line


class RunningSidecar:
    """One data dir, and the sidecar that runs on it now (or none)."""

    def __init__(
        self,
        data_dir: Path,
        *,
        command: list[str] | None = None,
        settings: dict[str, Any] | None = None,
        env: dict[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.command = command or SOURCE
        self.settings = {"env": {"loginShell": False}} | (settings or {})
        self.env = env or {}
        self.token = secrets.token_hex(32)
        self.ready: dict[str, Any] = {}
        self.stderr: list[str] = []
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    @property
    def process(self) -> asyncio.subprocess.Process:
        """The process that was spawned (under onefile the bootloader)."""
        assert self._process is not None
        return self._process

    @property
    def pid(self) -> int:
        """The supervisor's own pid, as the ready line says it."""
        pid: int = self.ready["pid"]
        return pid

    async def start(self) -> dict[str, Any]:
        """Launch, hand the bootstrap over, return the ready line.

        Raises NotReadyError for any other line.
        """
        self._process = await asyncio.create_subprocess_exec(
            *self.command,
            "serve",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | self.env,
        )
        self._reader = asyncio.create_task(self._read_stderr(self._process))
        bootstrap = {
            "token": self.token,
            "parentPid": os.getpid(),
            "dataDir": str(self.data_dir),
            "settings": self.settings,
        }
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(bootstrap).encode() + b"\n")
        assert self._process.stdout is not None
        async with asyncio.timeout(READY_S):
            line = await self._process.stdout.readline()
        if not line:
            await self._reader
            raise NotReadyError({}, self.stderr_text)
        self.ready = json.loads(line)
        if self.ready["event"] != "ready":
            await self.wait()
            raise NotReadyError(self.ready, self.stderr_text)
        return self.ready

    def client(self, client_id: str = "test-client", **options: Any) -> SidecarClient:
        """Return a client of the bridge, not yet connected."""
        return SidecarClient(self.ready["url"], self.token, client_id=client_id, **options)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Signal the supervisor itself."""
        os.kill(self.pid, number)

    async def wait(self, timeout_s: float = STOP_S) -> int:
        """Wait for the end of what was spawned; its exit code."""
        async with asyncio.timeout(timeout_s):
            code = await self.process.wait()
            if self._reader is not None:
                await self._reader
        return code

    async def stop(self) -> int:
        """Close stdin, as a launcher that ends does, and wait."""
        if self._process is None:
            return 0
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            return await self.wait()
        except TimeoutError:
            self._process.kill()
            raise

    @property
    def stderr_text(self) -> str:
        """All that was said on stderr so far."""
        return "".join(self.stderr)

    async def _read_stderr(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        while data := await process.stderr.read(65_536):
            self.stderr.append(data.decode("utf-8", "replace"))


def start_params(thread_id: str, provider: str = "demo", **more: Any) -> dict[str, Any]:
    """Return params of session.start with a fresh idempotency key."""
    return {
        "idempotencyKey": secrets.token_hex(8),
        "threadId": thread_id,
        "provider": provider,
        "runtimeMode": "approval-required",
    } | more


def turn_params(thread_id: str, text: str, **more: Any) -> dict[str, Any]:
    """Return params of session.sendTurn with a fresh idempotency key."""
    return {
        "idempotencyKey": secrets.token_hex(8),
        "threadId": thread_id,
        "input": text,
    } | more
