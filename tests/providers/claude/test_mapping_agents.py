"""Sub-agents and background commands as tasks."""

from typing import Any

import pytest

from sidecar.providers.claude.mapping import agents
from tests.providers.claude.talk import Talk, types


def begin(talk: Talk, task_id: str = "t", tool: str = "tool", **more: Any) -> list[Any]:
    talk.call("Agent", tool, description="a sub task", model="haiku")
    fields = {"task_type": "local_agent", "subagent_type": "Explore", "description": "look"}
    return talk.system("task_started", task_id=task_id, tool_use_id=tool, **{**fields, **more})


def test_a_sub_agent_is_a_task_from_start_to_end() -> None:
    talk = Talk()
    (started,) = begin(talk)
    linkage = started.payload
    assert (linkage.agent_kind, linkage.agent_id, linkage.role) == ("agent", "t", "Explore")
    assert (linkage.tool_use_id, linkage.model, linkage.title) == ("tool", "haiku", "look")
    (progress,) = talk.system(
        "task_progress",
        task_id="t",
        description="Running ls",
        usage={"total_tokens": 7, "tool_uses": 1, "duration_ms": 3.5},
        last_tool_name="Bash",
    )
    assert progress.payload.usage == {"totalTokens": 7, "toolUses": 1}
    assert progress.payload.last_tool_name == "Bash"
    (updated,) = talk.system("task_updated", task_id="t", patch={"status": "killed", "error": "x"})
    assert (updated.payload.status, updated.payload.error) == ("cancelled", "x")
    (ended,) = talk.system("task_notification", task_id="t", status="completed", summary="done")
    assert (ended.payload.status, ended.payload.summary) == ("completed", "done")
    assert talk.system("task_notification", task_id="t", status="failed") == []


@pytest.mark.parametrize(("said", "status"), [("failed", "failed"), ("weird", "stopped")])
def test_how_a_task_ends(said: str, status: str) -> None:
    talk = Talk()
    begin(talk)
    (ended,) = talk.system("task_notification", task_id="t", status=said)
    assert ended.payload.status == status


def test_what_a_sub_agent_does_names_it() -> None:
    talk = Talk()
    begin(talk)
    (started,) = talk.call("Bash", "inner", parent="tool", command="ls")
    assert (started.payload.agent_id, started.payload.parent_tool_use_id) == ("t", "tool")
    (task,) = talk.system("task_started", task_id="deep", tool_use_id="inner", task_type="shell")
    assert (task.payload.parent_agent_id, task.payload.agent_kind) == ("t", "background")
    assert task.payload.agent_id is None


def test_a_request_of_a_sub_agent_comes_before_its_call() -> None:
    talk = Talk()
    begin(talk)
    _, events = talk.ask(agent_id="t", tool_use_id="inner", input={"command": "ls"})
    assert types(events) == ["item.started", "request.opened", "session.state.changed"]
    assert events[0].payload.parent_tool_use_id == "tool"
    assert talk.call("Bash", "inner", parent="tool", command="ls") == []
    _, events = talk.ask(control_id="d", agent_id="stranger", tool_use_id="other")
    assert events[0].payload.agent_id == "stranger"


def test_a_task_ends_with_the_call_that_waits_for_it() -> None:
    for is_error, status in ((False, "completed"), (True, "stopped")):
        talk = Talk()
        begin(talk)
        task, item = talk.result(is_error=is_error)
        assert (task.type, task.payload.status) == ("task.completed", status)
        assert item.type == "item.completed"


@pytest.mark.parametrize("left", [{"backgroundTaskId": "t"}, {"status": "async_launched"}])
def test_a_task_that_is_left_behind_outlives_its_turn(left: dict[str, str]) -> None:
    talk = Talk()
    begin(talk)
    (updated, _) = talk.result(tool_use_result=left)
    assert updated.payload.is_backgrounded is True
    assert talk.mapping.agents.background == 1
    assert "task.completed" not in types(talk.end())
    (started,) = talk.call("Bash", "inner", parent="tool", command="ls")
    assert started.turn_id is None
    _, events = talk.ask(agent_id="t", tool_use_id="inner", input={"command": "ls"})
    assert {e.turn_id for e in events} == {None}
    talk.system("task_notification", task_id="t", status="completed")
    assert talk.mapping.agents.background == 0


def test_a_task_that_began_in_the_background_outlives_its_call() -> None:
    talk = Talk()
    begin(talk, is_backgrounded=True)
    assert types(talk.result()) == ["item.completed"]
    assert "task.completed" not in types(talk.end())


def test_a_task_may_go_to_the_background_later() -> None:
    talk = Talk()
    begin(talk)
    talk.system("task_updated", task_id="t", patch={"is_backgrounded": True})
    assert "task.completed" not in types(talk.end())


def test_a_task_that_nothing_has_left_behind_ends_with_its_turn() -> None:
    talk = Talk()
    begin(talk)
    ended = [e for e in talk.end("interrupted") if e.type == "task.completed"]
    assert [e.payload.status for e in ended] == ["stopped"]


def test_a_message_of_an_agent_that_nobody_announced_is_kept_apart() -> None:
    (started,) = Talk().call("Bash", "inner", parent="nobody", command="ls")
    assert (started.payload.parent_tool_use_id, started.payload.agent_id) == ("nobody", None)


def test_malformed_tasks_make_nothing() -> None:
    talk = Talk()
    assert talk.system("task_started", task_id=7) == []
    assert talk.system("task_progress") == []
    assert talk.system("task_updated", patch={"is_backgrounded": True}) == []
    assert types(talk.system("task_started", task_id="bare")) == ["task.started"]


def test_agents_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agents, "AGENTS", 2)
    talk = Talk()
    for number in range(4):
        begin(talk, f"t{number}", f"tool{number}")
    assert len(talk.mapping.agents._agents) == 2
    assert len(talk.mapping.agents._by_tool) == 2
    assert len([e for e in talk.end() if e.type == "task.completed"]) == 4
