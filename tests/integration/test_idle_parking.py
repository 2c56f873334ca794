"""A session that nobody uses is parked and comes back with its next turn; one that works is not."""

import secrets
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.received import Received
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text

PLUGINS = Path(__file__).parents[1] / "fakes" / "plugins"
IDLE_MS = 800
A_LITTLE_BUSY = """
import select, time
print("ready", flush=True)
while not select.select([0], [], [], 0.08)[0]:
    end = time.monotonic() + 0.02
    while time.monotonic() < end:
        pass
"""


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[SidecarClient]:
    shutil.copytree(PLUGINS, tmp_path / "data" / "plugins")
    settings = {"idleMs": IDLE_MS}
    async with (
        RunningSidecar(tmp_path / "data", settings=settings) as sidecar,
        sidecar.client() as connected,
    ):
        yield connected


async def turn(client: SidecarClient, thread: str, text: str, *, ends: bool = True) -> None:
    """Send a turn and wait for its end."""
    after = client.of_thread(thread)[-1].seq
    await client.request("session.sendTurn", turn_params(thread, text), timeout_s=30)
    if ends:
        await client.wait_event("turn.completed", thread_id=thread, after=after, timeout_s=20)


async def tool(client: SidecarClient, thread: str, command: str) -> None:
    """Have the demo agent run a command that nobody is asked about."""
    params = start_params(thread, runtimeMode="full-access")
    await client.request("session.start", params)
    await turn(client, thread, f"@@tool {command}@@")


async def parked(client: SidecarClient, thread: str) -> Received:
    """The last state of a generation that was parked."""
    return await client.wait_event(
        "session.state.changed",
        thread_id=thread,
        where=lambda e: (e["payload"].get("detail") or {}).get("kind") == "parked",
        timeout_s=20,
    )


def exits(client: SidecarClient) -> list[str]:
    return [r.event["threadId"] for r in client.events if r.event["type"] == "session.exited"]


@pytest.mark.must("P4.25")
async def test_an_idle_session_is_parked_and_its_next_turn_resumes_it(
    client: SidecarClient,
) -> None:
    word = observer.new_sentinel()
    await client.request("session.start", start_params("top", options={"sentinel": word}))
    await client.request("session.start", start_params("below", parent="top"))
    await turn(client, "top", "remember me")
    said = await parked(client, "top")
    assert said.event["payload"]["detail"]["idleMs"] >= IDLE_MS
    exited = await client.wait_event("session.exited", thread_id="top", after=said.seq)
    assert exited.event["payload"]["exitKind"] == "graceful"
    assert exits(client) == ["below", "top"], "a child before its parent"
    assert observer.seen(word) == []
    await turn(client, "top", "@@recall")
    assert "I remember 2 prompts" in assistant_text(client.of_thread("top"))
    assert {r.event["generation"] for r in client.of_thread("top")} == {1, 2}
    assert exits(client) == ["below", "top"]
    await client.request("session.stop", {"threadId": "top"})
    assert_balanced(client.of_thread("top"))


@pytest.mark.must("P4.25")
async def test_a_session_that_works_is_not_parked(client: SidecarClient) -> None:
    """Each has been quiet for longer than the one that is parked at the end: it is their clock."""
    start = client.request
    await start("session.start", start_params("asks"))
    await turn(client, "asks", "@@tool true@@", ends=False)
    request = await client.wait_event("request.opened", thread_id="asks")
    await tool(client, "builds", "(timeout 60 sh -c 'while :; do :; done' >/dev/null 2>&1 &)")
    await tool(client, "serves", "(sleep 600 >/dev/null 2>&1 &)")
    await start("session.start", start_params("delegates", "wedger"))
    await turn(client, "delegates", "task")
    await start("session.start", start_params("never", limits={"idleMs": 0}))
    no_cursor = {"resumable": False}
    await start("session.start", start_params("forgets", "wedger", options=no_cursor))
    await turn(client, "forgets", "stream 1")
    await start("session.start", start_params("parent"))
    await start("session.start", start_params("child", "wedger", parent="parent"))
    await turn(client, "child", "stream 100000", ends=False)
    burner = {"command": [sys.executable, "-S", "-c", A_LITTLE_BUSY]}
    await start("session.start", start_params("computes", "wedger", options=burner))
    await start("session.start", start_params("quiet"))
    await turn(client, "quiet", "hello")
    await parked(client, "quiet")
    await client.wait_event("session.exited", thread_id="quiet")
    assert exits(client) == ["quiet"]
    answer: dict[str, Any] = {"decision": "accept", "requestId": request.event["requestId"]}
    key = {"idempotencyKey": secrets.token_hex(4), "threadId": "asks"}
    await start("session.respondToRequest", key | answer)
    await turn(client, "delegates", "untask")
    for thread in ("asks", "delegates"):
        await parked(client, thread)
    assert set(exits(client)) <= {"quiet", "asks", "delegates"}
