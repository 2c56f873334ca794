"""gemini-cli, an ACP agent that nobody here wrote, against the fake LLM: frozen binary and glue."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.client import Received
from tests.support.streams import assert_balanced, assistant_text, types

PACKAGE = "@google/gemini-cli@0.61.0"
ROOT = Path(__file__).parents[2]
RUN_S = 180.0

pytestmark = [pytest.mark.agents("gemini"), pytest.mark.frozen]

Run = Callable[[list[dict[str, Any]]], Any]


@pytest.fixture
def run(
    tmp_path: Path,
    fake_llm: str,
    installed_agent: Callable[[str], Path],
    frozen_binary: Callable[[str], Path],
) -> Run:
    """Return a function that runs turns in one gemini session and returns its events."""
    home = tmp_path / "home"
    work = tmp_path / "work"
    (home / ".gemini").mkdir(parents=True)
    work.mkdir()
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    binary = frozen_binary("onefile")
    gemini = installed_agent(PACKAGE) / "gemini"
    glue = ROOT / "electron-glue"
    if not (glue / "dist" / "esm" / "index.js").exists():
        pytest.skip("electron-glue is not built: npm run build")

    async def turns(list_of_turns: list[dict[str, Any]]) -> list[Received]:
        scenario = {
            "binary": str(binary),
            "dataDir": str(tmp_path / "data"),
            "start": {
                "threadId": "gemini",
                "provider": "acp",
                "runtimeMode": "approval-required",
                "cwd": str(work),
                "options": {"command": str(gemini), "args": ["--acp"]},
                "env": {
                    "HOME": str(home),
                    "GEMINI_API_KEY": "dummy",
                    "GOOGLE_GEMINI_BASE_URL": fake_llm,
                    "GEMINI_CLI_NO_RELAUNCH": "true",
                    "GEMINI_MODEL": "gemini-2.5-flash",
                    "NO_COLOR": "1",
                },
            },
            "turns": list_of_turns,
        }
        return await drive(glue, scenario)

    return turns


async def drive(glue: Path, scenario: dict[str, Any]) -> list[Received]:
    """Run the Node driver and return the events that the app saw."""
    process = await asyncio.create_subprocess_exec(
        "node",
        str(Path(__file__).with_name("drive.mjs")),
        str(glue),
        json.dumps(scenario),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=dict(os.environ),
    )
    try:
        async with asyncio.timeout(RUN_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        raise
    assert process.returncode == 0, err.decode("utf-8", "replace")[-4000:]
    rows = json.loads(out)
    return [Received(row["seq"], row["event"], b"", 0.0) for row in rows]


def completion(events: list[Received]) -> dict[str, Any]:
    """Return the payload of the last turn's end."""
    payloads = [r.event["payload"] for r in events if r.event["type"] == "turn.completed"]
    last: dict[str, Any] = payloads[-1]
    return last


async def test_a_plain_turn(run: Run) -> None:
    events = await run([{"text": "@@plain"}])
    assert "Hello from the fake model." in assistant_text(events)
    assert completion(events)["state"] == "completed"
    assert_balanced(events)


async def test_an_accepted_tool_runs(run: Run, tmp_path: Path) -> None:
    events = await run([{"text": "@@tool touch made.txt && echo hi@@", "decision": "accept"}])
    assert (tmp_path / "work" / "made.txt").exists()
    items = [r.event["payload"] for r in events if r.event["type"] == "item.completed"]
    assert ("command_execution", "completed") in [(i["itemType"], i["status"]) for i in items]
    assert "The tool said" in assistant_text(events)
    assert_balanced(events)


async def test_a_declined_tool_does_not_run(run: Run, tmp_path: Path) -> None:
    events = await run([{"text": "@@tool touch no.txt@@", "decision": "decline"}])
    assert not (tmp_path / "work" / "no.txt").exists()
    resolved = [r for r in events if r.event["type"] == "request.resolved"]
    assert [r.event["payload"]["decision"] for r in resolved] == ["decline"]
    assert_balanced(events)


async def test_a_cancel_ends_the_turn_and_the_next_one_runs(run: Run) -> None:
    events = await run([{"text": "@@slow 300 0.1@@", "cancelAfter": 3}, {"text": "@@plain"}])
    states = [r.event["payload"]["state"] for r in events if r.event["type"] == "turn.completed"]
    assert states == ["interrupted", "completed"]
    assert types(events)[-1] == "session.exited"
    assert_balanced(events)
