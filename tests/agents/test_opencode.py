"""The real opencode, through the sidecar and the Node app, against the fake LLM."""

import json
import subprocess
from typing import Any

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent, LiveSession, poll
from tests.agents.profiles.opencode import MODEL, PROFILE
from tests.agents.scenarios import Scenario, common_scenarios, marks_of

pytestmark = [
    *marks_of(PROFILE),
    pytest.mark.leaves(
        "processes",
        reason="a shared server and its host outlive the last session by their idle time; what a "
        "session leaves is looked for by the harness",
    ),
]


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


@common_scenarios(PROFILE)
def test_scenario(agent: LiveAgent, scenario: Scenario) -> None:
    scenario(agent)


def pair(agent: LiveAgent) -> tuple[LiveSession, LiveSession]:
    """Return two sessions that agree on all that a server is started with."""
    first = agent.session("first")
    return first, LiveSession(agent, f"second-{first.thread_id}", first.place, {})


def servers(session: LiveSession) -> list[int]:
    """Return the servers that were started with what the session was."""
    return session.provider_pids()


def sleep_in_tool(session: LiveSession, word: str) -> str:
    """Begin a turn whose tool sleeps in a session of its own too; return the turn's id."""
    turn_id = session.send(f"@@tool setsid sleep {word} & sleep {word}@@")
    session.respond(session.until("request.opened", turn_id), "accept")
    session.until_shells(word, 2)
    return turn_id


def call(tool: str, **arguments: object) -> str:
    """Return a prompt that has the fake LLM call a tool."""
    return f"@@call {tool} {json.dumps(arguments)}@@"


def unasked(session: LiveSession, turn_id: str) -> dict[str, Any]:
    """Wait for the end of a turn whose requests the sidecar itself answers."""
    payload: dict[str, Any] = session.until("turn.completed", turn_id)["payload"]
    return payload


def test_two_sessions_share_one_server(agent: LiveAgent) -> None:
    first, second = pair(agent)
    with second:
        with first:
            first.run("@@plain")
            second.run("@@plain")
            assert len(servers(first)) == 1
            assert servers(first) == servers(second)
            (server,) = servers(first)
        assert servers(second) == [server]
        assert second.run("@@plain")["state"] == "completed"
        assert len(second.of("turn.completed")) == 2
    poll(lambda: not servers(second), "the end of a server that nobody uses")


def test_an_interrupt_spares_the_tools_of_the_sibling(agent: LiveAgent) -> None:
    first, second = pair(agent)
    with first, second:
        word, others = first.tool_word(), second.tool_word()
        mine, theirs = sleep_in_tool(first, word), sleep_in_tool(second, others)
        first.interrupt(mine)
        assert first.finish(mine)["state"] == "interrupted"
        assert not first.alive()
        second.until_shells(others, 2)
        assert not second.of("turn.completed")
        second.interrupt(theirs)
        assert second.finish(theirs)["state"] == "interrupted"
        assert not second.alive()


def test_a_stop_spares_the_tools_of_the_sibling(agent: LiveAgent) -> None:
    first, second = pair(agent)
    with first:
        others = first.tool_word()
        theirs = sleep_in_tool(first, others)
        with second:
            sleep_in_tool(second, second.tool_word())
        first.until_shells(others, 2)
        first.interrupt(theirs)
        first.finish(theirs)


def test_a_killed_server_ends_the_turns_of_both_and_both_come_back(agent: LiveAgent) -> None:
    first, second = pair(agent)
    with first, second:
        word = second.tool_word()
        streaming = first.send("@@slow 300 0.1@@")
        first.until_streaming(streaming)
        sleeping = sleep_in_tool(second, word)
        (server,) = servers(first)
        first.kill_provider()
        for session, turn_id in ((first, streaming), (second, sleeping)):
            end = session.until("turn.completed", turn_id)["payload"]
            assert end["state"] == "failed"
            assert end["errorMessage"]
            session.until("session.exited", where=lambda e: e["generation"] == 1)
        for session in (first, second):
            session.until_generation(2)
            assert session.run("@@plain")["state"] == "completed"
        assert len(servers(first)) == 1
        assert servers(first) != [server]
        assert not second.alive()


