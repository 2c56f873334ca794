"""Text and thinking, streamed, told whole, cut, repeated and malformed."""

from typing import Any

import pytest

from sidecar.providers.claude.mapping import speech
from tests.providers.claude.talk import Talk, said_text, types

TEXT = {"type": "text", "text": ""}


def start(talk: Talk, index: int = 0, block: Any = None, parent: Any = None) -> list[Any]:
    return talk.stream("content_block_start", parent, index=index, content_block=block or TEXT)


def delta(talk: Talk, words: Any, index: Any = 0, parent: Any = None) -> list[Any]:
    return talk.stream(
        "content_block_delta", parent, index=index, delta={"type": "text_delta", "text": words}
    )


def message(talk: Talk, id_: Any = "msg") -> list[Any]:
    return talk.stream("message_start", message={"id": id_})


def test_a_streamed_block_is_one_item_and_its_repetition_says_nothing() -> None:
    talk = Talk()
    message(talk)
    assert start(talk) == []
    assert types(delta(talk, "Hel")) == ["item.started", "content.delta"]
    (more,) = delta(talk, "lo")
    assert more.payload.stream_kind == "assistant_text"
    told = talk.assistant({"type": "text", "text": "Hello"})
    assert types(told) == ["item.completed"]
    assert talk.stream("content_block_stop", index=0) == []
    assert told[0].provider_refs is not None
    assert told[0].provider_refs.provider_item_id == "msg"


def test_thinking_is_reasoning() -> None:
    talk = Talk()
    message(talk)
    start(talk, block={"type": "thinking", "thinking": "Let "})
    events = talk.stream(
        "content_block_delta", index=0, delta={"type": "thinking_delta", "thinking": "me"}
    )
    assert events[0].payload.stream_kind == "reasoning_text"
    signature = {"type": "signature_delta", "signature": "x"}
    assert talk.stream("content_block_delta", index=0, delta=signature) == []
    told = talk.assistant({"type": "thinking", "thinking": "Let me"})
    assert types(told) == ["item.completed"]
    assert told[0].payload.item_type == "reasoning"


def test_a_block_that_stops_before_it_is_told_is_complete() -> None:
    talk = Talk()
    message(talk)
    delta(talk, "a")
    assert types(talk.stream("content_block_stop", index=0)) == ["item.completed"]
    assert talk.stream("content_block_stop", index=7) == []
    assert talk.assistant({"type": "text", "text": "a"}) == []


def test_what_the_stream_has_missed_is_said() -> None:
    talk = Talk()
    message(talk)
    delta(talk, "Hel")
    events = talk.assistant({"type": "text", "text": "Hello"})
    assert types(events) == ["content.delta", "item.completed"]
    assert said_text(events) == "lo"


def test_without_partial_messages_whole_blocks_are_items() -> None:
    talk = Talk()
    events = talk.assistant({"type": "text", "text": "one"}, {"type": "text", "text": "two"})
    assert types(events) == ["item.started", "content.delta", "item.completed"] * 2
    assert len({e.item_id for e in events}) == 2
    assert types(talk.assistant({"type": "text", "text": "three"}))[0] == "item.started"


def test_a_stream_that_broke_is_told_anew_by_another_message() -> None:
    talk = Talk()
    message(talk, "first")
    delta(talk, "Hello ")
    events = talk.assistant({"type": "text", "text": "Hello you"}, id="second")
    assert types(events) == ["item.completed", "item.started", "content.delta", "item.completed"]
    assert said_text(events) == "Hello you"


def test_an_emoji_cut_in_two_is_joined() -> None:
    talk = Talk()
    message(talk)
    assert delta(talk, "\ud83d") == []
    assert said_text(delta(talk, "\ude00")) == "😀"
    delta(talk, "x\ud83d")
    assert said_text(talk.assistant({"type": "text", "text": "😀x😀"})) == "😀"


def test_half_an_emoji_at_the_end_of_a_turn_is_replaced() -> None:
    talk = Talk()
    message(talk)
    delta(talk, "a\ud83d")
    assert said_text(talk.end()) == "�"


def test_a_new_block_at_a_known_place_is_another_item() -> None:
    talk = Talk()
    message(talk)
    first = delta(talk, "a")
    thought = {"type": "thinking_delta", "thinking": "b"}
    second = talk.stream("content_block_delta", index=0, delta=thought)
    assert first[0].item_id != second[0].item_id


@pytest.mark.parametrize(
    "event",
    [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "citations_delta"}},
        {"type": "content_block_delta", "index": 0, "delta": 7},
        {"type": "content_block_delta", "index": "0", "delta": {"type": "text_delta"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "redacted"}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": 7}},
        {"type": "ping"},
        {},
    ],
)
def test_events_that_say_nothing_make_nothing(event: dict[str, Any]) -> None:
    assert Talk().said("stream_event", event=event) == []


@pytest.mark.parametrize("content", [[{"type": "text"}], [{"type": "image"}], ["x"], 7, None])
def test_messages_that_say_nothing_make_nothing(content: Any) -> None:
    assert Talk().said("assistant", message={"id": "m", "content": content}) == []


def test_the_message_behind_an_api_error_is_left_to_the_result() -> None:
    said = Talk().assistant({"type": "text", "text": "API Error"}, error="server_error")
    assert said == []


def test_a_sub_agents_words_are_its_own() -> None:
    talk = Talk()
    message(talk)
    delta(talk, "main")
    started, _, _ = talk.assistant({"type": "text", "text": "sub"}, parent="agent-call")
    assert started.payload.parent_tool_use_id == "agent-call"
    assert types(talk.assistant({"type": "text", "text": "main"})) == ["item.completed"]


def test_speakers_and_blocks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "SPEAKERS", 2)
    monkeypatch.setattr(speech, "BLOCKS", 2)
    talk = Talk()
    for number in range(5):
        talk.assistant({"type": "text", "text": "x"}, parent=f"p{number}")
    for number in range(5):
        delta(talk, "y", index=number)
    assert len(talk.mapping._speech._talks) == 2
