"""What `test` and `demo` take from the programs that they run: last words and figures."""

from typing import Any

import pytest

from buildtool import demo, observer, testing


@pytest.mark.parametrize(
    "line",
    [
        "12 passed in 0.31s",
        "=== 1 failed, 2 passed, 1 skipped in 3.20s ===",
        "no tests ran in 0.01s",
    ],
)
def test_pytest_closing_line_is_found(line: str) -> None:
    assert testing.closing(["....", "SKIPPED [1] reason", line], testing.PYTEST_CLOSING) == [line]


def test_node_closing_lines_are_found() -> None:
    lines = ["✔ resumes (12ms)", "ℹ tests 2", "ℹ pass 2", "ℹ fail 0", "ℹ duration_ms 60.1"]
    assert testing.closing(lines, testing.NODE_CLOSING) == lines[1:]


def test_last_json_line_is_the_demos_summary() -> None:
    lines = ["{ not json", '{"step":1}', '{"eventsDelivered":12}', "bye"]
    assert demo.last_json(lines) == {"eventsDelivered": 12}
    assert demo.last_json(["nothing"]) is None


GOOD = {
    "readyMs": 412,
    "eventsDelivered": 734,
    "sessions": 3,
    "crashed": 1,
    "resumed": 1,
    "siblingsUntouched": True,
    "lost": 0,
    "duplicated": 0,
}


def test_summary_names_size_and_figures() -> None:
    block = "\n".join(demo.summary(GOOD, {"totalBytes": 8_123_456, "readyMs": 390}, took_s=61.2))
    for figure in ("8.12 MB", "412 ms", "390 ms", "734, 0 lost", "siblings untouched", "61 s"):
        assert figure in block


def test_good_figures_are_true() -> None:
    assert demo.untrue(GOOD) == []


@pytest.mark.parametrize(
    "change",
    [
        {"lost": 1},
        {"duplicated": 1},
        {"eventsDelivered": 0},
        {"crashed": 0},
        {"resumed": 0},
        {"siblingsUntouched": False},
    ],
)
def test_demo_fails_when_a_figure_breaks_the_promise(change: dict[str, Any]) -> None:
    assert len(demo.untrue({**GOOD, **change})) == 1


def test_processes_left_are_named() -> None:
    assert demo.describe_left([observer.Seen(7, ("sleep", "99"))]) == "\n    7 sleep 99"
