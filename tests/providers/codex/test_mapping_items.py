"""Items of Codex: one start and one end each, texts whole, ids of our own."""

from typing import Any

import pytest

from sidecar.core.conversation import OPEN_ITEMS
from sidecar.providers.codex.mapping import items as module
from sidecar.providers.codex.mapping.facts import facts_of, full_text
from tests.providers.codex.talk import MAIN, TURN, Talk, only, types


def test_a_message_streams_and_ends() -> None:
    talk = Talk()
    started = talk.start("agentMessage", "m", text="")
    assert only(started).item_type == "assistant_message"
    assert started[0].provider_refs is not None
    assert started[0].provider_refs.provider_item_id == "m"
    delta = talk.say("item/agentMessage/delta", itemId="m", delta="Hi", turnId=TURN)
    assert (only(delta).stream_kind, only(delta).delta) == ("assistant_text", "Hi")
    assert types(talk.complete("agentMessage", "m", text="Hi")) == ["item.completed"]


def test_a_message_of_which_nothing_was_streamed_is_said_at_its_end() -> None:
    events = Talk().complete("agentMessage", "m", text="All of it")
    assert types(events) == ["item.started", "content.delta", "item.completed"]
    assert events[1].payload.delta == "All of it"


def test_an_id_that_comes_again_is_another_item() -> None:
    talk = Talk()
    first = talk.start("agentMessage", "same")[0].item_id
    talk.complete("agentMessage", "same")
    assert talk.complete("agentMessage", "same") == []
    second = talk.start("agentMessage", "same")[0].item_id
    assert first != second
    assert types(talk.complete("agentMessage", "same")) == ["item.completed"]


def test_an_open_item_that_starts_again_is_updated() -> None:
    talk = Talk()
    talk.start("commandExecution", "c", command="ls")
    assert types(talk.start("commandExecution", "c", command="ls -l")) == ["item.updated"]


@pytest.mark.parametrize("id_", [None, "", "  ", 7])
def test_an_item_without_an_id_says_nothing(id_: Any) -> None:
    talk = Talk()
    assert talk.start("agentMessage", id_) == []
    assert talk.complete("agentMessage", id_) == []
    assert talk.say("item/agentMessage/delta", itemId=id_, delta="x") == []


def test_a_delta_of_an_item_that_never_started_starts_it() -> None:
    events = Talk().say("item/reasoning/textDelta", itemId="r", delta="hm", contentIndex=1)
    assert types(events) == ["item.started", "content.delta"]
    assert events[0].payload.item_type == "reasoning"
    assert events[1].payload.content_index == 1


def test_a_delta_that_is_no_text_or_comes_too_late_says_nothing() -> None:
    talk = Talk()
    assert talk.say("item/agentMessage/delta", itemId="m", delta=7) == []
    talk.complete("agentMessage", "m")
    assert talk.say("item/agentMessage/delta", itemId="m", delta="late") == []


def test_summary_parts_keep_their_index_and_half_emoji_are_joined() -> None:
    talk = Talk()
    talk.start("reasoning", "r")

    def part(index: int, words: str) -> list[Any]:
        method = "item/reasoning/summaryTextDelta"
        return talk.say(method, itemId="r", delta=words, summaryIndex=index)

    assert part(0, "a\ud83d")[0].payload.delta == "a"
    assert part(0, "\ude00")[0].payload.delta == "\U0001f600"
    part(0, "\ud83d")
    events = part(1, "b")
    assert [(e.payload.summary_index, e.payload.delta) for e in events] == [(0, "\ufffd"), (1, "b")]
    part(1, "\ud83d")
    assert types(talk.complete("reasoning", "r")) == ["content.delta", "item.completed"]


def test_output_that_was_streamed_whole_is_not_said_again() -> None:
    talk = Talk()
    talk.start("commandExecution", "c", command="x")
    talk.say("item/commandExecution/outputDelta", itemId="c", delta="ab")
    done = only(talk.complete("commandExecution", "c", command="x", aggregatedOutput="ab"))
    assert "aggregatedOutput" not in done.data


def test_output_of_which_pieces_were_left_out_is_said_whole() -> None:
    talk = Talk()
    talk.start("commandExecution", "c")
    talk.say("item/commandExecution/outputDelta", itemId="c", delta="b")
    done = only(talk.complete("commandExecution", "c", aggregatedOutput="ab"))
    assert done.data == {"aggregatedOutput": "ab"}


def test_a_change_is_updated_and_a_terminal_shows_its_input() -> None:
    talk = Talk()
    talk.start("fileChange", "f", changes=[{"path": "a"}])
    changes = [{"path": "a", "diff": "+x", "kind": {"type": "add"}}]
    updated = only(talk.say("item/fileChange/patchUpdated", itemId="f", changes=changes))
    assert updated.data == {"changes": changes}
    assert talk.say("item/fileChange/patchUpdated", itemId="none", changes=changes) == []
    output = only(talk.say("item/fileChange/outputDelta", itemId="f", delta="ok"))
    assert output.stream_kind == "file_change_output"
    talk.start("commandExecution", "c")
    said = talk.say("item/commandExecution/terminalInteraction", itemId="c", stdin="y\n")
    assert only(said).data == {"stdin": "y\n"}


