"""The session's own words: openings, turns, errors, usage, limits, raw messages."""

from typing import Any

import pytest

from sidecar.core.conversation import Ending
from sidecar.providers.codex.mapping import ending_of, in_words
from sidecar.providers.codex.mapping.stops import kind_of
from sidecar.providers.codex.mapping.usage import TurnMeter, of_thread, rate_limits
from tests.providers.codex.talk import CHILD, MAIN, TURN, Talk, only, types


def breakdown(total: int, cached: int = 0) -> dict[str, int]:
    return {"totalTokens": total, "inputTokens": total - 1, "cachedInputTokens": cached}


def test_an_opening_says_what_is_open() -> None:
    talk = Talk(in_turn=False)
    account = {"type": "chatgpt", "planType": "pro"}
    events = talk.take(talk.mapping.started("x", {"model": "m"}, account, resumed=True))
    assert types(events) == [
        "session.started",
        "thread.started",
        "session.configured",
        "account.updated",
    ], "ready was said before"
    assert events[0].payload.resume == {"threadId": "x"}
    assert events[3].payload.account == account


def test_a_turn_has_codexs_id_and_begins_once() -> None:
    talk = Talk(in_turn=False)
    events = talk.take(talk.mapping.begin_turn({"id": "t"}, "m", "high"))
    assert events[0].turn_id == "t"
    assert (events[0].payload.model, events[0].payload.effort) == ("m", "high")
    assert talk.begin("t") == []
    talk.end()
    assert talk.begin("t") == []
    assert talk.take(talk.mapping.begin_turn({})) == []
    assert talk.end() == []


def test_a_turns_usage_is_what_it_has_added() -> None:
    talk = Talk()
    for total in (breakdown(120), breakdown(240, 20)):
        usage = {"last": breakdown(120), "total": total, "modelContextWindow": 1000}
        said = only(talk.say("thread/tokenUsage/updated", tokenUsage=usage, turnId=TURN))
        assert said.usage.used_tokens == 120
        assert said.usage.max_tokens == 1000
    assert said.usage.total_processed_tokens == 240
    completed = talk.end()[0].payload
    assert completed.usage == {"totalTokens": 240, "inputTokens": 239, "cachedInputTokens": 20}
    talk.begin("next")
    assert talk.end()[0].payload.usage is None


@pytest.mark.parametrize(
    "usage", [None, {}, {"last": {"totalTokens": 0}}, {"last": {"totalTokens": -1}}]
)
def test_usage_that_says_nothing_is_not_said(usage: Any) -> None:
    assert Talk().say("thread/tokenUsage/updated", tokenUsage=usage) == []
    assert of_thread(usage) is None


def test_usage_between_turns_is_said_and_counts_for_none() -> None:
    talk = Talk(in_turn=False)
    usage = {"last": breakdown(5), "total": breakdown(5)}
    assert len(talk.say("thread/tokenUsage/updated", tokenUsage=usage)) == 1
    talk.begin()
    assert talk.end()[0].payload.usage is None


def test_a_meter_without_figures_has_used_nothing() -> None:
    meter = TurnMeter()
    meter.add("rubbish")
    assert meter.take() is None


def test_rate_limits_are_said_when_they_change() -> None:
    talk = Talk()
    empty = {"limitId": "codex", "primary": None}
    assert talk.say("account/rateLimits/updated", None, rateLimits=empty) == []
    full = {"limitId": "codex", "primary": {"usedPercent": 12}}
    events = talk.say("account/rateLimits/updated", None, rateLimits=full)
    assert only(events).rate_limits == full
    assert talk.say("account/rateLimits/updated", None, rateLimits=full) == []
    assert rate_limits(None) is None


def test_an_error_that_is_retried_is_a_warning() -> None:
    error = {
        "message": "Reconnecting... 1/1",
        "additionalDetails": "refused",
        "codexErrorInfo": {"responseStreamDisconnected": {}},
    }
    payload = only(Talk().say("error", error=error, willRetry=True))
    assert payload.message == "Reconnecting... 1/1: refused"
    assert payload.detail == {"kind": "responseStreamDisconnected", "willRetry": True}


def test_an_error_that_is_not_retried_is_an_error() -> None:
    events = Talk().say("error", CHILD, error={"message": "no"}, willRetry=False)
    assert types(events) == ["runtime.error"]
    assert events[0].payload.detail == {"kind": "provider-error", "agentId": CHILD}


def test_an_error_of_an_ended_turn_says_nothing() -> None:
    talk = Talk()
    talk.end()
    assert talk.say("error", error={"message": "x"}, willRetry=True, turnId=TURN) == []


@pytest.mark.parametrize(
    ("turn", "ending"),
    [
        ({"status": "completed"}, Ending("completed", "completed")),
        ({"status": "interrupted", "error": None}, Ending("interrupted", "interrupted")),
        (
            {"status": "failed", "error": {"message": "m", "codexErrorInfo": "usageLimitExceeded"}},
            Ending("failed", "usageLimitExceeded", error_message="m"),
        ),
        ({"status": "failed"}, Ending("failed", "failed", error_message="Codex gave no reason")),
        (
            {"status": "odd"},
            Ending("failed", "odd", error_message="Codex ended the turn with the status odd"),
        ),
        (None, Ending("failed", error_message="Codex ended the turn with the status None")),
    ],
)
def test_a_turn_ends_as_codex_says(turn: Any, ending: Ending) -> None:
    assert ending_of(turn) == ending


def test_an_error_in_words_repeats_nothing() -> None:
    assert in_words({"message": "a: b", "additionalDetails": "b"}) == "a: b"
    assert in_words(None) == "Codex gave no reason"


@pytest.mark.parametrize(
    ("info", "kind"),
    [
        ("unauthorized", "unauthorized"),
        ("other", None),
        ({"httpConnectionFailed": {}}, "httpConnectionFailed"),
        ({}, None),
        (7, None),
        (None, None),
    ],
)
def test_every_error_has_a_kind_or_none(info: Any, kind: str | None) -> None:
    assert kind_of({"codexErrorInfo": info}) == kind


def test_raw_shows_the_message_once_and_deltas_only_when_all_is_asked_for() -> None:
    for raw, shown in (("none", 0), ("state", 1), ("all", 1)):
        talk = Talk(raw)
        events = talk.start("agentMessage", "m")
        assert sum(event.raw is not None for event in events) == shown
        delta = talk.say("item/agentMessage/delta", itemId="m", delta="x")
        assert (delta[0].raw is not None) is (raw == "all")
        last = events[0].raw
        assert last is None or last.source == "codex.app-server.notification"


def test_cancelled_requests_are_told_apart() -> None:
    talk = Talk()
    first, _ = talk.ask("item/fileChange/requestApproval")
    assert types(talk.take(talk.mapping.cancelled(first)))[0] == "request.resolved"
    assert talk.mapping.open_asks(MAIN) == []
