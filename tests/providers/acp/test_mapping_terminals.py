"""The output of a terminal appears in the item whose tool call shows it."""

import pytest

from sidecar.providers.acp.mapping import terminals as module
from tests.providers.acp.talk import Talk, types


def terminal(terminal_id: str = "t") -> list[dict[str, str]]:
    return [{"type": "terminal", "terminalId": terminal_id}]


def said(talk: Talk, text: str, terminal_id: str = "t") -> str:
    events = talk.take(talk.mapping.terminals.add(terminal_id, text))
    return "".join(event.payload.delta for event in events)


def test_what_was_said_before_the_call_shows_it_is_not_lost() -> None:
    talk = Talk()
    talk.mapping.terminals.open("t")
    assert said(talk, "before ") == ""
    events = talk.call(kind="execute", content=terminal())
    assert types(events) == ["item.started", "content.delta"]
    assert events[1].payload.delta == "before "
    assert said(talk, "after") == "after"


def test_a_terminal_may_be_shown_by_an_update_and_ends_with_its_call() -> None:
    talk = Talk()
    talk.mapping.terminals.open("t")
    talk.call(kind="execute")
    said(talk, "a")
    assert types(talk.advance(content=terminal())) == ["item.updated", "content.delta"]
    assert talk.advance(status="completed", content=terminal())[-1].type == "item.completed"
    assert said(talk, "too late") == ""


def test_a_terminal_that_is_shown_by_the_last_word_of_its_call_is_shown_before_its_end() -> None:
    talk = Talk()
    talk.mapping.terminals.open("t")
    said(talk, "all of it")
    talk.call(kind="execute")
    events = talk.advance(status="completed", content=terminal())
    assert types(events) == ["content.delta", "item.completed"]


def test_only_the_first_item_shows_a_terminal_and_unknown_ones_are_nothing() -> None:
    talk = Talk()
    talk.mapping.terminals.open("t")
    talk.call("one", content=terminal())
    talk.call("two", content=[*terminal(), *terminal("other"), {"type": "terminal"}])
    (event,) = talk.take(talk.mapping.terminals.add("t", "x"))
    assert event.item_id == "item-1"
    assert said(talk, "x", "other") == ""


def test_a_released_terminal_says_no_more() -> None:
    talk = Talk()
    talk.mapping.terminals.open("t")
    talk.call(content=terminal())
    talk.mapping.terminals.forget("t")
    talk.mapping.terminals.forget("t")
    assert said(talk, "x") == ""


def test_what_is_held_and_shown_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HELD_CHARS", 4)
    monkeypatch.setattr(module, "SHOWN_CHARS", 6)
    monkeypatch.setattr(module, "TERMINALS", 1)
    talk = Talk()
    talk.mapping.terminals.open("forgotten")
    talk.mapping.terminals.open("t")
    assert said(talk, "x", "forgotten") == ""
    said(talk, "0123456789")
    assert talk.call(content=terminal())[1].payload.delta == "6789"
    assert said(talk, "abcdef") == "ab"
    assert said(talk, "ghi") == ""