def test_what_belongs_to_an_ended_turn_says_nothing() -> None:
    talk = Talk()
    talk.start("agentMessage", "m")
    ends = talk.end("interrupted")
    assert "item.completed" in types(ends)
    assert talk.start("agentMessage", "late") == []
    assert talk.complete("agentMessage", "m") == []
    talk.begin("turn-b")
    assert talk.say("item/agentMessage/delta", itemId="m", delta="x", turnId=TURN) == []
    assert talk.say("item/agentMessage/delta", itemId="m", delta="x", turnId="turn-b") == []


def test_half_a_character_is_shown_when_the_turn_ends() -> None:
    talk = Talk()
    talk.say("item/agentMessage/delta", itemId="m", delta="\ud83d")
    assert types(talk.end())[0] == "content.delta"


def test_items_that_never_end_are_bounded() -> None:
    talk = Talk()
    for number in range(OPEN_ITEMS):
        talk.start("agentMessage", f"m{number}")
    events = talk.start("agentMessage", "one more")
    assert types(events) == ["item.completed", "item.started"]


def test_remembered_items_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CLOSED_ITEMS", 2)
    talk = Talk()
    for number in range(4):
        talk.complete("agentMessage", f"m{number}", text="x")
    assert len(talk.mapping._items._closed) == 2


def test_a_proposed_plan_is_said_as_one() -> None:
    talk = Talk()
    talk.start("plan", "p", text="")
    assert only(talk.say("item/plan/delta", itemId="p", delta="# P")).delta == "# P"
    assert talk.say("item/plan/delta", itemId="p", delta="") == []
    events = talk.complete("plan", "p", text="# Plan")
    assert types(events) == ["item.completed", "turn.proposed.completed"]
    assert events[1].payload.plan_markdown == "# Plan"
    assert types(talk.complete("plan", "q", text=" ")) == ["item.started", "item.completed"]


def test_a_compaction_is_a_state_of_the_thread() -> None:
    events = Talk().complete("contextCompaction", "x")
    assert types(events)[-1] == "thread.state.changed"
    assert events[-1].payload.state == "compacted"


@pytest.mark.parametrize(
    ("item", "type_", "title", "detail"),
    [
        (
            {"type": "commandExecution", "command": "bash -lc ls", "commandActions": []},
            "command_execution",
            "bash -lc ls",
            "bash -lc ls",
        ),
        (
            {"type": "commandExecution", "commandActions": [{"command": "a"}, {"command": "b\nc"}]},
            "command_execution",
            "a && b",
            "a && b\nc",
        ),
        ({"type": "commandExecution", "command": ["ls", 1]}, "command_execution", "ls 1", "ls 1"),
        ({"type": "commandExecution"}, "command_execution", None, None),
        (
            {"type": "fileChange", "changes": [{"path": "a"}, {"path": ""}, {"path": "b"}]},
            "file_change",
            None,
            "a\nb",
        ),
        (
            {"type": "mcpToolCall", "server": "s", "tool": "t", "error": {"message": "e"}},
            "mcp_tool_call",
            "s.t",
            "e",
        ),
        ({"type": "dynamicToolCall", "tool": "t"}, "dynamic_tool_call", "t", None),
        ({"type": "functionCallOutput", "name": "f"}, "dynamic_tool_call", "f", None),
        (
            {"type": "subAgentActivity", "kind": "started", "agentPath": "/a"},
            "collab_agent_tool_call",
            "started",
            "/a",
        ),
        ({"type": "webSearch", "query": "q"}, "web_search", None, "q"),
        ({"type": "imageView", "path": "/p"}, "image_view", None, "/p"),
        ({"type": "imageGeneration"}, "dynamic_tool_call", "Image generation", None),
        ({"type": "enteredReviewMode", "review": "r"}, "review_entered", None, "r"),
        ({"type": "exitedReviewMode", "review": "r"}, "review_exited", None, "r"),
        (
            {"type": "userMessage", "content": [{"type": "text", "text": "a"}, {"type": "image"}]},
            "user_message",
            None,
            "a",
        ),
        (
            {"type": "hookPrompt", "fragments": [{"text": "x"}, {"text": "y"}]},
            "unknown",
            "Hook prompt",
            "x\ny",
        ),
        ({"type": "sleep", "durationMs": 1}, "unknown", "Sleep", None),
        ({"type": "brand new"}, "unknown", None, None),
        ({}, "unknown", None, None),
    ],
)
def test_every_kind_of_item_has_a_type(
    item: dict[str, Any], type_: str, title: str | None, detail: str | None
) -> None:
    facts = facts_of(item)
    assert (facts.item_type, facts.title, facts.detail) == (type_, title, detail)


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("completed", "completed"),
        ("failed", "failed"),
        ("declined", "declined"),
        ("interrupted", "failed"),
        (None, "completed"),
        ({}, "completed"),
    ],
)
def test_every_status_has_one_of_ours(status: Any, ours: str) -> None:
    assert facts_of({"type": "commandExecution", "status": status}).status == ours


def test_only_texts_are_texts() -> None:
    assert full_text({"type": "agentMessage", "text": 7}) == ""
    assert full_text({"type": "reasoning", "text": "x"}) == ""
    assert full_text({"type": "plan", "text": "x"}) == "x"


def test_what_the_user_sent_is_not_said_again() -> None:
    image = {"type": "image", "url": "data:image/png;base64,AAAA"}
    item = {"type": "userMessage", "content": [{"type": "text", "text": "look"}, image]}
    assert facts_of(item).data is None


def test_an_unknown_method_of_an_item_says_nothing() -> None:
    assert Talk().say("item/brandNew", itemId="x") == []
    assert MAIN
