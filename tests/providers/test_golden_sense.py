"""The committed events say what a person who was there would say of the recording, by its name.

test_golden.py holds the events to the byte; here stands, by hand, what they must mean. It reads the
committed files alone and runs no mapping: whoever writes them anew is asked here whether they make
sense.
"""

import json
import re
from typing import Any

import pytest

from tests.support import golden

ALL = [(family, name) for family in golden.families() for name in golden.scenarios(family)]

ENDS = (
    (r"(plain|think|-accepted|no-initialize|subagent(-tool)?)$|^write-", {"completed"}),
    (r"turn-while-busy|prompt-while-busy|(resume|resume-approval)-2$", {"completed"}),
    (r"err(or)?\d+$|missing-key|resume-bogus", {"failed"}),
    (r"kill-|(resume|resume-approval)-1$", {"failed"}),
    (r"(eof|term)-during-tool|term-mid-stream|sigint", {"interrupted"}),
)
"""What its name says → the state in which its last turn ends."""

CUT_SHORT = {
    ("acp", "gemini-error500"): "it still retried when the recording stopped",
    ("opencode", "error500"): "it still retried when the recording stopped",
}
NO_TURN = {
    ("acp", "gemini-resume-2"),
    ("acp", "gemini-resume-clean-2"),
    ("acp", "gemini-resume-bogus"),
}
"""The agent refused to load the conversation, so that no turn began."""

Events = list[dict[str, Any]]


@pytest.mark.parametrize(
    ("family", "scenario"), ALL, ids=[f"{family}-{name}" for family, name in ALL]
)
def test_the_events_mean_what_the_recording_is(family: str, scenario: str) -> None:
    events = committed(family, scenario)
    for holds in (_last_turn, _interrupted, _allowed, _streamed, _ended):
        holds(family, scenario, events)


def committed(family: str, scenario: str) -> Events:
    text = golden.golden_file(family, scenario).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def payloads(events: Events, type_: str) -> Events:
    return [event["payload"] for event in events if event["type"] == type_]


def _last_turn(family: str, scenario: str, events: Events) -> None:
    """It ends as the recording was meant to; a failure says why."""
    expected = [states for pattern, states in ENDS if re.search(pattern, scenario)]
    ends = payloads(events, "turn.completed")
    if (family, scenario) in NO_TURN:
        assert ends == []
    elif (family, scenario) in CUT_SHORT:
        assert ends[-1]["state"] == "interrupted"
    elif expected:
        assert ends[-1]["state"] in expected[0]
    assert all(end.get("errorMessage") for end in ends if end["state"] == "failed")


def _interrupted(family: str, scenario: str, events: Events) -> None:
    """An interrupted turn says so."""
    if re.search(r"interrupt|cancel$|cancel-", scenario):
        ends = payloads(events, "turn.completed")
        assert ends[0]["state"] == "interrupted"


def _allowed(family: str, scenario: str, events: Events) -> None:
    """What was allowed ran, what was not did not."""
    decisions = {payload["decision"] for payload in payloads(events, "request.resolved")}
    tools = {
        payload["status"]
        for payload in payloads(events, "item.completed")
        if payload["itemType"] in ("command_execution", "file_change")
    }
    if scenario.endswith("accepted"):
        assert decisions == {"accept"}
        assert tools <= {"completed", "failed"}
        assert tools
    elif scenario.endswith("declined"):
        assert decisions == {"decline"}
        assert tools == {"declined"}


def _streamed(family: str, scenario: str, events: Events) -> None:
    """What was streamed is there."""
    if scenario.endswith(("plain", "accepted", "subagent", "think")):
        deltas = payloads(events, "content.delta")
        text = "".join(d["delta"] for d in deltas if d["streamKind"] == "assistant_text")
        assert text.strip()
        if not scenario.startswith(("pyecho", "sdkexample")):  # these have no model behind them
            assert (
                "Hello from the fake model." in text or "The tool said:" in text or "Hello " in text
            )


def _ended(family: str, scenario: str, events: Events) -> None:
    """A killed agent is an error, a stopped one is none."""
    exited = events[-1]
    assert exited["type"] == "session.exited"
    killed = re.search(r"kill-|(resume|resume-approval)-1$", scenario)
    assert exited["payload"]["exitKind"] == ("error" if killed else "graceful")
