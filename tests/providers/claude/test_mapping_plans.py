"""The todo list as a plan, whichever tools keep it."""

from typing import Any

import pytest

from sidecar.providers.claude.mapping import plans
from tests.providers.claude.talk import Talk


def plan(events: list[Any]) -> list[tuple[str, str]]:
    (event,) = [e for e in events if e.type == "turn.plan.updated"]
    return [(step.step, step.status) for step in event.payload.plan]


def create(talk: Talk, number: int, subject: Any = "Do it") -> list[Any]:
    talk.call("TaskCreate", f"create-{number}", subject="x")
    task = {"id": str(number), "subject": subject}
    return talk.result(f"create-{number}", tool_use_result={"task": task})


def update(talk: Talk, id_: str, result: Any = None, **input_: Any) -> list[Any]:
    talk.call("TaskUpdate", id_, **input_)
    return talk.result(id_, tool_use_result=result or {"success": True})


def test_todo_write_says_the_whole_list() -> None:
    todos = [
        {"content": "one", "status": "completed"},
        {"content": "two", "status": "in_progress"},
        {"content": "three", "status": "pending"},
        {"content": " "},
        "x",
    ]
    events = Talk().call("TodoWrite", todos=todos)
    assert plan(events) == [("one", "completed"), ("two", "inProgress"), ("three", "pending")]


def test_tasks_are_created_changed_and_deleted() -> None:
    talk = Talk()
    assert plan(create(talk, 1)) == [("Do it", "pending")]
    assert plan(create(talk, 2, "More")) == [("Do it", "pending"), ("More", "pending")]
    changed = update(talk, "a", taskId="1", status="in_progress", subject="Do that")
    assert plan(changed)[0] == ("Do that", "inProgress")
    assert plan(update(talk, "b", taskId="1", status="completed"))[0] == ("Do that", "completed")
    assert plan(update(talk, "c", taskId="2", subject="Most"))[1] == ("Most", "pending")
    assert plan(update(talk, "d", taskId="1", status="deleted")) == [("Most", "pending")]


def test_a_task_of_before_a_resume_has_its_number_for_a_name() -> None:
    talk = Talk()
    assert plan(update(talk, "a", taskId="9", status="weird")) == [("Task 9", "pending")]


def test_what_says_nothing_changes_nothing() -> None:
    talk = Talk()
    for events in (
        create(talk, 1, " "),
        update(talk, "a"),
        update(talk, "b", taskId="7", status="deleted"),
    ):
        assert [e for e in events if e.type == "turn.plan.updated"] == []


def test_a_sub_agents_list_is_its_own() -> None:
    talk = Talk()
    events = talk.call("TodoWrite", parent="agent", todos=[{"content": "one"}])
    assert [e.type for e in events] == ["item.started"]
    talk.call("TaskCreate", "c", parent="agent")
    events = talk.result("c", parent="agent", tool_use_result={"task": {"id": "1", "subject": "x"}})
    assert [e.type for e in events] == ["item.completed"]


def test_a_failed_call_changes_nothing() -> None:
    talk = Talk()
    talk.call("TaskCreate", "c")
    events = talk.result("c", is_error=True, tool_use_result={"task": {"id": "1", "subject": "x"}})
    assert [e.type for e in events] == ["item.completed"]


def test_steps_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "STEPS", 2)
    talk = Talk()
    create(talk, 1, "one")
    create(talk, 2, "two")
    assert [step for step, _ in plan(create(talk, 3, "three"))] == ["two", "three"]
