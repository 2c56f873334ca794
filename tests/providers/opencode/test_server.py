"""The shared server against the fake: its start, its watch, its end; and who may share it."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed
from sidecar.contract.frames import SessionSpec
from sidecar.providers.base import ProviderCommand
from sidecar.providers.opencode import http
from sidecar.providers.opencode.inbox import Closed
from sidecar.providers.opencode.options import read_options
from sidecar.providers.opencode.server import Deadlines, OpencodeServer
from sidecar.providers.opencode.sharing import sharing_key
from sidecar.providers.opencode.shell import server_command
from tests.providers.context import WAIT_S, FakeContext, spec, until_true
from tests.providers.opencode.house import FAKE, spec_of

QUICK = Deadlines(
    start_s=20.0,
    health_s=1.0,
    health_every_s=0.05,
    strikes=2,
    reconnect_s=0.3,
    pause_first_s=0.01,
    pause_last_s=0.02,
)


class Started:
    """A server of the fake, to be ended."""

    def __init__(self, *args: str, deadlines: Deadlines = QUICK) -> None:
        self.context = FakeContext(spec("opencode"))
        self.context.now_ms = lambda: time.monotonic_ns() // 1_000_000  # type: ignore[method-assign] # the clock goes
        self.argv = [sys.executable, FAKE, *args, "serve", "--port", "0"]
        self.passwords: list[str] = []
        self.server = OpencodeServer(self.context, self.command, 1.0, deadlines)

    def command(self, password: str) -> ProviderCommand:
        self.passwords.append(password)
        return ProviderCommand(argv=self.argv, env={"OPENCODE_SERVER_PASSWORD": password})

    async def end(self) -> None:
        await self.server.stop()
        for process in self.context.processes:
            await process.end()


@pytest.fixture
async def started() -> AsyncIterator[Started]:
    started = Started()
    await started.server.start()
    yield started
    await started.end()


def logged(started: Started, event: str) -> bool:
    return any(log[1] == event for log in started.context.logs)


async def test_it_answers_to_its_password_alone(started: Started) -> None:
    assert started.server.usable
    assert len(started.passwords[0]) >= 32
    stranger = http.HttpClient(started.server.http._url, "wrong")
    try:
        with pytest.raises(ProviderRequestFailed, match="401"):
            await stranger.call("GET", "/mcp")
        with pytest.raises(ProviderProcessFailed, match="401"):
            async for _ in stranger.events():
                pass
    finally:
        await stranger.close()
    assert not any(started.passwords[0] in repr(log) for log in started.context.logs)


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--fail", "start"), "ended at once"),
        (("--fail", "hang"), "not up within"),
        (("--fail", "deaf"), "cannot be reached"),
    ],
)
async def test_a_start_that_fails_says_why(args: tuple[str, ...], words: str) -> None:
    started = Started(*args, deadlines=Deadlines(start_s=3.0))
    try:
        with pytest.raises(ProviderProcessFailed, match=words):
            await started.server.start()
        assert not started.server.usable
        with pytest.raises(ProviderProcessFailed, match="not up"):
            _ = started.server.http
    finally:
        await started.end()


async def test_the_end_of_its_process_closes_every_inbox(started: Started) -> None:
    inboxes = [started.server.sessions.attach(name) for name in ("one", "two")]
    os.kill(started.context.processes[0].pid, signal.SIGKILL)
    for inbox in inboxes:
        item = await asyncio.wait_for(inbox.get(), WAIT_S)
        while not isinstance(item, Closed):  # it may be lost before it is known to have ended
            item = await asyncio.wait_for(inbox.get(), WAIT_S)
        assert item.reason == "the opencode server has ended"
    assert not started.server.usable


async def test_one_that_does_not_answer_is_given_up(started: Started) -> None:
    inbox = started.server.sessions.attach("one")
    await started.server.http.call("GET", "/steer?health=500")
    assert await asyncio.wait_for(inbox.get(), WAIT_S) == Closed(
        "the opencode server does not answer any more"
    )


async def test_one_that_answers_again_is_kept(started: Started) -> None:
    await started.server.http.call("GET", "/steer?health=500")
    await until_true(lambda: logged(started, "opencode.unhealthy"))
    await started.server.http.call("GET", "/steer?health=200")
    await started.server._check()
    assert started.server.usable


async def test_one_without_an_event_stream_is_given_up(started: Started) -> None:
    inbox = started.server.sessions.attach("one")
    await started.server.http.call("GET", "/steer?mute=1")
    item = await asyncio.wait_for(inbox.get(), WAIT_S)
    assert isinstance(item, Closed)
    assert "status 503" in item.reason


async def test_a_watcher_that_fails_ends_the_server(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = started.server.sessions.attach("one")

    async def fail() -> None:
        raise LookupError("unforeseen")

    monkeypatch.setattr(started.server, "_check", fail)
    item = await asyncio.wait_for(inbox.get(), WAIT_S)
    assert isinstance(item, Closed)
    assert "unforeseen" in item.reason


async def test_a_stop_is_heard_by_its_sessions(started: Started) -> None:
    inbox = started.server.sessions.attach("one")
    await started.server.stop()
    assert await inbox.get() == Closed("the opencode server was stopped")


async def test_a_deadline_and_a_bound_are_kept(
    started: Started, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ProviderRequestFailed, match=r"within 0\.05 s"):
        await started.server.http.call("GET", "/hang", deadline_s=0.05)
    monkeypatch.setattr(http, "ANSWER_BYTES", 10)
    with pytest.raises(ProviderRequestFailed, match="over 10 bytes"):
        await started.server.http.call("GET", "/config/providers")


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [(200, b"{x", "no JSON"), (500, b"<html>", "status 500"), (302, b"", "status 302")],
)
def test_an_answer_that_is_none_is_refused(status: int, data: bytes, words: str) -> None:
    with pytest.raises(ProviderRequestFailed, match=words):
        http._decoded(status, data, "GET /x")


def test_an_empty_answer_is_nothing() -> None:
    assert http._decoded(204, b"", "GET /x") is None


# Sharing


def with_start(made: SessionSpec, **fields: Any) -> SessionSpec:
    return msgspec.structs.replace(made, start=msgspec.structs.replace(made.start, **fields))


@pytest.mark.parametrize(
    "other",
    [
        spec_of(cwd="/tmp"),
        spec_of(env={"KEY": "another secret"}),
        spec_of("--pure"),
        spec_of(options={"config": {"share": "disabled"}}),
        spec_of(options={"mcpServers": {"x": {"type": "local", "command": ["y"]}}}),
        spec_of(runtime_mode="full-access"),
        msgspec.structs.replace(spec_of(), instance_home="/home/other"),
        msgspec.structs.replace(spec_of(), provider_instance_id="work"),
    ],
)
def test_another_server_is_another_key(other: SessionSpec) -> None:
    assert sharing_key(other) != sharing_key(spec_of())
    assert "secret" not in sharing_key(other)


@pytest.mark.parametrize(
    "same",
    [
        with_start(spec_of(), thread_id="another"),
        spec_of(options={"agent": "plan", "variant": "high", "maxRetries": 9}),
        spec_of(runtime_mode="auto-accept-edits"),
        msgspec.structs.replace(spec_of(), mark="e" * 32, generation=7),
    ],
)
def test_what_no_server_is_started_with_is_no_matter(same: SessionSpec) -> None:
    assert sharing_key(same) == sharing_key(spec_of())


@pytest.mark.parametrize(
    ("module", "libraries"),
    [
        ("sharing", ("asyncio", "aiohttp")),
        ("session", ("aiohttp", "yarl", "multidict")),
        ("probe", ("aiohttp",)),
    ],
)
def test_what_others_import_stays_light(module: str, libraries: tuple[str, ...]) -> None:
    """The supervisor imports `sharing`, the zygote `session`; none of them speaks HTTP."""
    code = (
        f"import sys, sidecar.providers.opencode.{module};"
        f"print([name for name in {libraries} if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def command(made: SessionSpec, plugin: str | None = None) -> ProviderCommand:
    return server_command(made, read_options({}, made.start.options), "pw", plugin)


def test_the_password_is_in_the_environment_alone() -> None:
    made = command(spec_of(env={"OPENCODE_SERVER_USERNAME": "me"}))
    assert "pw" not in made.argv
    assert made.env["OPENCODE_SERVER_PASSWORD"] == "pw"
    assert made.env["OPENCODE_SERVER_USERNAME"] is None


def test_config_and_mcp_servers_are_laid_over_what_is_there() -> None:
    inherited = '{"plugin": ["mine"], "mcp": {"a": {}}, "share": "auto"}'
    made = command(
        spec_of(
            env={"OPENCODE_CONFIG_CONTENT": inherited},
            options={"config": {"share": "disabled"}, "mcpServers": {"b": {"command": "x"}}},
        ),
        "file:///plugin.js",
    )
    config = msgspec.json.decode(str(made.env["OPENCODE_CONFIG_CONTENT"]))
    assert config == {
        "plugin": ["mine", "file:///plugin.js"],
        "mcp": {"a": {}, "b": {"type": "local", "command": ["x"], "enabled": True}},
        "share": "disabled",
    }


@pytest.mark.parametrize(
    ("mode", "asks"),
    [("approval-required", True), ("auto-accept-edits", True), ("auto", False)],
)
def test_the_server_asks_in_the_modes_that_ask(mode: Any, asks: bool) -> None:
    assert ("OPENCODE_PERMISSION" in command(spec_of(runtime_mode=mode)).env) is asks


def test_the_client_says_what_is_asked() -> None:
    made = command(spec_of(options={"permission": {"bash": "deny"}}))
    assert made.env["OPENCODE_PERMISSION"] == '{"bash": "deny"}'
