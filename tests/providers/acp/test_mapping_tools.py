"""Tool calls to items, however agents order and repeat what they say of them."""

from typing import Any

import pytest

from sidecar.providers.acp.mapping import (
    calls,
)
from sidecar.providers.acp.mapping.content import only_text, paths
from tests.providers.acp.talk import Talk, output, types


@pytest.mark.parametrize(
    ("fields", "item_type"),
    [
        ({"kind": "execute"}, "command_execution"),
        ({"kind": "edit"}, "file_change"),
        ({"kind": "delete"}, "file_change"),
        ({"kind": "move"}, "file_change"),
        ({"kind": "fetch"}, "web_search"),
        ({"kind": "read"}, "dynamic_tool_call"),
        ({"kind": "search"}, "dynamic_tool_call"),
        ({"kind": 7}, "dynamic_tool_call"),
        ({}, "dynamic_tool_call"),
        ({"title": "mcp__github__search", "kind": "other"}, "mcp_tool_call"),
        ({"_meta": {"agent": {"toolName": "mcp__a__b"}}}, "mcp_tool_call"),
        ({"_meta": {"agent": 7}, "title": "list"}, "dynamic_tool_call"),
    ],
)
def test_the_kind_of_a_tool_decides_its_item_type(fields: Any, item_type: str) -> None:
    (started,) = Talk().call(**fields)
    assert started.payload.item_type == item_type


def test_a_call_runs_from_its_start_to_its_end() -> None:
    talk = Talk()
    (started,) = talk.call(
        title="Read a file",
        kind="read",
        status="pending",
        locations=[{"path": "/a"}, {"path": "/b", "line": 3}],
        rawInput={"path": "/a"},
    )
    assert started.payload.status == "inProgress"
    assert started.payload.title == "Read a file"
    assert started.payload.detail == "/a\n/b"
    assert started.payload.data["rawInput"] == {"path": "/a"}
    assert started.provider_refs is not None
    assert started.provider_refs.provider_item_id == "c"
    (updated,) = talk.advance(status="in_progress")
    assert (updated.type, updated.payload.title) == ("item.updated", "Read a file")
    (completed,) = talk.advance(status="completed", content=output("text"), rawOutput={"n": 1})
    assert completed.payload.status == "completed"
    assert completed.payload.data["content"] == output("text")
    assert completed.payload.data["rawOutput"] == {"n": 1}
    assert {e.item_id for e in (started, updated, completed)} == {started.item_id}


def test_an_update_for_an_unknown_call_starts_it() -> None:
    assert types(Talk().advance(kind="read", status="in_progress")) == ["item.started"]


def test_a_call_that_is_only_told_when_it_has_ended_is_started_and_ended() -> None:
    events = Talk().advance(kind="execute", status="failed", content=output("no\n"))
    assert types(events) == ["item.started", "content.delta", "item.completed"]
    assert events[2].payload.status == "failed"


def test_a_second_tool_call_message_updates_an_open_call() -> None:
    talk = Talk()
    talk.call(kind="read")
    assert types(talk.call(kind="read", title="Now known")) == ["item.updated"]


def test_an_id_that_is_used_again_is_a_new_item() -> None:
    talk = Talk()
    (first,) = talk.call(kind="read")
    talk.advance(status="completed")
    (second,) = talk.call(kind="read")
    assert first.item_id != second.item_id


def test_an_id_that_is_used_again_in_the_next_turn_is_a_new_item() -> None:
    talk = Talk()
    (first,) = talk.call(kind="read")
    talk.end()
    talk.take(talk.mapping.begin_turn("next"))
    (second,) = talk.call(kind="read")
    assert (second.type, second.turn_id) == ("item.started", "next")
    assert first.item_id != second.item_id


def test_what_is_said_of_a_call_after_its_end_is_dropped() -> None:
    talk = Talk()
    talk.call(kind="read")
    talk.advance(status="completed")
    assert talk.advance(status="in_progress", title="late") == []


def test_what_is_said_of_a_call_after_its_turn_is_dropped() -> None:
    talk = Talk()
    talk.call(kind="read")
    talk.end()
    assert talk.advance(status="completed") == []


