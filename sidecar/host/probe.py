"""A probe process: finds one thing out about a provider or the login shell, answers, and is gone.

Started by exec of the `probe` subcommand. With a channel it is guarded like a host: when the
supervisor dies, it dies, and what it has started with it. By hand it reads its request from stdin
and answers on stdout.
"""

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sidecar.contract.errors import ProviderProcessFailed, SidecarError
from sidecar.contract.probes import ProbeAnswer, ProbeRequest
from sidecar.core.lastwords import StderrLog
from sidecar.core.redaction import Redactor, secrets_of_environment
from sidecar.host.entry import LEAVE_NOTHING_S
from sidecar.host.entry import main as become_guarded
from sidecar.host.processes import Processes, layered
from sidecar.process import (
    OrphanReaper,
    everything_below,
    kill_until_empty,
    new_mark,
    own_environment,
    provider_environment,
    with_mark,
)
from sidecar.process.loginshell import login_shell, read_login_environment
from sidecar.process.platform import os_
from sidecar.providers.base import ProviderCommand, ProviderProbe, ProviderProcess
from sidecar.providers.registry import load_class

REQUEST_BYTES = 8 * 1024 * 1024
"""An environment of at most 2 MiB, and settings."""

OUTPUT_BYTES = 4 * 1024 * 1024
"""What a probe reads of one program; a list of models has some hundred KB."""

LOG_RECORDS = 100

STOP_S = 1.0


class HostProbeContext:
    """The ProbeContext of one request."""

    def __init__(self, request: ProbeRequest) -> None:
        self._request = request
        self.records: list[dict[str, Any]] = []
        redactor = Redactor(secrets_of_environment(request.env))
        stderr = StderrLog(redactor, time.monotonic, self.log)
        self._processes = Processes(new_mark(), self._environment, self.log, stderr)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What the provider is set to."""
        return self._request.settings

    @property
    def env(self) -> Mapping[str, str]:
        """The environment of its programs."""
        return self._request.env

    @property
    def instance_home(self) -> str | None:
        """The instance's own directory."""
        return self._request.instance_home

    async def run(self, argv: Sequence[str], deadline_s: float) -> tuple[int | None, str, str]:
        """Run a program to its end, or kill it with all that it started at the deadline."""
        tool = await self._processes.spawn_tool(ProviderCommand(argv=argv, cwd=_home(self.env)))
        tool.close_stdin()
        output = bytearray()
        code: int | None = None
        try:
            with contextlib.suppress(TimeoutError):  # then there is no exit code, which says so
                async with asyncio.timeout(deadline_s):
                    while data := await tool.read():
                        output += data[: max(0, OUTPUT_BYTES - len(output))]
                    code = (await tool.ended()).code
        finally:
            await tool.stop(STOP_S)
        return code, output.decode("utf-8", "replace"), tool.stderr_tail

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        """Start a program; the end of the probe ends it."""
        if command.cwd is None:
            command = ProviderCommand(
                argv=command.argv,
                cwd=_home(self.env),
                env=command.env,
                own_binary=command.own_binary,
                merge_stderr=command.merge_stderr,
            )
        return await self._processes.spawn(command)

    def log(self, level: str, event: str, **fields: Any) -> None:
        """Keep a record for the supervisor's log."""
        if len(self.records) < LOG_RECORDS:
            self.records.append({"level": level, "event": event, **fields})

    def close(self) -> None:
        """Kill what the probe has started and not ended."""
        for child in self._processes.children:
            child.close()

    def _environment(self, command: ProviderCommand) -> dict[str, str]:
        base = own_environment() if command.own_binary else {}
        return layered(base, self._request.env, command.env)


def _home(env: Mapping[str, str]) -> str:
    """Return where programs run: not in whatever folder the app was started in."""
    home = env.get("HOME", "")
    return home if os.path.isdir(home) else os.path.abspath(os.sep)  # noqa: PTH112, PTH100


async def answer(request: ProbeRequest, channel: socket.socket | None = None) -> ProbeAnswer:
    """Find out what was asked. Never raises for what goes wrong: that is the answer.

    Given up in good order when the other end of `channel` is closed: nobody waits for it any more.
    """
    context = HostProbeContext(request)
    reaper = OrphanReaper()
    reaper.start()
    if channel is not None:
        _give_up_with(channel)
    try:
        async with asyncio.timeout(request.deadline_ms / 1000):
            return await _found(request, context)
    except TimeoutError:
        return _failed(context, f"it did not answer within {request.deadline_ms / 1000:g} s")
    except SidecarError as error:
        return _failed(context, error.message)
    except Exception as error:  # noqa: BLE001 - a drop-in's code may raise anything
        return _failed(context, f"its probe failed: {error!r}")
    except asyncio.CancelledError:
        return _failed(context, "it was given up")
    finally:
        if channel is not None:
            asyncio.get_running_loop().remove_reader(channel)
        context.close()
        reaper.close()


def _give_up_with(channel: socket.socket) -> None:
    """Cancel the current task at the end of the channel; what it is sent beyond is not read."""
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()

    def readable() -> None:
        loop.remove_reader(channel)
        if task is not None and not channel.recv(1, socket.MSG_PEEK):
            task.cancel()

    loop.add_reader(channel, readable)


def _failed(context: HostProbeContext, reason: str) -> ProbeAnswer:
    return ProbeAnswer(error=reason, log=context.records)


async def _found(request: ProbeRequest, context: HostProbeContext) -> ProbeAnswer:
    if request.op == "environment":
        return ProbeAnswer(environment=await _login_environment(request))
    probe_class = load_class(request.module, request.probe_class, request.package_dir)
    probe: ProviderProbe = probe_class(context)
    if request.op == "models":
        models = [msgspec.to_builtins(model) for model in await probe.models()]
        return ProbeAnswer(models=models, log=context.records)
    finding = msgspec.to_builtins(await probe.status(), enc_hook=str)
    return ProbeAnswer(finding=finding, log=context.records)


async def _login_environment(request: ProbeRequest) -> dict[str, str]:
    env = with_mark(provider_environment({**os.environ, **request.env}), new_mark())
    shell = login_shell(env)
    if shell is None:
        raise ProviderProcessFailed("there is no login shell to ask")
    return await read_login_environment(shell, env, request.deadline_ms / 1000)


def main(channel_fd: int | None) -> int:
    """Be a probe process; the exit code of the process."""
    if channel_fd is not None:
        return become_guarded(channel_fd, serve_channel)
    os_.set_subreaper()
    try:
        sys.stdout.buffer.write(_answer_line(sys.stdin.buffer.read(REQUEST_BYTES)))
        sys.stdout.flush()
    finally:
        kill_until_empty(everything_below, LEAVE_NOTHING_S)
    return 0


def serve_channel(channel: socket.socket) -> int:
    """Read one line, answer with one."""
    channel.setblocking(True)
    with channel, channel.makefile("rb") as lines:
        line = lines.readline(REQUEST_BYTES)
        if not line:
            return 1
        with contextlib.suppress(OSError):  # given up: nobody is there to read it
            channel.sendall(_answer_line(line, channel))
    return 0


def _answer_line(line: bytes, channel: socket.socket | None = None) -> bytes:
    try:
        request = msgspec.json.decode(line, type=ProbeRequest)
    except msgspec.DecodeError as error:
        found = ProbeAnswer(error=f"the request is not as documented: {error}")
    else:
        found = asyncio.run(answer(request, channel))
    return msgspec.json.encode(found, enc_hook=str) + b"\n"
