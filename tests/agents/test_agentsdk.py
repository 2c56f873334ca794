"""The Claude Agent SDK against the fake LLM, called by electron-glue's runner in Node."""

import json
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent, LiveSession, Refused
from tests.agents.profiles.agentsdk import PROFILE, SDK
from tests.agents.scenarios import Scenario, common_scenarios, marks_of
from tests.support import observer

MCP_SERVER = Path(__file__).parents[1] / "fakes" / "mcp_server.py"

pytestmark = marks_of(PROFILE)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


def options_of(session: LiveSession) -> dict[str, Any]:
    """Return the options that a session of this agent is started with."""
    options: dict[str, Any] = PROFILE.start(session.place)["options"]
    return options


@common_scenarios(PROFILE)
def test_scenario(agent: LiveAgent, scenario: Scenario) -> None:
    scenario(agent)


def test_two_runners_side_by_side_end_their_own_turns(agent: LiveAgent) -> None:
    with agent.session("one") as one, agent.session("two") as two:
        slow = one.send("@@slow 300 0.1@@")
        asking = two.send("@@tool touch made.txt@@")
        one.until_streaming(slow)
        request = two.until("request.opened", asking)
        one.interrupt(slow)
        assert one.finish(slow)["state"] == "interrupted"
        two.respond(request, "accept")
        assert two.finish(asking)["state"] == "completed"
        assert (two.place.work / "made.txt").exists()
        assert list(one.place.work.iterdir()) == []
        assert [e["payload"]["state"] for e in two.of("turn.completed")] == ["completed"]


def test_claude_code_killed_below_its_runner_ends_the_generation_and_comes_back(
    agent: LiveAgent,
) -> None:
    with agent.session("below") as session:
        session.run("@@plain")
        turn_id = session.send("@@slow 300 0.1@@")
        session.until_streaming(turn_id)
        for process in observer.seen_with_env(session.place.sentinel):
            if Path(process.argv[0]).name == "claude":
                os.kill(process.pid, signal.SIGKILL)
        end = session.finish(turn_id)
        assert end["state"] == "failed"
        exited = session.until("session.exited")["payload"]
        assert "SIGKILL" in exited["stderrTail"]
        session.until_generation(2)
        assert session.run("@@plain")["state"] == "completed"
        assert agent.llm.requests()[-1]["n_turns"] > 1, "the conversation was forgotten"


@pytest.mark.parametrize("wedged", [("node",), ("claude",), ("node", "claude")], ids="+".join)
def test_a_wedged_runner_or_claude_is_stopped_with_its_tools(
    agent: LiveAgent, wedged: tuple[str, ...]
) -> None:
    with agent.session("wedged") as session:
        word = session.tool_word()
        turn_id = session.send(f"@@tool setsid sleep {word} & sleep {word}@@")
        session.respond(session.until("request.opened", turn_id), "accept")
        session.until_shells(word, 2)
        for process in observer.seen_with_env(session.place.sentinel):
            if Path(process.argv[0]).name in wedged:
                os.kill(process.pid, signal.SIGSTOP)
        session.stop()
        assert session.finish(turn_id)["state"] != "completed"


def test_a_session_that_was_stopped_goes_on_where_it_was(agent: LiveAgent) -> None:
    with agent.session("again") as session:
        session.run("@@plain")
        session.request("session.stop")
        session.until("session.exited")
        session.start()
        assert session.run("@@plain")["state"] == "completed"
        assert agent.llm.requests()[-1]["n_turns"] > 1, "the conversation was forgotten"


def test_an_answered_question_reaches_the_model(agent: LiveAgent) -> None:
    asked = {
        "question": "Which colour?",
        "header": "Colour",
        "multiSelect": False,
        "options": [{"label": "red", "description": "r"}, {"label": "blue", "description": "b"}],
    }
    with agent.session("asking") as session:
        turn_id = session.send(f"@@call AskUserQuestion {json.dumps({'questions': [asked]})}@@")
        opened = session.until("user-input.requested", turn_id)
        question = opened["payload"]["questions"][0]
        assert [o["label"] for o in question["options"]] == ["red", "blue"]
        answers = {question["id"]: "blue"}
        session.request(
            "session.respondToUserInput", requestId=opened["requestId"], answers=answers
        )
        assert session.finish(turn_id)["state"] == "completed"
        assert '"Which colour?"="blue"' in session.text(turn_id)


def test_a_remembered_decision_is_not_asked_again(agent: LiveAgent) -> None:
    with agent.session("remembering") as session:
        first = session.send("@@tool touch made.txt@@")
        session.respond(session.until("request.opened", first), "acceptForSession")
        assert session.finish(first)["state"] == "completed"
        (session.place.work / "made.txt").unlink()
        assert session.run("@@tool touch made.txt@@")["state"] == "completed"
        assert (session.place.work / "made.txt").exists()
        assert len(session.of("request.opened")) == 1


def test_mcp_servers_connect_and_their_secrets_are_in_no_argv(agent: LiveAgent) -> None:
    secret = f"secret-{secrets.token_hex(16)}"
    server = {"command": sys.executable, "args": [str(MCP_SERVER)], "env": {"TOKEN": secret}}
    options = options_of(agent.session("mcp"))
    with agent.session("mcp", options={**options, "mcpServers": {"mine": server}}) as session:
        (shown,) = session.request("mcp.status")["servers"]
        assert (shown["name"], shown["state"], shown["tools"]) == ("mine", "connected", ["say"])
        assert observer.seen(secret) == []
        session.request("mcp.disconnect", name="mine")
        (shown,) = session.request("mcp.status")["servers"]
        assert shown["state"] != "connected"
        session.request("mcp.connect", name="mine")
        (shown,) = session.request("mcp.status")["servers"]
        assert shown["state"] == "connected"
        assert session.run("@@plain")["state"] == "completed"


def test_model_and_permission_mode_are_switched_in_the_session(agent: LiveAgent) -> None:
    with agent.session("switching") as session:
        session.run("@@plain")
        session.request("session.setConfig", key="permissionMode", value="acceptEdits")
        session.request("session.setConfig", key="model", value="claude-haiku-4-5")
        # No decision is at hand: a request would fail this.
        assert session.run("@@tool touch made.txt@@")["state"] == "completed"
        assert (session.place.work / "made.txt").exists()
        said = [r for r in agent.llm.requests() if "model" in r]
        assert "haiku" in said[-1]["model"]


def test_an_sdk_that_is_missing_or_too_old_is_said_in_words(
    agent: LiveAgent, tmp_path: Path
) -> None:
    old = tmp_path / "sdk"
    old.mkdir()
    manifest = {"name": SDK, "version": "0.1.77", "main": "sdk.mjs"}
    (old / "package.json").write_text(json.dumps(manifest))
    (old / "sdk.mjs").write_text("export const query = () => {};")
    for location, words in ((tmp_path / "none", "install it in the app"), (old, "too old")):
        runner = options_of(agent.session("no-sdk"))["runner"]
        args = [*runner["args"][:-1], str(location)]
        broken = agent.session("no-sdk", options={"runner": {**runner, "args": args}})
        with pytest.raises(Refused) as refusal:
            broken.start()
        assert refusal.value.key == "provider_request"
        assert words in refusal.value.message
        assert not broken.alive()