def test_what_is_granted_for_a_session_is_not_granted_to_its_sibling(agent: LiveAgent) -> None:
    first, second = pair(agent)
    with first, second:
        first.run("@@tool touch one.txt@@", "acceptForSession")
        again = first.send("@@tool touch two.txt@@")
        assert unasked(first, again)["state"] == "completed"
        assert [e["payload"]["decision"] for e in first.of("request.resolved", again)] == ["accept"]
        asked = second.send("@@tool touch three.txt@@")
        second.respond(second.until("request.opened", asked), "decline")
        second.finish(asked)
        assert not (second.place.work / "three.txt").exists()


def test_a_sub_agents_permission_is_asked_here(agent: LiveAgent) -> None:
    with agent.session("sub-permission") as session:
        turn_id = session.send("@@subtool touch sub.txt@@")
        request = session.until("request.opened", turn_id)
        task = session.of("task.started")[0]["payload"]
        assert request["payload"]["args"]["agentId"] == task["agentId"]
        assert not (session.place.work / "sub.txt").exists()
        session.respond(request, "accept")
        assert session.finish(turn_id)["state"] == "completed"
        assert (session.place.work / "sub.txt").exists()
        tools = [e["payload"] for e in session.of("item.completed") if "agentId" in e["payload"]]
        assert {t["parentToolUseId"] for t in tools} == {task["toolUseId"]}


def test_an_interrupt_reaches_the_tools_of_a_sub_agent(agent: LiveAgent) -> None:
    with agent.session("sub-interrupt") as session:
        word = session.tool_word()
        turn_id = session.send(f"@@subtool setsid sleep {word} & sleep {word}@@")
        session.respond(session.until("request.opened", turn_id), "accept")
        session.until_shells(word, 2)
        session.interrupt(turn_id)
        assert session.finish(turn_id)["state"] == "interrupted"
        assert not session.alive()
        assert session.until("task.completed")["payload"]["status"] in ("failed", "stopped")


def test_a_question_is_answered(agent: LiveAgent) -> None:
    options = [{"label": label, "description": f"it is {label}"} for label in ("Red", "Blue")]
    question = {"question": "Which colour?", "header": "Colour", "options": options}
    with agent.session("question") as session:
        turn_id = session.send(call("question", questions=[question]))
        asked = session.until("user-input.requested", turn_id)
        (shown,) = asked["payload"]["questions"]
        assert [o["label"] for o in shown["options"]] == ["Red", "Blue"]
        session.request(
            "session.respondToUserInput",
            requestId=asked["requestId"],
            answers={shown["id"]: "Blue"},
        )
        assert session.finish(turn_id)["state"] == "completed"
        assert '"Blue"' in session.text(turn_id)


def test_a_question_that_is_open_ends_with_its_turn(agent: LiveAgent) -> None:
    question = {"question": "Which?", "header": "Which", "options": []}
    with agent.session("question-cut") as session:
        turn_id = session.send(call("question", questions=[question]))
        session.until("user-input.requested", turn_id)
        session.interrupt(turn_id)
        assert session.finish(turn_id)["state"] == "interrupted"
        assert session.of("user-input.resolved")[0]["payload"]["answers"] == {}


def test_todos_are_the_plan(agent: LiveAgent) -> None:
    todos = [
        {"content": "one", "status": "completed", "priority": "high"},
        {"content": "two", "status": "in_progress", "priority": "low"},
    ]
    with agent.session("todo") as session:
        turn_id = session.send(call("todowrite", todos=todos))
        session.finish(turn_id)
        plan = session.of("turn.plan.updated", turn_id)[-1]["payload"]["plan"]
        assert [(s["step"], s["status"]) for s in plan] == [
            ("one", "completed"),
            ("two", "inProgress"),
        ]


