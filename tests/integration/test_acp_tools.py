"""What an ACP agent has run, by its client or by itself, in real hosts: seen, stopped, buried."""

import json
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text

AGENT = Path(__file__).parents[1] / "fakes" / "acp_agent.py"
SEEN_S = 10.0


class World:
    """A session with the fake agent, and a number of seconds that only its `sleep`s have."""

    def __init__(self, client: SidecarClient) -> None:
        self.client = client
        self.word = f"3598.{secrets.randbelow(10**12):012d}"

    async def send(self, text: str) -> str:
        answer = await self.client.request("session.sendTurn", turn_params("t", text))
        return str(answer["turnId"])

    async def end(self, turn_id: str) -> dict[str, Any]:
        """Wait for the end of a turn."""
        ended = await self.client.wait_event(
            "turn.completed", thread_id="t", where=lambda event: event["turnId"] == turn_id
        )
        payload: dict[str, Any] = ended.event["payload"]
        return payload

    def shells(self) -> list[observer.Seen]:
        return observer.seen(self.word)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    (tmp_path / "work").mkdir()
    options = {"command": sys.executable, "args": ["-S", str(AGENT)]}
    async with RunningSidecar(tmp_path / "data") as sidecar, sidecar.client() as client:
        params = start_params("t", "acp", options=options, cwd=str(tmp_path / "work"))
        await client.request("session.start", params)
        made = World(client)
        yield made
        await client.request("session.stop", {"threadId": "t"})
        await client.wait_event("session.exited", thread_id="t")
        assert made.shells() == []
        assert_balanced(client.of_thread("t"))


async def test_a_terminal_runs_in_the_sessions_folder_and_its_output_is_an_items(
    world: World, tmp_path: Path
) -> None:
    turn_id = await world.send("terminal pwd; echo ä >&2; exit 3")
    assert (await world.end(turn_id))["state"] == "completed"
    told = json.loads(assistant_text(world.client.of_thread("t")))
    said = f"{tmp_path / 'work'}\nä\n"
    assert told == {"ended": {"exitCode": 3, "signal": None}, "output": said}
    deltas = [r.event["payload"] for r in world.client.of_thread("t")]
    output = "".join(p["delta"] for p in deltas if p.get("streamKind") == "command_output")
    assert output == said


@pytest.mark.parametrize("step", ["terminal", "shell"])
async def test_nothing_of_a_cancelled_turn_is_alive_when_it_is_reported(
    world: World, step: str
) -> None:
    line = f"setsid sleep {world.word} & sleep {world.word}"
    turn_id = await world.send(f"{step} {line} | wait")
    await observer.wait_until_seen(world.word, 2, SEEN_S)
    await world.client.request("session.interrupt", {"threadId": "t"})
    assert (await world.end(turn_id))["state"] == "interrupted"
    assert world.shells() == [], "it was reported while its shell went on"
    assert (await world.end(await world.send("say next")))["state"] == "completed"


async def test_what_a_turn_leaves_running_stays_until_the_session_ends(world: World) -> None:
    turn_id = await world.send(f"shell exec sleep {world.word}")
    assert (await world.end(turn_id))["state"] == "completed"
    await observer.wait_until_seen(world.word, 1, SEEN_S)
    turn_id = await world.send("wait")
    await world.client.request("session.interrupt", {"threadId": "t"})
    assert (await world.end(turn_id))["state"] == "interrupted"
    assert len(world.shells()) == 1, "a dev server of an earlier turn is none of this turn's"
