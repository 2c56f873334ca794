"""Texts and reasoning: streamed once, whole at their end, whatever was lost between."""

from typing import Any

import pytest

from sidecar.providers.opencode.mapping import messages
from tests.providers.opencode.talk import ENDED, TIME, Talk, text_of, types


def test_a_text_is_streamed_and_completed() -> None:
    talk = Talk()
    assert talk.part(text="", time=TIME) == []
    events = talk.delta("Hel") + talk.delta("lo") + talk.part(text="Hello", time=ENDED)
    assert types(events) == ["item.started", "content.delta", "content.delta", "item.completed"]
    assert text_of(events) == "Hello"
    assert events[0].payload.item_type == "assistant_message"


def test_reasoning_is_a_stream_of_its_own() -> None:
    talk = Talk()
    talk.part(type="reasoning", text="", time=TIME)
    events = talk.delta("hm")
    assert text_of(events, "reasoning_text") == "hm"
    assert events[0].payload.item_type == "reasoning"


def test_a_whole_text_shows_only_what_was_not_shown() -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    talk.delta("Hel")
    assert text_of(talk.part(text="Hello", time=ENDED)) == "lo"


def test_lost_deltas_are_made_good_by_the_whole_text() -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    shown = text_of(talk.delta("One "))
    talk.mapping.messages.lost()
    shown += text_of(talk.delta("three "))
    shown += text_of(talk.part(text="One two three ", time=ENDED))
    assert shown == "One two three "


def test_a_text_whose_beginning_was_lost_comes_whole() -> None:
    talk = Talk()
    assert talk.delta("lo") == []
    assert text_of(talk.part(text="Hello", time=ENDED)) == "Hello"


def test_a_text_that_was_rewritten_is_not_said_twice() -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    talk.delta("Hello")
    events = talk.part(text="Other words", time=ENDED)
    assert types(events) == ["item.completed"]


def test_an_emoji_cut_in_two_is_joined() -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    assert talk.delta("\ud83d") == []
    assert text_of(talk.delta("\ude00")) == "\U0001f600"


def test_half_an_emoji_at_the_end_is_shown_as_what_it_is() -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    talk.delta("\ud83d")
    assert text_of(talk.part(text="\ud83d", time=ENDED)) == "\ufffd"
    talk.part("prt_2", text="", time=TIME)
    talk.delta("\ud83d", "prt_2")
    assert text_of(talk.end()) == "\ufffd"


@pytest.mark.parametrize(
    "part",
    [
        {"text": "", "time": ENDED},
        {"text": 7, "time": TIME},
        {"text": "seen", "ignored": True},
        {"type": "step-start"},
        {"type": "compaction", "auto": True},
        {"part_id": None, "text": "x"},
        {"text": "x", "messageID": "msg_of_the_user"},
        {"text": "x", "messageID": None},
    ],
)
def test_what_says_nothing_makes_nothing(part: dict[str, Any]) -> None:
    assert Talk().part(**part) == []


@pytest.mark.parametrize(
    "delta",
    [
        {"delta": 7},
        {"delta": "x", "field": "metadata"},
        {"delta": "x", "part_id": 3},
        {"delta": ""},
    ],
)
def test_a_strange_delta_makes_nothing(delta: dict[str, Any]) -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    assert talk.delta(**delta) == []


def test_what_the_user_says_is_not_repeated() -> None:
    talk = Talk()
    talk.message("msg_user", role="user")
    assert talk.part(messageID="msg_user", text="hi", time=ENDED) == []


@pytest.mark.parametrize("message_id", [None, 7])
def test_a_message_without_an_id_is_nothing(message_id: Any) -> None:
    assert Talk().message(message_id) == []


def test_what_comes_behind_the_end_of_a_turn_is_dropped() -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    talk.delta("Hel")
    talk.end("interrupted")
    assert talk.delta("lo") + talk.part(text="Hello", time=ENDED) + talk.message() == []
    talk.take(talk.mapping.begin_turn("next"))
    assert talk.done(error={"name": "MessageAbortedError"}) == []
    assert talk.part(text="Hello", time=ENDED) == []
    assert not talk.mapping.turn.aborted


def test_a_text_that_is_tried_again_begins_anew() -> None:
    talk = Talk()
    talk.part(text="", time=TIME)
    talk.delta("Hel")
    events = talk.say("session.status", status={"type": "retry", "attempt": 1, "message": "no"})
    assert types(events) == ["item.completed", "runtime.warning"]
    assert events[0].payload.status == "failed"
    assert events[1].payload.detail == {"kind": "retry", "attempt": 1, "next": None}


def test_parts_and_messages_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "PARTS", 2)
    monkeypatch.setattr(messages, "MESSAGES", 2)
    talk = Talk()
    for number in range(3):
        talk.message(f"msg_{number}")
        talk.part(f"prt_{number}", text="", time=TIME, messageID=f"msg_{number}")
    assert talk.delta("gone", "prt_0") == []
    assert text_of(talk.delta("here", "prt_2")) == "here"
    assert not talk.mapping.messages.knows("msg_0")
