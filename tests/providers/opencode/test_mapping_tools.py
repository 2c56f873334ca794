"""Tool parts: items with their command, output and end."""

from typing import Any

import pytest

from sidecar.providers.opencode.mapping import tools
from tests.providers.opencode.talk import Talk, text_of, types

RUN: dict[str, Any] = {"input": {"command": "ls"}}


def test_a_command_is_started_streamed_and_completed() -> None:
    talk = Talk()
    (started,) = talk.tool("pending", input={})
    assert started.payload.item_type == "command_execution"
    assert started.payload.title == "bash"
    assert started.provider_refs is not None
    assert started.provider_refs.provider_item_id == "call_prt_t"
    (running,) = talk.tool("running", **RUN)
    assert running.payload.detail == "ls"
    assert running.payload.data["command"] == "ls"
    events = talk.tool("running", **RUN, metadata={"output": "a\n"})
    events += talk.tool("running", **RUN, metadata={"output": "a\nb\n"})
    ended = talk.tool(
        "completed", **RUN, title="List", output="a\nb\nc\n",
        metadata={"output": "a\nb\nc\n", "exit": 0},
    )  # fmt: skip
    assert text_of(events + ended, "command_output") == "a\nb\nc\n"
    completed = ended[-1].payload
    assert (completed.status, completed.title) == ("completed", "List")
    assert completed.data["exitCode"] == 0
    assert "output" not in completed.data


def test_the_same_state_is_not_said_twice() -> None:
    talk = Talk()
    talk.tool("pending", input={})
    assert len(talk.tool("running", **RUN)) == 1
    assert talk.tool("running", **RUN) == []


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        ("completed", {"metadata": {"output": "", "exit": 1}}, "failed"),
        ("completed", {"metadata": {"output": "", "exit": None}}, "failed"),
        ("completed", {}, "completed"),
        ("error", {"error": "Tool execution aborted"}, "failed"),
    ],
)
def test_the_end_of_a_command(status: str, state: dict[str, Any], expected: str) -> None:
    talk = Talk()
    talk.tool("pending", input={})
    ended = talk.tool(status, **RUN, **state)[-1]
    assert ended.type == "item.completed"
    assert ended.payload.status == expected


def test_an_error_is_passed_on() -> None:
    talk = Talk()
    (_, ended) = talk.tool("error", tool="read", input={"filePath": "/x"}, error="No such file")
    assert ended.payload.data["error"] == "No such file"
    assert ended.payload.detail == "/x"


def test_the_output_of_another_tool_is_data() -> None:
    talk = Talk()
    attachment = {"type": "file", "mime": "image/png"}
    (_, ended) = talk.tool(
        "completed", tool="read", output="text", title=" ", attachments=[attachment], input=7
    )
    assert ended.payload.data["output"] == "text"
    assert ended.payload.data["attachments"] == [attachment]
    assert ended.payload.title == "read"


def test_an_output_whose_beginning_was_cut_off_is_data() -> None:
    talk = Talk()
    talk.tool("running", **RUN, metadata={"output": "abcdef"})
    events = talk.tool("completed", **RUN, output="…def", metadata={"output": "…def", "exit": 0})
    assert types(events) == ["item.completed"]
    assert events[0].payload.data["output"] == "…def"


def test_half_an_emoji_of_an_output_is_shown_at_the_end() -> None:
    talk = Talk()
    talk.tool("running", **RUN, metadata={"output": "\ud83d"})
    ended = talk.tool("completed", **RUN, metadata={"output": "\ud83d", "exit": 0})
    assert text_of(ended, "command_output") == "\ufffd"
    talk.tool("running", "prt_2", **RUN, metadata={"output": "\ud83d"})
    assert text_of(talk.end(), "command_output") == "\ufffd"


def test_a_tool_that_is_known_by_its_end_alone_is_whole() -> None:
    events = Talk().tool("completed", **RUN, metadata={"output": "out", "exit": 0})
    assert types(events) == ["item.started", "content.delta", "item.completed"]


def test_a_word_about_a_tool_that_has_ended_is_dropped() -> None:
    talk = Talk()
    talk.tool("completed", **RUN)
    assert talk.tool("running", **RUN) == []


def test_a_nameless_tool_has_a_name() -> None:
    (started, *_) = Talk().tool("pending", tool=" ", call_id=None)
    assert started.payload.title == "unknown"
    assert started.payload.data["toolCallId"] == "prt_t"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("edit", "file_change"),
        ("task", "collab_agent_tool_call"),
        ("webfetch", "web_search"),
        ("files_read", "mcp_tool_call"),
        ("read", "dynamic_tool_call"),
        ("other_read", "dynamic_tool_call"),
    ],
)
def test_tools_become_items_by_their_names(name: str, expected: str) -> None:
    assert tools.item_type_of(name, frozenset({"files"})) == expected


def test_the_open_item_of_a_call_is_found() -> None:
    talk = Talk()
    (started,) = talk.tool("pending", input={})
    talk.tool("pending", "prt_2", input={})
    found = talk.mapping.messages.item_of_call
    assert found("call_prt_t") == started.item_id
    assert found("call_none") is None
    assert found(None) is None
