"""What the agent says and thinks: chunks to items and deltas."""

from typing import Any

import pytest

from sidecar.providers.acp.mapping.content import block_text
from tests.providers.acp.talk import Talk, types


def test_chunks_of_one_speaker_stream_into_one_item() -> None:
    talk = Talk()
    assert types(talk.say("a")) == ["item.started", "content.delta"]
    (second,) = talk.say("b")
    assert (second.payload.stream_kind, second.payload.delta) == ("assistant_text", "b")


def test_a_change_of_speaker_ends_the_item() -> None:
    talk = Talk()
    talk.say("a", "agent_thought_chunk")
    events = talk.say("b")
    assert types(events) == ["item.completed", "item.started", "content.delta"]
    assert [e.payload.item_type for e in events[:2]] == ["reasoning", "assistant_message"]


def test_a_change_of_message_id_ends_the_item() -> None:
    talk = Talk()
    talk.say("a", messageId="m1")
    assert types(talk.say("b", messageId="m1")) == ["content.delta"]
    assert types(talk.say("c", messageId="m2"))[0] == "item.completed"


def test_a_tool_call_ends_the_text_before_it() -> None:
    talk = Talk()
    talk.say("a")
    assert types(talk.call(kind="read")) == ["item.completed", "item.started"]


def test_the_echo_of_the_users_words_says_nothing() -> None:
    assert Talk().say("hello", "user_message_chunk") == []


@pytest.mark.parametrize("content", [None, "text", {"type": "text", "text": ""}, {"type": "text"}])
def test_an_empty_chunk_says_nothing(content: Any) -> None:
    assert Talk().update("agent_message_chunk", content=content) == []


def test_an_emoji_cut_in_two_is_one_character() -> None:
    talk = Talk()
    assert types(talk.say("\ud83d")) == ["item.started"]
    (delta,) = talk.say("\ude00!")
    assert delta.payload.delta == "\U0001f600!"


def test_half_an_emoji_at_the_end_becomes_a_replacement_character() -> None:
    talk = Talk()
    talk.say("\ud83d")
    events = talk.end()
    assert events[0].payload.delta == "\ufffd"
    assert types(events)[1:3] == ["item.completed", "turn.completed"]


def test_a_picture_in_the_answer_becomes_data_of_its_item() -> None:
    picture = {"type": "image", "mimeType": "image/png", "data": "AA=="}
    events = Talk().update("agent_message_chunk", content=picture)
    assert types(events) == ["item.started", "item.updated"]
    assert events[1].payload.data == {"content": [picture]}


def test_cut_text_fails_with_its_turn() -> None:
    talk = Talk()
    talk.say("half a sen")
    assert talk.end("failed")[0].payload.status == "failed"


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "text", "text": "a"}, "a"),
        ({"type": "resource", "resource": {"text": "b"}}, "b"),
        ({"type": "resource", "resource": {"blob": "b"}}, ""),
        ({"type": "resource_link", "uri": "file:///x", "name": "x"}, "[x](file:///x)"),
        ({"type": "resource_link", "uri": "file:///x"}, "[file:///x](file:///x)"),
        ({"type": "resource_link"}, ""),
        ({"type": "image"}, ""),
        ("text", ""),
    ],
)
def test_what_of_a_block_is_text(block: Any, words: str) -> None:
    assert block_text(block) == words
