"""Sub-agents: sessions of their own, tasks of ours."""

from typing import Any

import pytest

from sidecar.providers.opencode.mapping import agents
from tests.providers.opencode.talk import CHILD, ENDED, TIME, Talk, text_of, types

CALL: dict[str, Any] = {
    "tool": "task",
    "input": {"description": "look around", "subagent_type": "general"},
    "metadata": {"sessionId": CHILD, "model": {"providerID": "p", "modelID": "m"}},
}


def test_a_call_names_its_sub_agent_and_ends_it() -> None:
    talk = Talk()
    talk.tool("pending", tool="task", input={})
    talk.child(title="look (@general)", agent="general")
    started = talk.tool("running", **CALL)[-1]
    assert started.type == "task.started"
    task = started.payload
    assert (task.task_id, task.agent_id, task.agent_kind) == (CHILD, CHILD, "agent")
    assert (task.tool_use_id, task.role, task.model) == ("call_prt_t", "general", "p/m")
    output = "<task>\n<task_result>\nfound it\n</task_result></task>"
    ended = talk.tool("completed", **CALL, output=output)[-1]
    assert (ended.type, ended.payload.status) == ("task.completed", "completed")
    assert ended.payload.summary == "found it"
    assert ended.payload.tool_use_id == "call_prt_t"


def test_what_a_sub_agent_says_carries_its_name() -> None:
    talk = Talk()
    talk.child()
    talk.tool("running", **CALL)
    assert talk.message("msg_c", CHILD) == []
    talk.part("prt_c", CHILD, messageID="msg_c", text="", time=TIME)
    events = talk.part("prt_c", CHILD, messageID="msg_c", text="hi", time=ENDED)
    assert text_of(events) == "hi"
    assert events[0].payload.agent_id == CHILD
    assert events[0].payload.parent_tool_use_id == "call_prt_t"
    assert not talk.mapping.turn.over


def test_its_tools_are_progress_once_each() -> None:
    talk = Talk()
    talk.child()
    talk.tool("running", **CALL)
    talk.message("msg_c", CHILD)
    ls: dict[str, Any] = {"session_id": CHILD, "message_id": "msg_c", "input": {"command": "ls"}}
    assert "task.progress" not in types(talk.tool("pending", "prt_c", **ls))
    progress = talk.tool("running", "prt_c", **ls)[-1]
    assert progress.payload.last_tool_name == "bash"
    assert "task.progress" not in types(talk.tool("running", "prt_c", **ls, metadata={"a": 1}))


def test_one_that_speaks_before_the_call_names_it_is_a_task_already() -> None:
    talk = Talk()
    talk.child(title="quick")
    (started,) = talk.message("msg_c", CHILD)
    assert (started.type, started.payload.title) == ("task.started", "quick")
    assert types(talk.tool("running", **CALL)) == ["item.started"]


def test_one_that_fails_says_why() -> None:
    talk = Talk()
    ended = talk.tool("error", **CALL, error="Task cancelled")[-1]
    assert (ended.payload.status, ended.payload.summary) == ("failed", "Task cancelled")


def test_one_without_a_result_tag_is_summed_up_by_its_output() -> None:
    assert Talk().tool("completed", **CALL, output="all")[-1].payload.summary == "all"
    assert Talk().tool("completed", **CALL)[-1].payload.summary is None


def test_one_that_is_called_again_is_another_task() -> None:
    talk = Talk()
    talk.tool("completed", **CALL)
    again = talk.tool("running", "prt_2", **CALL)[-1]
    assert again.payload.task_id == f"{CHILD}:2"
    assert again.payload.attempt == 2


def test_the_end_of_a_turn_stops_its_sub_agents() -> None:
    talk = Talk()
    talk.tool("running", **CALL)
    stopped = [e for e in talk.end("interrupted") if e.type == "task.completed"]
    assert [e.payload.status for e in stopped] == ["stopped"]


def test_one_of_a_sub_agent_names_its_parent() -> None:
    talk = Talk()
    talk.child()
    talk.child("ses_grandchild", CHILD)
    (started,) = talk.message("msg_g", "ses_grandchild")
    assert started.payload.parent_agent_id == CHILD


def test_its_retries_are_said_and_cut_off_its_own_text_alone() -> None:
    talk = Talk()
    talk.child()
    talk.part(text="mine", time=TIME)
    retry = {"type": "retry", "attempt": 1, "message": "busy"}
    (warning,) = talk.say("session.status", sessionID=CHILD, status=retry)
    assert "busy" in warning.payload.message
    assert talk.mapping.turn.retries == 0
    assert talk.say("session.status", sessionID=CHILD, status={"type": "idle"}) == []
    assert talk.say("session.idle", sessionID=CHILD) == []


@pytest.mark.parametrize(
    "info",
    [
        {"session_id": 7},
        {"session_id": ""},
        {"parent_id": None},
        {"parent_id": "ses_of_nobody"},
    ],
)
def test_a_session_of_nobody_here_is_not_heard(info: dict[str, Any]) -> None:
    talk = Talk()
    talk.child(**info)
    assert talk.message("msg_c", CHILD) == []


@pytest.mark.parametrize("metadata", [{}, {"sessionId": 7}, {"sessionId": " "}, None])
def test_a_call_that_names_nobody_is_a_tool(metadata: Any) -> None:
    events = Talk().tool("running", **{**CALL, "metadata": metadata})
    assert types(events) == ["item.started"]


def test_sub_agents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "AGENTS", 1)
    talk = Talk()
    talk.child()
    talk.child("ses_two")
    assert talk.message("msg_c", CHILD) == []
    assert types(talk.message("msg_d", "ses_two")) == ["task.started"]


def test_a_word_of_one_that_is_forgotten_is_nothing() -> None:
    talk = Talk()
    assert talk.mapping.agents.heard("ses_unknown") == []
    assert talk.mapping.agents.worked("ses_unknown", {}) == []
    quiet = Talk(in_turn=False)
    quiet.child()
    assert quiet.mapping.agents.heard(CHILD) == []
