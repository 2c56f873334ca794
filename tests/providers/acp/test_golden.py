"""Every recorded exchange gives its committed events, balanced and valid."""

import json
from pathlib import Path

import pytest

from tests.providers.acp.replay import GOLDEN, Replay, canonical, golden_of, recordings
from tests.providers.balance import Balance
from tests.providers.context import strict


def test_there_are_recordings_and_each_has_its_events() -> None:
    assert len(recordings()) == 26
    assert {golden_of(path) for path in recordings()} == set(
        recordings()[0].parent.glob("*" + GOLDEN)
    )


@pytest.mark.parametrize("recording", recordings(), ids=lambda path: path.stem)
def test_a_recording_gives_its_events(recording: Path) -> None:
    replay = Replay()
    drafts = replay.run(recording)
    assert canonical(drafts) == golden_of(recording).read_text(encoding="utf-8"), (
        "if the change is meant: python -m tests.providers.acp.replay --update-golden"
    )


@pytest.mark.parametrize("recording", recordings(), ids=lambda path: path.stem)
@pytest.mark.parametrize("raw", ["none", "state", "all"])
def test_a_recording_is_balanced(recording: Path, raw: str) -> None:
    replay, balance = Replay(raw), Balance()
    for draft in replay.run(recording):
        event = strict(draft)
        balance.apply(event)
        if raw == "none" or (raw == "state" and draft.type == "content.delta"):
            assert event.raw is None
    assert balance.turn == replay.conversation.turn_id
    assert set(balance.items) == set(replay.conversation.items)
    assert set(balance.requests) == set(replay.conversation.requests)
    assert balance.closed() is not _cut(recording)


@pytest.mark.parametrize("raw", ["state", "all"])
def test_raw_shows_each_message_once(raw: str) -> None:
    drafts = Replay(raw).run(next(p for p in recordings() if p.stem == "gemini-tool-accepted"))
    shown = [draft.raw for draft in drafts if draft.raw]
    methods = [message.method for message in shown]
    assert methods.count("session/request_permission") == 1
    assert methods.count("session/prompt") == 1
    chunks = sum(m.message_type == "agent_message_chunk" for m in shown)
    assert chunks == (3 if raw == "all" else 1), "a chunk that starts an item shows state"
    assert {message.source for message in shown} == {"acp.jsonrpc"}


def _cut(recording: Path) -> bool:
    """Tell whether the recording ends with a prompt unanswered."""
    rows = [json.loads(line) for line in recording.read_text(encoding="utf-8").splitlines()]
    asked = {r["msg"]["id"] for r in rows if r["msg"].get("method") == "session/prompt"}
    answered = {r["msg"].get("id") for r in rows if r["dir"] == "out" and "method" not in r["msg"]}
    return bool(asked - answered)
