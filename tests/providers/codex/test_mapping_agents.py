"""Sub-agents of Codex: threads of their own, said as tasks that may outlive the turn."""

from typing import Any

import pytest

from sidecar.providers.codex.mapping import agents as module
from tests.providers.codex.talk import CHILD, MAIN, TURN, Talk, only, types


def test_a_sub_agent_is_a_task_with_its_linkage() -> None:
    events = Talk().spawn(CHILD, model="small", reasoningEffort="low")
    assert types(events) == ["item.started", "item.completed", "task.started"]
    task = events[-1].payload
    assert (task.task_id, task.agent_id, task.agent_kind) == (CHILD, CHILD, "agent")
    assert (task.description, task.model, task.effort) == ("do it", "small", "low")
    assert task.tool_use_id == events[0].item_id
    assert (task.attempt, task.task_type, task.parent_agent_id) == (1, "subagent", None)


def test_what_a_sub_agent_does_belongs_to_no_turn() -> None:
    talk = Talk()
    spawn = talk.spawn()
    started = talk.start("agentMessage", "m", CHILD)
    payload = only(started)
    assert started[0].turn_id is None
    assert (payload.agent_id, payload.parent_tool_use_id) == (CHILD, spawn[0].item_id)
    assert types(talk.end())[-1] == "session.state.changed"
    assert only(talk.say("item/agentMessage/delta", CHILD, itemId="m", delta="on")).delta == "on"
    assert types(talk.complete("agentMessage", "m", CHILD, text="on")) == ["item.completed"]
    done = talk.say("turn/completed", CHILD, turn={"status": "completed"})
    assert (only(done).status, only(done).summary) == ("completed", "on")


def test_a_tool_of_a_sub_agent_is_progress_of_its_task() -> None:
    talk = Talk()
    talk.spawn()
    events = talk.start("commandExecution", "c", CHILD, command="make test")
    assert types(events) == ["item.started", "task.progress"]
    assert events[1].payload.last_tool_name == "make test"
    assert types(talk.start("fileChange", "f", CHILD))[1] == "task.progress"
    assert types(talk.start("userMessage", "u", CHILD)) == ["item.started"]


@pytest.mark.parametrize(
    ("turn", "status", "summary"),
    [
        ({"status": "completed"}, "completed", None),
        ({"status": "interrupted"}, "stopped", None),
        ({"status": "failed", "error": {"message": "no"}}, "failed", "no"),
    ],
)
def test_a_task_ends_as_the_sub_agents_turn(
    turn: dict[str, Any], status: str, summary: str | None
) -> None:
    talk = Talk()
    talk.spawn()
    talk.start("commandExecution", "c", CHILD)
    events = talk.say("turn/completed", CHILD, turn=turn)
    assert types(events) == ["item.completed", "task.completed"]
    assert events[0].payload.status == "failed"
    assert (events[1].payload.status, events[1].payload.summary) == (status, summary)
    assert talk.say("turn/completed", CHILD, turn=turn) == []


def test_more_work_is_another_task_of_the_same_agent() -> None:
    talk = Talk()
    talk.spawn()
    talk.say("turn/completed", CHILD, turn={"status": "completed"})
    second = only(talk.say("turn/started", CHILD, turn={"id": "t2", "rootTurnId": TURN}))
    assert (second.task_id, second.attempt, second.agent_id) == (f"{CHILD}#2", 2, CHILD)


def test_a_turn_that_starts_in_a_turn_ends_the_other_task() -> None:
    talk = Talk()
    talk.spawn()
    events = talk.say("turn/started", CHILD, turn={})
    assert types(events) == ["task.completed", "task.started"]
    assert events[0].payload.status == "stopped"


def test_a_sub_agent_that_nobody_has_told_of_is_one_too() -> None:
    talk = Talk()
    started = only(talk.say("turn/started", "stranger", turn={"id": "t"}))
    assert (started.task_id, started.description, started.tool_use_id) == ("stranger", None, None)
    events = talk.start("agentMessage", "m", "other-stranger")
    assert only(events).agent_id == "other-stranger"


def test_what_is_learnt_late_is_said_of_the_running_task() -> None:
    talk = Talk()
    talk.say("turn/started", CHILD, turn={"id": "t"})
    events = talk.complete("collabAgentToolCall", "s", receiverThreadIds=[CHILD], prompt="late")
    assert types(events) == ["item.started", "item.completed", "task.updated"]
    update = events[-1].payload
    assert (update.description, update.tool_use_id is not None) == ("late", False)


def test_a_spawn_without_an_item_of_ours_names_no_tool_use() -> None:
    talk = Talk()
    events = talk.complete("collabAgentToolCall", "s", receiverThreadIds=[CHILD, "", 7])
    assert types(events) == ["item.started", "item.completed"]
    assert talk.mapping.agents.get(CHILD) is not None
    assert talk.complete("collabAgentToolCall", "w", receiverThreadIds=None) != []


