import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.correlation import Correlation
from sidecar.observe.logview import Columns, Line, Wanted, printable, read_line

AT = "2026-11-22T10:00:00.123Z"


def line(**fields: Any) -> Line:
    record = {"at": AT, "level": "info", "role": "supervisor", "event": "x", **fields}
    return read_line(json.dumps(record), "")


def shown(*lines: Line) -> list[str]:
    columns = Columns()
    return [text for one in lines for text in columns.show(one)]


@pytest.mark.parametrize(
    ("wanted", "fields", "fits"),
    [
        (Wanted(), {}, True),
        (Wanted(Correlation("t1")), {}, False),
        (Wanted(Correlation("t1")), {"cid": "t1/3/turn-9"}, True),
        (Wanted(Correlation("t1", 3)), {"cid": "t1/4"}, False),
        (Wanted(Correlation(request="r")), {"cid": "t1/-/-/r"}, True),
        (Wanted(Correlation("t1", 2)), {"sessions": ["t0/1", "t1/2"]}, True),
        (Wanted(Correlation("t1", 1)), {"sessions": ["t0/1", "t1/2"]}, False),
        (Wanted(Correlation("t1")), {"sessions": "t1", "cid": 7}, False),
        (Wanted(level="warning"), {"level": "error"}, True),
        (Wanted(level="warning"), {"level": "info"}, False),
        (Wanted(level="info"), {"level": "odd"}, True),
        (Wanted(role="host"), {"role": "host"}, True),
        (Wanted(role="host"), {}, False),
        (Wanted(since="2026-11-22T10:00:00.123Z"), {}, True),
        (Wanted(since="2026-11-22T10:00:00.124Z"), {}, False),
    ],
)
def test_a_filter_wants_what_it_names(wanted: Wanted, fields: dict[str, Any], fits: bool) -> None:
    assert wanted.fits(line(**fields)) is fits


def test_a_record_has_columns_and_then_its_fields() -> None:
    day, text = shown(line(cid="t1/3", host=7, said={"exit": "exited with code 1"}, gone=None))

    assert day == "-- 2026-11-22 (UTC)"
    assert text.split() == [
        "10:00:00.123", "info", "supervisor", "t1/3", "x",
        "host=7", 'exit="exited', "with", "code", '1"',
    ]  # fmt: skip


def test_what_has_many_lines_stands_below_its_record() -> None:
    texts = shown(line(stderrTail="one\ntwo\n", a=1))
    assert texts[2:] == ["    stderrTail:", "      one", "      two"]
    assert "stderrTail" not in texts[1]


def test_a_new_day_is_said_once() -> None:
    days = [
        one for one in shown(line(), line(), line(at="2026-11-23T00:00:00.000Z")) if "--" in one
    ]
    assert len(days) == 2


def test_what_is_no_record_is_shown_at_the_time_of_its_neighbour() -> None:
    assert read_line("Fatal Python error", AT) == Line(AT, "Fatal Python error")
    assert read_line("[1]", AT).at == AT
    assert shown(Line(AT, "Fatal"))[1] == "Fatal"


def test_a_terminal_is_told_nothing() -> None:
    texts = shown(line(line="\x1b[2J\u202e\x9b31m", cid="a\x07"), Line(AT, "\x1b]0;owned\x07"))
    assert all(text.isprintable() for text in texts)


@given(st.text())
@settings(deadline=None)
def test_whatever_is_in_a_line_can_be_read_filtered_and_shown(text: str) -> None:
    one = read_line(text, AT)
    Wanted(Correlation("t"), "info", "host", AT).fits(one)
    assert all(part.isprintable() for part in shown(one))
    assert printable(text).isprintable()


NAMES = st.sampled_from(["at", "level", "role", "cid", "event", "said", "x"])
VALUES = st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=3)


@given(st.dictionaries(NAMES, VALUES))
@settings(deadline=None)
def test_a_record_of_any_shape_is_shown(record: dict[str, Any]) -> None:
    one = read_line(json.dumps(record), AT)
    Wanted(Correlation("t"), "info", "host", AT).fits(one)
    assert all(part.isprintable() for part in shown(one))
