"""Tool calls to items, in whatever order they are told."""

from typing import Any

import pytest

from sidecar.providers.claude.mapping import calls
from tests.providers.claude.talk import Talk, said_text, types


@pytest.mark.parametrize(
    ("name", "item_type"),
    [
        ("Bash", "command_execution"),
        ("Edit", "file_change"),
        ("Write", "file_change"),
        ("NotebookEdit", "file_change"),
        ("mcp__github__search", "mcp_tool_call"),
        ("WebSearch", "web_search"),
        ("Agent", "collab_agent_tool_call"),
        ("Task", "collab_agent_tool_call"),
        ("Read", "dynamic_tool_call"),
        ("Whatever", "dynamic_tool_call"),
    ],
)
def test_the_name_of_a_tool_decides_its_item_type(name: str, item_type: str) -> None:
    (started,) = Talk().call(name)
    assert started.payload.item_type == item_type
    assert started.payload.title == name


def test_a_streamed_call_begins_without_its_input() -> None:
    talk = Talk()
    block = {"type": "tool_use", "id": "tool", "name": "Bash", "input": {}}
    (started,) = talk.stream("content_block_start", index=0, content_block=block)
    assert started.payload.data == {"toolName": "Bash", "toolUseId": "tool"}
    (updated,) = talk.call("Bash", command="ls", description="list")
    assert updated.type == "item.updated"
    assert (updated.payload.title, updated.payload.detail) == ("list", "ls")
    assert talk.call("Bash", command="ls", description="list") == []


def test_the_output_of_a_command_is_streamed_and_not_repeated() -> None:
    talk = Talk()
    talk.call("Bash", command="ls")
    structured = {"stdout": "a", "stderr": "", "interrupted": False}
    output, completed = talk.result(content="a\nb", tool_use_result=structured)
    assert output.payload.stream_kind == "command_output"
    assert output.payload.delta == "a\nb"
    assert completed.payload.status == "completed"
    assert "result" not in completed.payload.data
    assert completed.payload.data["toolUseResult"] == {"interrupted": False}


def test_the_result_of_another_tool_is_data() -> None:
    talk = Talk()
    talk.call("Read", file_path="/a")
    (completed,) = talk.result(content=[{"type": "text", "text": "x"}])
    assert completed.payload.detail == "/a"
    assert completed.payload.data["result"] == [{"type": "text", "text": "x"}]


def test_a_result_of_blocks_is_the_text_of_them() -> None:
    talk = Talk()
    talk.call("Bash", command="ls")
    content = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}, 7]
    assert said_text(talk.result(content=content)) == "a\nb"


def test_an_error_fails_the_item() -> None:
    talk = Talk()
    talk.call("Bash", command="ls")
    completed = talk.result(content=7, is_error=True)[-1]
    assert completed.payload.status == "failed"


def test_the_servers_own_tools_are_answered_in_the_same_message() -> None:
    talk = Talk()
    call = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "q"}}
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"url": "u"}]}
    started, completed = talk.assistant(call, result)
    assert (started.payload.item_type, started.payload.detail) == ("web_search", "q")
    assert completed.payload.data["result"] == [{"url": "u"}]


def test_what_is_told_after_the_end_changes_nothing() -> None:
    talk = Talk()
    talk.call("Bash", command="ls")
    talk.result()
    assert talk.result() == []
    assert talk.call("Bash", command="other") == []


def test_an_id_that_is_streamed_again_is_another_item() -> None:
    talk = Talk()
    block = {"type": "tool_use", "id": "tool", "name": "Bash", "input": {}}
    (first,) = talk.stream("content_block_start", index=0, content_block=block)
    assert talk.stream("content_block_start", index=0, content_block=block) == []
    talk.result()
    (second,) = talk.stream("content_block_start", index=0, content_block=block)
    assert first.item_id != second.item_id


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use"},
        {"type": "tool_use", "id": 7, "name": "Bash"},
        {"type": "tool_use", "id": "", "name": "Bash"},
        {"type": "tool_use", "id": "x", "name": " "},
        {"type": "tool_result", "tool_use_id": "nobody"},
        {"type": "tool_result", "tool_use_id": 7},
    ],
)
def test_malformed_calls_make_nothing(block: Any) -> None:
    talk = Talk()
    assert talk.assistant(block) == []
    assert talk.said("user", message={"content": [block, "x"]}) == []


def test_user_messages_without_results_are_our_own_words() -> None:
    talk = Talk()
    assert talk.said("user", message={"content": "<local-command-stdout>x"}) == []
    assert talk.said("user", message=7) == []


def test_calls_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "TOOLS", 2)
    talk = Talk()
    for number in range(3):
        talk.call("Read", f"t{number}")
    assert talk.result("t0") == []
    assert types(talk.result("t2")) == ["item.completed"]
