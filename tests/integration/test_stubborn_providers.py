"""Providers that do not start, and ones that do not stop: each has its bound, and is told of."""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced

FAKES = Path(__file__).parents[1] / "fakes"
STOP_MS = 500


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[RunningSidecar]:
    shutil.copytree(FAKES / "plugins", tmp_path / "data" / "plugins")
    settings = {"stopMs": STOP_MS}
    async with RunningSidecar(tmp_path / "data", settings=settings) as running:
        yield running


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[SidecarClient]:
    async with sidecar.client() as connected:
        yield connected


def logged(sidecar: RunningSidecar, event: str) -> list[dict[str, Any]]:
    records = (json.loads(line) for line in sidecar.stderr_text.splitlines())
    return [record for record in records if record["event"] == event]


async def stop(client: SidecarClient, thread: str, deadline_ms: int) -> Any:
    """Stop a session within its deadline; the detail of its last state."""
    began = time.monotonic()
    params = {"threadId": thread, "deadlineMs": deadline_ms}
    await client.request("session.stop", params, timeout_s=30)
    assert time.monotonic() - began < 3 * (deadline_ms / 1000 + 1)
    exited = await client.wait_event("session.exited", thread_id=thread)
    assert exited.event["payload"]["exitKind"] == "graceful"
    assert_balanced(client.of_thread(thread))
    return client.of_thread(thread)[-2].event["payload"].get("detail")


async def host_of(client: SidecarClient, thread: str) -> int:
    async with asyncio.timeout(10):
        while True:
            nodes = (await client.request("tree.get", {}))["nodes"]
            for node in nodes:
                if node.get("parent") == thread and "pid" in node:
                    pid: int = node["pid"]
                    return pid


@pytest.mark.must("P4.28")
async def test_what_ignores_eof_and_sigterm_is_killed_with_its_daemons(
    client: SidecarClient, sidecar: RunningSidecar
) -> None:
    word = observer.new_sentinel()
    options = {"ignoreStop": True, "sentinel": word}
    await client.request("session.start", start_params("deaf", options=options))
    await client.request("session.sendTurn", turn_params("deaf", "@@daemon\n@@hang"))
    assert len(await observer.wait_until_seen(word, 2, 10)) >= 2
    detail = await stop(client, "deaf", 1_000)
    assert observer.seen(word) == []
    assert (detail["kind"], detail["rung"]) == ("stopped", "kill")
    assert detail["killed"] >= 2
    assert detail["stopMs"] > 0
    [record] = logged(sidecar, "session.tree-stopped")
    assert (record["rung"], record["killed"]) == ("kill", detail["killed"])


@pytest.mark.must("P4.28")
@pytest.mark.parametrize(("mode", "rung"), [("quiet", "eof"), ("sleepy", "term")])
async def test_a_stop_tells_how_far_it_had_to_go(
    client: SidecarClient, sidecar: RunningSidecar, mode: str, rung: str
) -> None:
    word = observer.new_sentinel()
    command = [sys.executable, "-S", str(FAKES / "misbehave.py"), mode, word]
    params = start_params("t", "wedger", options={"command": command})
    await client.request("session.start", params)
    detail = await stop(client, "t", 1_000)
    assert (detail or {}).get("rung") == (None if rung == "eof" else rung)
    assert [r["rung"] for r in logged(sidecar, "session.tree-stopped")] == [rung]
    assert observer.seen(word) == []


@pytest.mark.must("P4.28")
async def test_a_host_that_does_not_even_stop_is_killed(client: SidecarClient) -> None:
    word = observer.new_sentinel()
    await client.request("session.start", start_params("still", options={"sentinel": word}))
    os.kill(await host_of(client, "still"), signal.SIGSTOP)
    assert await stop(client, "still", 300) == {"kind": "stopped", "rung": "host"}
    assert observer.seen(word) == []


async def test_an_agent_that_never_answers_fails_the_start_and_says_what_was_asked(
    client: SidecarClient,
) -> None:
    command = {"command": "sh", "args": ["-c", "echo no config found >&2; exec sleep 600"]}
    params = start_params("mute", "acp", options=command, limits={"startMs": 800})
    with pytest.raises(ProviderProcessFailed) as failure:
        await client.request("session.start", params)
    assert "not ready within 0.8 s: it has not answered initialize" in failure.value.message
    assert "no config found" in failure.value.message
    exited = await client.wait_event("session.exited", thread_id="mute")
    assert exited.event["payload"]["exitKind"] == "error"
    assert "initialize" in exited.event["payload"]["reason"]
    assert exited.event["payload"]["stderrTail"] == "no config found"


async def test_a_drop_in_that_never_opens_fails_the_start(client: SidecarClient) -> None:
    params = start_params("mute", "wedger", options={"opening": "never"}, limits={"startMs": 300})
    with pytest.raises(ProviderProcessFailed, match="it was up, but not open"):
        await client.request("session.start", params)


@pytest.mark.parametrize("agent_runs", [True, False])
async def test_a_host_that_is_stopped_during_a_start_is_given_up(
    client: SidecarClient, *, agent_runs: bool
) -> None:
    """Before its watchdog would: the start has a deadline of its own, from its first moment."""
    word = observer.new_sentinel()
    options = {"startDelayMs": 60_000, "sentinel": word}
    params = start_params("slow", options=options, limits={"startMs": 600})
    starting = await client.send_request("session.start", params)
    host = await host_of(client, "slow")
    if agent_runs:
        await observer.wait_until_seen(word, 1, 10)
    os.kill(host, signal.SIGSTOP)
    with pytest.raises(ProviderProcessFailed, match="its host does not"):
        await client.answer_to(starting, timeout_s=3 * (0.6 + STOP_MS / 1000 + 2))
    exited = await client.wait_event("session.exited", thread_id="slow")
    reasons = ["did not start in time"] if agent_runs else ["did not come up in time"]
    assert exited.event["payload"]["reason"] in [*reasons, "did not start in time"]
    assert observer.seen(word) == []
    assert await observer.wait_until_ended([host], 5) == []
