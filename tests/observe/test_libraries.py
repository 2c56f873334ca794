"""What libraries log is a record of ours, and never too many of them."""

import json
import logging

from sidecar.observe.libraries import PERIOD_S, RECORDS, LibraryHandler, libraries_log_to
from sidecar.observe.log import Log

ASYNCIO = logging.getLogger("asyncio")


def test_what_a_library_says_is_one_record_with_its_traceback() -> None:
    lines: list[str] = []
    with libraries_log_to(Log((lines.append,))):
        try:
            raise MemoryError
        except MemoryError:
            ASYNCIO.exception("Fatal read error on socket transport")
    (record,) = map(json.loads, lines)
    assert (record["level"], record["event"], record["library"]) == (
        "error",
        "library.said",
        "asyncio",
    )
    assert record["said"].startswith("Fatal read error on socket transport\nTraceback")


def test_a_storm_is_counted_and_told_later() -> None:
    lines: list[str] = []
    now = 0.0
    handler = LibraryHandler(Log((lines.append,)), lambda: now)
    record = logging.LogRecord("asyncio", logging.WARNING, "", 0, "no descriptor", None, None)
    for _ in range(RECORDS + 30):
        handler.emit(record)
    assert len(lines) == RECORDS
    now = PERIOD_S
    handler.emit(record)
    assert json.loads(lines[-1])["unsaid"] == 30