@pytest.mark.parametrize("call_id", [None, "", 7])
def test_a_call_without_an_id_says_nothing(call_id: Any) -> None:
    assert Talk().update("tool_call", toolCallId=call_id, kind="read") == []


@pytest.mark.parametrize(
    ("command", "shown"),
    [("ls -l", "ls -l"), (["ls", "-l"], "ls -l"), (7, None), ("  ", None)],
)
def test_the_command_is_the_detail(command: Any, shown: str | None) -> None:
    (started,) = Talk().call(kind="execute", rawInput={"command": command})
    assert started.payload.detail == shown
    assert started.payload.data.get("command") == shown


def test_the_growing_output_of_a_command_streams_as_deltas() -> None:
    talk = Talk()
    talk.call(kind="execute", status="pending", content=output("a description"))
    events = talk.advance(status="in_progress", content=output("one\n"))
    assert types(events) == ["content.delta"]
    assert events[0].payload.stream_kind == "command_output"
    (delta,) = talk.advance(status="in_progress", content=output("one\ntwo\n"))
    assert delta.payload.delta == "two\n"
    assert talk.advance(status="in_progress", content=output("one\ntwo\n")) == []
    last, completed = talk.advance(status="completed", content=output("one\ntwo\nend"))
    assert last.payload.delta == "end"
    assert "content" not in completed.payload.data, "it was streamed"


@pytest.mark.parametrize("second", ["two\n", "o", "ONE\ntwo"])
def test_output_that_does_not_grow_becomes_data(second: str) -> None:
    talk = Talk()
    talk.call(kind="execute")
    talk.advance(status="in_progress", content=output("one\n"))
    (completed,) = talk.advance(status="completed", content=output(second))
    assert completed.payload.data["content"] == output(second)


def test_output_beside_other_news_comes_with_an_update() -> None:
    talk = Talk()
    talk.call(kind="execute")
    events = talk.advance(status="in_progress", title="Running", content=output("x"))
    assert types(events) == ["item.updated", "content.delta"]
    assert "content" not in events[0].payload.data


def test_an_emoji_cut_in_growing_output_is_joined() -> None:
    talk = Talk()
    talk.call(kind="execute")
    assert talk.advance(status="in_progress", content=output("a\ud83d"))[0].payload.delta == "a"
    (delta,) = talk.advance(status="in_progress", content=output("a\ud83d\ude00"))
    assert delta.payload.delta == "\U0001f600"


@pytest.mark.parametrize("how", ["call", "turn"])
def test_half_an_emoji_at_the_end_of_output_is_shown_as_lost(how: str) -> None:
    talk = Talk()
    talk.call("done", kind="execute")
    talk.advance("done", status="completed")
    talk.call(kind="execute")
    talk.advance(status="in_progress", content=output("a\ud83d"))
    events = talk.end() if how == "turn" else talk.advance(status="completed")
    assert events[0].payload.delta == "\ufffd"
    assert types(events)[1] == "item.completed"


def test_a_diff_is_data_of_the_file_change() -> None:
    diff = {"type": "diff", "path": "/a", "oldText": None, "newText": "x"}
    (started,) = Talk().call(kind="edit", status="in_progress", content=[diff])
    assert started.payload.data["content"] == [diff]
    assert started.payload.detail == "/a"


def test_only_text_content_is_streamable() -> None:
    assert only_text(output("x"))
    assert not only_text([{"type": "diff"}])
    assert not only_text([{"type": "content", "content": {"type": "image"}}])
    assert not only_text(None)


def test_paths_are_told_once() -> None:
    update = {
        "locations": [{"path": "/a"}, {"path": 7}],
        "content": [{"path": "/a"}, {"path": "/b"}],
    }
    assert paths(update) == ["/a", "/b"]


def test_the_memory_of_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "TOOLS", 2)
    talk = Talk()
    for name in ("a", "b", "c"):
        talk.call(name, kind="read")
        talk.advance(name, status="completed")
    assert talk.advance("c", status="completed") == []
    assert types(talk.advance("a", status="completed")) == ["item.started", "item.completed"]
