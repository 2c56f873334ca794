"""A session that floods waits for the client, down to its provider's pipe; nobody else does."""

import asyncio
import re
import secrets
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.client import SidecarClient
from tests.support.observer import Seen, new_sentinel, wait_until_seen
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assistant_text

AGENT = Path(__file__).parents[1] / "fakes" / "diary_agent.py"
WINDOW_BYTES = 64 * 1024
DELTA_BYTES = 2_000
LOOK_S = 0.1
STILL_LOOKS = 10
"""So many looks at the diary without a new line: an agent that writes as fast as it can is held."""

ROOM_BYTES = 64 * 1024 * 1024
"""What the supervisor may grow by: its caches and windows, far below what a flood brings."""


async def start(client: SidecarClient, thread: str, diary: Path, sentinel: str) -> None:
    options = {
        "command": sys.executable,
        "args": ["-I", "-S", str(AGENT), str(diary), thread, sentinel],
    }
    await client.request("session.start", start_params(thread, provider="acp", options=options))


async def flood(client: SidecarClient) -> None:
    text = f"flood 100000000 0 {DELTA_BYTES}"
    await client.request("session.sendTurn", turn_params("flooder", text))


def said(diary: Path) -> int:
    """Return how many deltas the flooder's pipe took."""
    return diary.read_text().count("flooder said")


async def until_still(diary: Path) -> int:
    """Wait until the agent writes no more; returns how much it has written."""
    still, before = 0, -1
    async with asyncio.timeout(60):
        while still < STILL_LOOKS:
            await asyncio.sleep(LOOK_S)
            now = said(diary)
            still, before = (still + 1 if now == before else 0), now
    return before


@pytest.mark.must("P4.27")
async def test_a_flood_waits_in_its_providers_pipe_for_a_client_that_does_not_ack(
    tmp_path: Path,
) -> None:
    diary, sentinel = tmp_path / "diary", new_sentinel()
    async with RunningSidecar(tmp_path / "data") as sidecar:
        client = sidecar.client(credit_bytes=WINDOW_BYTES)
        async with client:
            await client.wait_for(lambda: client.synchronized, "synchronized")
            await start(client, "flooder", diary, sentinel)
            client.auto_ack = False
            await flood(client)
            held_at = await until_still(diary)
            (agent,) = await wait_until_seen(sentinel, 1, 5)
            assert await head_of(client) * DELTA_BYTES < 20 * WINDOW_BYTES
            assert blocked(agent)
            client.auto_ack = True
            await client.ack()
            await client.wait_for(lambda: said(diary) > 2 * held_at, "the flood to go on")


async def head_of(client: SidecarClient) -> int:
    head: int = (await client.request("events.read", {"after": 0, "limit": 1}))["head"]
    return head


def blocked(agent: Seen) -> bool:
    """Tell whether a thread of a process waits for room in a pipe, where the kernel tells it."""
    waits = [task.read_text() for task in Path(f"/proc/{agent.pid}/task").glob("*/wchan")]
    return not any(len(wait) > 1 for wait in waits) or any("pipe" in wait for wait in waits)


async def test_siblings_are_whole_while_a_flood_goes_on(tmp_path: Path) -> None:
    diary, sentinel = tmp_path / "diary", new_sentinel()
    siblings = [f"sibling{number}" for number in range(4)]
    async with (
        RunningSidecar(tmp_path / "data") as sidecar,
        sidecar.client(credit_bytes=WINDOW_BYTES) as client,
    ):
        for thread in ["flooder", *siblings]:
            await start(client, thread, diary, sentinel)
        supervisor = psutil.Process(sidecar.pid)
        before_bytes = supervisor.memory_info().rss
        await flood(client)
        for turn in range(3):
            for thread in siblings:
                params = turn_params(thread, f"{thread}t{turn} 50 2 100")
                await client.request("session.sendTurn", params)
            for thread in siblings:
                await client.wait_for(
                    lambda t=thread, n=turn: completed(client, t) > n,  # type: ignore[misc]
                    f"turn {turn} of {thread}",
                    timeout_s=60,
                )
        assert completed(client, "flooder") == 0
        for thread in siblings:
            text = assistant_text(client.of_thread(thread))
            indexes = [int(index) for index in re.findall(rf"{thread}t\d:(\d+);", text)]
            assert indexes == list(range(50)) * 3
        assert supervisor.memory_info().rss - before_bytes < ROOM_BYTES
        stop = {"threadId": "flooder", "deadlineMs": 1_000, "idempotencyKey": secrets.token_hex(4)}
        await client.request("session.stop", stop, timeout_s=30)


def completed(client: SidecarClient, thread: str) -> int:
    return sum(r.event["type"] == "turn.completed" for r in client.of_thread(thread))
