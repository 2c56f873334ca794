"""The real Claude Code, through its CLI, against the fake LLM."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent, Refused
from tests.agents.profiles.claude import PROFILE
from tests.agents.scenarios import Scenario, common_scenarios, marks_of

pytestmark = marks_of(PROFILE)

CONFIGURED = "session.configured"
FAKES = Path(__file__).parents[1] / "fakes"
DOT = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


@common_scenarios(PROFILE)
def test_scenario(agent: LiveAgent, scenario: Scenario) -> None:
    scenario(agent)


def call(tool: str, **arguments: Any) -> str:
    """Return a prompt on which the fake model calls a tool."""
    return f"@@call {tool} {json.dumps(arguments)}@@"


def test_questions_are_answered(agent: LiveAgent) -> None:
    question = {
        "question": "Which colour?",
        "header": "Colour",
        "multiSelect": False,
        "options": [
            {"label": "red", "description": "warm"},
            {"label": "blue", "description": "cold"},
        ],
    }
    with agent.session("asks") as session:
        turn_id = session.send(call("AskUserQuestion", questions=[question]))
        asked = session.until("user-input.requested", turn_id)
        (shown,) = asked["payload"]["questions"]
        assert shown["question"] == "Which colour?"
        session.request(
            "session.respondToUserInput",
            requestId=asked["requestId"],
            answers={shown["id"]: "blue"},
        )
        assert session.finish(turn_id)["state"] == "completed"
        assert "blue" in session.text(turn_id)


def test_a_plan_is_proposed_in_plan_mode_and_approved(agent: LiveAgent) -> None:
    with agent.session("plans") as session:
        turn_id = session.send(call("ExitPlanMode", plan="# The plan"), interactionMode="plan")
        proposed = session.until("turn.proposed.completed", turn_id)
        assert proposed["payload"]["planMarkdown"] == "# The plan"
        assert session.finish(turn_id, "accept")["state"] == "completed"
        modes = [e["payload"]["config"].get("permissionMode") for e in session.of(CONFIGURED)]
        assert [mode for mode in modes if mode][-2:] == ["plan", "default"]


def test_the_todo_list_is_the_turns_plan(agent: LiveAgent) -> None:
    with agent.session("todos") as session:
        session.run(call("TaskCreate", subject="Do it", description="well"))
        turn_id = session.send(call("TaskUpdate", taskId="1", status="in_progress"))
        assert session.finish(turn_id)["state"] == "completed"
        plan = session.of("turn.plan.updated", turn_id)[-1]["payload"]["plan"]
        assert plan == [{"step": "Do it", "status": "inProgress"}]


def test_a_decision_for_the_session_is_remembered(agent: LiveAgent) -> None:
    with agent.session("remembers") as session:
        assert session.run("@@tool touch a.txt@@", "acceptForSession")["state"] == "completed"
        turn_id = session.send("@@tool touch a.txt@@")
        assert session.finish(turn_id)["state"] == "completed"


def test_a_file_is_changed_with_leave(agent: LiveAgent) -> None:
    with agent.session("writes") as session:
        path = session.place.work / "w.txt"
        turn_id = session.send(f"@@write {path} hello@@")
        request = session.until("request.opened", turn_id)
        assert request["payload"]["requestType"] == "file_change_approval"
        assert session.finish(turn_id, "accept")["state"] == "completed"
        assert path.read_text() == "hello"
        types = {e["payload"]["itemType"] for e in session.of("item.completed", turn_id)}
        assert "file_change" in types


def test_edits_need_no_leave_where_the_mode_grants_them(agent: LiveAgent) -> None:
    with agent.session("edits", runtimeMode="auto-accept-edits") as session:
        path = session.place.work / "w.txt"
        assert session.run(f"@@write {path} hello@@")["state"] == "completed"
        assert path.read_text() == "hello"
        assert session.of("request.opened") == []


def test_full_access_needs_no_leave(agent: LiveAgent) -> None:
    with agent.session("full", runtimeMode="full-access") as session:
        assert session.run("@@tool touch full.txt@@")["state"] == "completed"
        assert (session.place.work / "full.txt").exists()


def test_model_and_mode_are_switched_in_the_session(agent: LiveAgent) -> None:
    with agent.session("switches") as session:
        session.request("session.setConfig", key="model", value="claude-opus-4-1")
        turn_id = session.send("@@plain")
        assert session.finish(turn_id)["state"] == "completed"
        asked = [r for r in agent.llm.requests() if r.get("action") == "plain"]
        assert "opus" in asked[-1]["model"]
        with pytest.raises(Refused):
            session.request("session.setConfig", key="permissionMode", value="bypassPermissions")


def test_an_mcp_servers_tool_is_called_and_its_secrets_are_kept(agent: LiveAgent) -> None:
    server = {
        "command": sys.executable,
        "args": [str(FAKES / "mcp_server.py")],
        "env": {"TOKEN": "a-secret-of-the-server"},
    }
    with agent.session("mcp") as session:
        added = session.request("mcp.add", name="echo", config=server)["servers"]
        assert [(s["name"], s["state"]) for s in added] == [("echo", "connected")]
        turn_id = session.send(call("mcp__echo__say"))
        assert session.finish(turn_id, "accept")["state"] == "completed"
        (item,) = [
            e["payload"]
            for e in session.of("item.completed", turn_id)
            if e["payload"]["itemType"] == "mcp_tool_call"
        ]
        assert item["data"]["result"] == [{"type": "text", "text": "said"}]
        off = session.request("mcp.disconnect", name="echo")["servers"]
        assert off[0]["state"] != "connected"
        on = session.request("mcp.connect", name="echo")["servers"]
        assert on[0]["state"] == "connected"
        said = json.dumps(session.events())
        argv = [word for seen in session.alive() for word in seen.argv]
        assert "a-secret-of-the-server" not in said + " ".join(argv)


def test_a_conversation_is_compacted(agent: LiveAgent) -> None:
    with agent.session("compacts") as session:
        session.run("@@tool echo x@@")
        session.run("@@plain")
        assert session.run("/compact")["state"] == "completed"
        states = [e["payload"]["state"] for e in session.of("thread.state.changed")]
        assert states == ["compacted"]


def test_commands_and_models_are_told_at_the_start(agent: LiveAgent) -> None:
    with agent.session("configured") as session:
        config: dict[str, Any] = {}
        for event in session.of(CONFIGURED):
            config |= event["payload"]["config"]
        assert "compact" in [command["name"] for command in config["commands"]]
        assert config["models"]


def test_an_unknown_conversation_is_followed_by_a_new_one(agent: LiveAgent) -> None:
    cursor = {"sessionId": "403818e7-b94f-4959-8844-b50a10f96684"}
    with agent.session("unknown", resumeCursor=cursor) as session:
        warnings = [e["payload"] for e in session.of("runtime.warning")]
        assert [w["detail"]["kind"] for w in warnings] == ["not-resumed"]
        assert session.run("@@plain")["state"] == "completed"


def test_a_background_command_outlives_its_turn_and_wakes_claude(agent: LiveAgent) -> None:
    with agent.session("background") as session:
        arguments = {"command": "sleep 1; true", "run_in_background": True, "description": "wait"}
        first = session.send(call("Bash", **arguments))
        assert session.finish(first, "accept")["state"] == "completed"
        ended = session.until("task.completed")
        assert ended["payload"]["status"] == "completed"
        woken = session.until("turn.completed", at=1)
        assert woken["turnId"] != first


def test_images_reach_the_model(agent: LiveAgent) -> None:
    image = {"type": "image", "mimeType": "image/png", "path": ""}
    with agent.session("images") as session:
        path = session.place.work / "dot.png"
        path.write_bytes(base64.b64decode(DOT))
        turn_id = session.send("@@plain", attachments=[{**image, "path": str(path)}])
        assert session.finish(turn_id)["state"] == "completed"


@pytest.mark.parametrize("status", [400, 429])
def test_what_the_model_answers_is_why_the_turn_failed(agent: LiveAgent, status: int) -> None:
    with agent.session(f"llm-{status}") as session:
        end = session.run(f"@@err{status}")
        assert end["state"] == "failed"
        assert str(status) in end["errorMessage"] or "fake" in end["errorMessage"]
        assert session.run("@@plain")["state"] == "completed"


def test_accounts_see_nothing_of_each_other(agent: LiveAgent) -> None:
    with agent.session("work", providerInstanceId="work") as work:
        assert work.run("@@plain")["state"] == "completed"
        cursor = work.request("session.get")["resumeCursor"]
        with agent.session("home", providerInstanceId="home", resumeCursor=cursor) as home:
            warnings = [e["payload"]["detail"]["kind"] for e in home.of("runtime.warning")]
            assert warnings == ["not-resumed"]
            assert home.run("@@plain")["state"] == "completed"
        assert not list(work.place.home.glob(".claude/projects/*/*.jsonl"))


def test_a_conversation_of_an_account_is_resumed_in_it(agent: LiveAgent) -> None:
    with agent.session("account", providerInstanceId="work") as first:
        first.run("@@plain")
        cursor = first.request("session.get")["resumeCursor"]
        cwd = str(first.place.work)
    start = {"providerInstanceId": "work", "resumeCursor": cursor, "cwd": cwd}
    with agent.session("again", **start) as again:
        assert again.of("runtime.warning") == []
        assert again.of("session.started")[0]["payload"]["resume"] == cursor
        again.run("@@plain")
        asked = [r for r in agent.llm.requests() if r.get("action") == "plain"]
        assert asked[-1]["n_turns"] > 1
