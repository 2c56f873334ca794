"""Launchers of fake hosts, under both ways to launch."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.supervisor.launch import (
    ExecLauncher,
    HostExit,
    HostLauncher,
    HostProcess,
    ZygoteLauncher,
)
from tests.support import observer

FAKE_HOST = [sys.executable, str(Path(__file__).parents[2] / "fakes" / "fake_host.py")]


class Host:
    """A launched fake host, spoken to in lines."""

    def __init__(self, process: HostProcess) -> None:
        self.process = process
        self.pid = process.pid
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def greet(self) -> "Host":
        streams = await asyncio.open_unix_connection(sock=self.process.channel)
        self._reader, self._writer = streams
        assert await self._reader.readline() == b"hello %d\n" % self.pid
        return self

    async def ask(self, line: str) -> str:
        """Return the answer, "" when the host is gone."""
        self._writer.write(line.encode() + b"\n")
        try:
            return (await self._reader.readline()).decode().strip()
        except ConnectionError:  # it died with our line unread
            return ""

    async def lives(self) -> bool:
        return await self.ask("ping") == f"pong {self.pid}"

    async def ended(self) -> HostExit:
        async with asyncio.timeout(15):
            return await self.process.wait()

    def hang_up(self) -> None:
        self._writer.close()

    def close(self) -> None:
        self._writer.close()
        os.close(self.process.stderr_fd)


Launch = Callable[[], Coroutine[Any, Any, Host]]


@pytest.fixture
def sentinel() -> Iterator[str]:
    word = observer.new_sentinel()
    yield word
    observer.kill_all(word)


async def _closing(launcher: HostLauncher) -> AsyncIterator[HostLauncher]:
    await launcher.start()
    yield launcher
    await launcher.close(5.0)


@pytest.fixture
async def zygote() -> AsyncIterator[ZygoteLauncher]:
    async for launcher in _closing(ZygoteLauncher(command=FAKE_HOST)):
        assert isinstance(launcher, ZygoteLauncher)
        yield launcher


@pytest.fixture(params=["zygote", "exec"])
async def launcher(request: pytest.FixtureRequest) -> AsyncIterator[HostLauncher]:
    kinds = {"zygote": ZygoteLauncher, "exec": ExecLauncher}
    async for launcher in _closing(kinds[request.param](command=FAKE_HOST)):
        yield launcher


@pytest.fixture
async def hosts() -> AsyncIterator[list[Host]]:
    """Hosts to be closed at the end."""
    hosts: list[Host] = []
    yield hosts
    for host in hosts:
        host.close()


@pytest.fixture
def launch(launcher: HostLauncher, hosts: list[Host]) -> Launch:
    """Launch a host and wait for its hello."""
    return _launching(launcher, hosts)


@pytest.fixture
def fork(zygote: ZygoteLauncher, hosts: list[Host]) -> Launch:
    """Launch a host by the zygote."""
    return _launching(zygote, hosts)


def _launching(launcher: HostLauncher, hosts: list[Host]) -> Launch:
    async def launch() -> Host:
        host = await Host(await launcher.launch()).greet()
        hosts.append(host)
        return host

    return launch
