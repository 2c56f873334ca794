"""Every recorded exchange gives its committed events, which keep every promise to a client."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from sidecar.contract.events import decode_event
from tests.providers.balance import Balance
from tests.support import golden
from tests.support.events_table import problems
from tests.support.received import Received
from tests.support.streams import assert_balanced

RECORDED = {"acp": 26, "agentsdk": 8, "claude": 30, "codex": 29, "opencode": 20}
ALL = [(family, name) for family in golden.families() for name in golden.scenarios(family)]

each_recording = pytest.mark.parametrize(
    ("family", "scenario"), ALL, ids=[f"{family}-{name}" for family, name in ALL]
)


def test_there_are_recordings_and_each_has_its_events() -> None:
    assert Counter(family for family, _ in ALL) == RECORDED
    committed = {path for path in golden.GOLDEN.rglob("*") if path.is_file()}
    assert committed == {golden.golden_file(family, name) for family, name in ALL}


@each_recording
def test_a_recording_gives_its_events_and_keeps_every_promise(family: str, scenario: str) -> None:
    events = golden.replay_of(family)(golden.lines_of(family, scenario))
    _keeps_every_promise(events)
    committed = golden.golden_file(family, scenario).read_bytes()
    assert golden.canonical(events) == committed, (
        f"if the change is meant: python -m tests.support.golden --write {family}"
    )


def _keeps_every_promise(events: list[dict[str, Any]]) -> None:
    assert [problem for event in events for problem in problems(event)] == []
    assert_balanced([Received(n, event, b"", 0.0) for n, event in enumerate(events)])
    balance = Balance()
    for event in events:
        balance.apply(decode_event(event["type"], msgspec.msgpack.encode(event)))
    assert balance.closed()
    assert events[-1]["type"] == "session.exited"