def test_a_thread_that_is_started_names_its_agent() -> None:
    talk = Talk()
    thread = {"id": CHILD, "parentThreadId": MAIN, "agentNickname": "Ada", "agentRole": "tester"}
    assert talk.say("thread/started", None, thread=thread) == []
    task = only(talk.say("turn/started", CHILD, turn={"id": "t"}))
    assert (task.title, task.role, task.parent_agent_id) == ("Ada", "tester", None)
    assert task.description == "Ada"
    assert talk.say("thread/started", None, thread={"id": MAIN}) == []
    assert talk.say("thread/started", None, thread={}) == []


def test_a_sub_agents_sub_agent_names_its_parent() -> None:
    talk = Talk()
    talk.spawn()
    events = talk.spawn("grandchild", CHILD)
    task = events[-1].payload
    assert (task.agent_id, task.parent_agent_id) == ("grandchild", CHILD)
    thread = {"id": "third", "parentThreadId": CHILD}
    talk.say("thread/started", None, thread=thread)
    assert only(talk.say("turn/started", "third", turn={"id": "t"})).parent_agent_id == CHILD


def test_an_activity_names_a_sub_agent() -> None:
    talk = Talk()
    activity = {"kind": "started", "agentThreadId": CHILD, "agentPath": "/root/a", "model": "m"}
    talk.complete("subAgentActivity", "x", **activity)
    task = only(talk.say("turn/started", CHILD, turn={"id": "t"}))
    assert (task.agent_path, task.model) == ("/root/a", "m")


def test_a_closed_thread_ends_its_task() -> None:
    talk = Talk()
    talk.spawn()
    assert only(talk.say("thread/closed", CHILD)).status == "stopped"
    assert talk.say("thread/closed", CHILD) == []


def test_a_sub_agents_usage_stands_in_the_end_of_its_task() -> None:
    talk = Talk()
    talk.spawn()
    figures = {"totalTokens": 5, "inputTokens": 4}
    usage = {"last": figures, "total": figures}
    assert talk.say("thread/tokenUsage/updated", CHILD, tokenUsage=usage) == []
    assert talk.say("thread/tokenUsage/updated", "unknown", tokenUsage=usage) == []
    done = only(talk.say("turn/completed", CHILD, turn={"status": "completed"}))
    assert done.usage == figures


def test_what_a_sub_agents_thread_says_of_itself_is_not_the_main_ones() -> None:
    talk = Talk()
    talk.spawn()
    for method, fields in (
        ("turn/plan/updated", {"plan": [{"step": "x"}]}),
        ("turn/diff/updated", {"diff": "+x"}),
        ("thread/settings/updated", {"threadSettings": {"model": "x"}}),
        ("thread/name/updated", {"threadName": "x"}),
        ("warning", {"message": "x"}),
        ("item/plan/delta", {"delta": "x"}),
        ("brand/new", {}),
    ):
        assert talk.say(method, CHILD, **fields) == [], method
    assert types(talk.say("guardianWarning", CHILD, message="x")) == ["runtime.warning"]


def test_a_plan_and_a_compaction_of_a_sub_agent_are_items_alone() -> None:
    talk = Talk()
    talk.spawn()
    plan = talk.complete("plan", "p", CHILD, text="x")
    assert types(plan) == ["item.started", "item.completed"]
    compaction = talk.complete("contextCompaction", "c", CHILD)
    assert types(compaction) == ["item.started", "item.completed"]


def test_known_agents_are_bounded_and_those_that_work_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGENTS", 2)
    talk = Talk()
    talk.spawn("busy")
    for number in range(3):
        talk.say("thread/started", None, thread={"id": f"idle-{number}"})
    assert list(talk.mapping.agents._agents) == ["busy", "idle-2"]
    talk.spawn("second")
    talk.spawn("third")
    assert len(talk.mapping.agents._agents) == 2


def test_those_that_run_are_told_by_the_users_turn() -> None:
    talk = Talk()
    talk.spawn("a")
    talk.say("turn/started", "b", turn={"id": "t", "rootTurnId": "other"})
    agents = talk.mapping.agents
    assert [agent.thread_id for agent in agents.running()] == ["a", "b"]
    assert [agent.thread_id for agent in agents.running(TURN)] == ["a"]


def test_a_sub_agent_that_has_done_nothing_yet_makes_no_progress() -> None:
    talk = Talk()
    talk.say("thread/started", None, thread={"id": CHILD})
    assert types(talk.start("commandExecution", "c", CHILD)) == ["item.started"]
    agent = talk.mapping.agents.get(CHILD)
    assert agent is not None
    assert talk.mapping.agents.does(agent, None, None) == []
