"""The scorecard's table, page and picture say what was measured, and fetch nothing."""

import re

from tests.scorecard import render
from tests.scorecard.model import Outcome, Report, RowResult

MACHINE = {"at": "2026-11-22 22:00 UTC", "cpus": 2, "loadAverage": [0.1, 0.1, 0.1], "node": "20"}


def report(*, cpu_load: float = 0.1) -> Report:
    good = Outcome(
        "An agent is <killed>.",
        siblings=3,
        recovery_ms=612.0,
        memory_before_bytes=40_000_000,
        memory_after_bytes=41_000_000,
        extra={"siblingP99DuringMs": 3.5},
    )
    bad = Outcome(
        "An agent is <killed>.",
        siblings=3,
        siblings_affected=2,
        events_lost=412,
        processes_left=1,
        recovery_ms=8_000.0,
        verdict="red",
        reasons=["412 events lost", "processes left: [7 <sh>]"],
    )
    broken = Outcome("It broke off.", verdict="red", reasons=["no"], carried_out=False)
    rows = [
        RowResult("crash", "A provider crashes", good, bad),
        RowResult("code", "Session code fails", good, broken),
    ]
    machine = MACHINE | {"loadAverage": [cpu_load, 0.1, 0.1]}
    return Report(rows, command=["agent-sidecar"], machine=machine, seconds=12.0)


def test_the_table_has_both_systems_their_counts_and_why_one_is_red() -> None:
    text = render.table(report())
    ours, node = [" ".join(line.split()) for line in text.splitlines() if "of 3" in line][:2]
    assert ours == "sidecar green 0 of 3 0 0 0 612 ms 40 → 41 MB"
    assert node == "node RED 2 of 3 412 0 1 8.0 s –"
    assert "- node: 412 events lost" in text
    assert "sidecar: 2 of 2 rows green; Node baseline: 0 of 2" in text


def test_a_row_that_broke_off_shows_no_zeros() -> None:
    line = next(line for line in render.table(report()).splitlines() if "?" in line)
    assert " ".join(line.split()) == "node RED ? ? ? ? – –"


def test_a_row_without_sessions_shows_no_zeros_of_theirs() -> None:
    started = Outcome("It is started.", has_sessions=False, extra={"readyMedianMs": 700.0})
    alone = Report([RowResult("package", "Packaging", started)])
    line = next(line for line in render.table(alone).splitlines() if "start 700 ms" in line)
    assert " ".join(line.split()) == "sidecar green – – – 0 start 700 ms –"
    assert render.svg(alone).count('class="f-none-fill"') == 3


def test_what_is_not_measured_is_said() -> None:
    for said in (render.table(report()), render.html(report())):
        assert "Real agents" in said
        assert "Power cuts" in said


def test_of_many_reasons_the_page_shows_some_and_says_so() -> None:
    many = Outcome("It falls.", verdict="red", reasons=[f"reason {n}." for n in range(50)])
    page = render.html(Report([RowResult("churn", "Churn", many)]))
    assert "and 42 more" in page
    assert "reason 8." not in page


def test_totals_say_what_is_not_in_them() -> None:
    broken = Outcome("It broke off.", verdict="red", reasons=["no"], carried_out=False)
    assert "broke off" not in render.table(report())
    said = render.table(Report([RowResult("code", "Session code fails", broken)]))
    assert "processes left 0 (1 broke off and count for nothing)" in said


def test_a_busy_machine_is_owned_up_to() -> None:
    assert "times are worth little" not in render.table(report())
    assert "times are worth little" in render.table(report(cpu_load=4.0))
    assert "times are worth little" in render.html(report(cpu_load=4.0))


def test_the_page_is_whole_without_anything_else_and_escapes_what_it_quotes() -> None:
    page = render.html(report())
    assert "<killed>" not in page
    assert "&lt;killed&gt;" in page
    assert not re.findall(r"(?:src|href)=(?![\"']?#)", page)
    assert "<script" not in page
    assert "prefers-color-scheme: dark" in page
    assert page.count("<section") == 3


def test_the_picture_stands_alone_and_draws_both_systems_of_each_row() -> None:
    picture = render.svg(report())
    assert picture.startswith("<svg ")
    assert "prefers-color-scheme: dark" in picture
    assert picture.count('class="f-ours"') == 2 * 2 + 1  # two bars a row, and the legend
    assert "var(" not in picture  # many viewers know no variables
    assert picture.count(">412</text>") == 1
