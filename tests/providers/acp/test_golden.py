"""What `raw` adds to recorded exchanges; the events themselves are held by ../test_golden.py."""

import pytest

from tests.providers.acp.replay import Replay
from tests.providers.balance import Balance
from tests.providers.context import strict
from tests.support import golden


@pytest.mark.parametrize("scenario", golden.scenarios("acp"))
@pytest.mark.parametrize("raw", ["state", "all"])
def test_raw_changes_no_balance(scenario: str, raw: str) -> None:
    replay, balance = Replay(raw), Balance()
    for draft in replay.run(golden.lines_of("acp", scenario)):
        event = strict(draft)
        balance.apply(event)
        if raw == "state" and draft.type == "content.delta":
            assert event.raw is None
    assert balance.turn == replay.conversation.turn_id
    assert set(balance.items) == set(replay.conversation.items)
    assert set(balance.requests) == set(replay.conversation.requests)


def test_there_is_no_raw_unless_asked_for() -> None:
    drafts = Replay().run(golden.lines_of("acp", "gemini-tool-accepted"))
    assert [draft for draft in drafts if draft.raw] == []


@pytest.mark.parametrize("raw", ["state", "all"])
def test_raw_shows_each_message_once(raw: str) -> None:
    drafts = Replay(raw).run(golden.lines_of("acp", "gemini-tool-accepted"))
    shown = [draft.raw for draft in drafts if draft.raw]
    methods = [message.method for message in shown]
    assert methods.count("session/request_permission") == 1
    assert methods.count("session/prompt") == 1
    chunks = sum(m.message_type == "agent_message_chunk" for m in shown)
    assert chunks == (3 if raw == "all" else 1), "a chunk that starts an item shows state"
    assert {message.source for message in shown} == {"acp.jsonrpc"}