def test_a_file_is_written_only_when_it_is_allowed(agent: LiveAgent) -> None:
    with agent.session("write") as session:
        path = session.place.work / "made.txt"
        turn_id = session.send(call("write", filePath=str(path), content="hi\n"))
        request = session.until("request.opened", turn_id)
        assert request["payload"]["requestType"] == "file_change_approval"
        assert "+hi" in request["payload"]["args"]["metadata"]["diff"]
        assert not path.exists()
        session.respond(request, "accept")
        session.finish(turn_id)
        assert path.read_text() == "hi\n"
        again = session.send(
            call("write", filePath=str(path), content="no\n"), interactionMode="plan"
        )
        assert unasked(session, again)["state"] == "completed"
        assert path.read_text() == "hi\n", "plan mode changed a file"


def test_what_a_turn_changed_is_its_diff(agent: LiveAgent) -> None:
    session = agent.session("diff")
    git = ["git", "-c", "user.email=a@b", "-c", "user.name=n", "-C", str(session.place.work)]
    path = session.place.work / "a.txt"
    path.write_text("a\n")
    for words in (["init", "-q"], ["add", "a.txt"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *words], check=True)
    with session:
        turn_id = session.send(call("write", filePath=str(path), content="b\n"))
        session.respond(session.until("request.opened", turn_id), "accept")
        session.finish(turn_id)
        diff = session.until("turn.diff.updated", turn_id)["payload"]["unifiedDiff"]
        assert "-a\n+b" in diff


def test_edits_are_accepted_by_the_mode_that_says_so(agent: LiveAgent) -> None:
    with agent.session("edits", runtimeMode="auto-accept-edits") as session:
        path = session.place.work / "made.txt"
        turn_id = session.send(call("write", filePath=str(path), content="hi\n"))
        assert unasked(session, turn_id)["state"] == "completed"
        assert path.exists()
        asked = session.send("@@tool touch x@@")
        session.respond(session.until("request.opened", asked), "decline")
        session.finish(asked)


def test_full_access_asks_nothing(agent: LiveAgent) -> None:
    with agent.session("full", runtimeMode="full-access") as session:
        turn_id = session.send("@@subtool touch sub.txt@@")
        assert unasked(session, turn_id)["state"] == "completed"
        assert (session.place.work / "sub.txt").exists()


def test_a_conversation_is_read_and_rolled_back(agent: LiveAgent) -> None:
    with agent.session("history") as session:
        for text in ("first @@plain", "second @@plain"):
            session.run(text)
        turns = session.request("session.readThread")["turns"]
        assert len(turns) == 2
        assert "second" in json.dumps(turns[1]["items"])
        left = session.request("session.rollbackThread", numTurns=1)["turns"]
        assert [turn["id"] for turn in left] == [turns[0]["id"]]
        session.run("third @@plain")
        after = session.request("session.readThread")["turns"]
        assert len(after) == 2
        assert "third" in json.dumps(after[1]["items"])


def test_an_unknown_model_fails_the_turn_in_words(agent: LiveAgent) -> None:
    with agent.session("model") as session:
        end = session.run("@@plain", modelSelection={"model": "fake/none"})
        assert end["state"] == "failed"
        assert "fake/none" in end["errorMessage"]
        end = session.run("@@plain", modelSelection={"model": MODEL})
        assert end["state"] == "completed"
        assert session.of("turn.started")[-1]["payload"]["model"] == MODEL


def test_an_mcp_server_is_added_and_listed(agent: LiveAgent) -> None:
    with agent.session("mcp") as session:
        assert session.request("mcp.status")["servers"] == []
        config = {"command": "/nonexistent/server"}
        servers_now = session.request("mcp.add", name="broken", config=config)["servers"]
        assert [(s["name"], s["state"]) for s in servers_now] == [("broken", "failed")]
        assert session.until("mcp.status.updated")["payload"]["status"]["servers"]


def test_waiting_turns_end_cancelled_when_the_running_one_is_interrupted(agent: LiveAgent) -> None:
    with agent.session("queue") as session:
        first = session.send("@@slow 300 0.1@@")
        session.until_streaming(first)
        waiting = [session.send("@@plain") for _ in range(2)]
        session.interrupt(first)
        assert session.finish(first)["state"] == "interrupted"
        assert [session.finish(turn)["state"] for turn in waiting] == ["cancelled"] * 2
