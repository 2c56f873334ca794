"""What session code says without credit is bounded: records are dropped, cursors wait."""

import asyncio
from typing import Any

from sidecar.contract.base import Json
from sidecar.core.lastwords import LINES_BURST
from sidecar.host.asides import CURSORS_BURST, RECORD_CHARS, Cursors, Records


class Clock:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


class Written:
    """Notes the records that came through."""

    def __init__(self) -> None:
        self.records: list[tuple[str, str, dict[str, Any]]] = []

    def __call__(self, level: str, event: str, **fields: Any) -> None:
        self.records.append((level, event, fields))


def test_records_beyond_the_budget_are_dropped_and_told_of_before_the_next() -> None:
    clock, written = Clock(), Written()
    records = Records(clock, written)
    for number in range(LINES_BURST + 50):
        records.take("info", "said", {"number": number})
    assert len(written.records) == LINES_BURST
    clock.now_s += 1
    records.take("error", "again", {})
    assert written.records[LINES_BURST:] == [
        ("warning", "session.log.dropped", {"records": 50}),
        ("error", "again", {}),
    ]
    records.tell_dropped()
    assert len(written.records) == LINES_BURST + 2, "told once"


def test_many_long_records_are_dropped_by_their_characters() -> None:
    written = Written()
    records = Records(Clock(), written)
    for _ in range(100):
        records.take("info", "said", {"nested": [{"text": "x" * 8_000}], "more": ("y", 1, None)})
    assert 10 < len(written.records) < 20
    records.tell_dropped()
    assert written.records[-1][1] == "session.log.dropped"


def test_of_a_record_that_is_too_long_the_log_has_its_name() -> None:
    written = Written()
    Records(Clock(), written).take("info", "huge", {"text": "x" * RECORD_CHARS})
    assert written.records == [("info", "huge", {"tooLongChars": RECORD_CHARS + 8})]


async def test_of_a_flood_of_cursors_the_newest_is_told(monkeypatch: Any) -> None:
    monkeypatch.setattr("sidecar.host.asides.CURSORS_PER_S", 200.0)
    told: list[Json] = []
    cursors = Cursors(Clock(), told.append)
    for number in range(CURSORS_BURST + 500):
        cursors.publish(number)
    assert told == list(range(CURSORS_BURST))
    async with asyncio.timeout(5):
        while len(told) == CURSORS_BURST:
            await asyncio.sleep(0.001)
    assert told[CURSORS_BURST:] == [CURSORS_BURST + 499]


async def test_a_cursor_that_waits_is_told_before_the_end_and_once() -> None:
    told: list[Json] = []
    cursors = Cursors(Clock(), told.append)
    for number in range(CURSORS_BURST + 2):
        cursors.publish(number)
    cursors.flush()
    cursors.flush()
    assert told == [*range(CURSORS_BURST), CURSORS_BURST + 1]
