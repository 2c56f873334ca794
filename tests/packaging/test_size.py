"""The size rules: budget, growth over the history, components, the printed difference."""

from typing import Any

import pytest

from buildtool import size
from tests.packaging.reports import BUDGET, grown, report


def entry(**changes: Any) -> dict[str, Any]:
    return {**size.to_entry(report(), "first"), **changes}


def test_same_size_as_the_last_entry_is_good() -> None:
    assert size.judge(report(), BUDGET, [entry()]).failures == []


def test_three_megabytes_more_fail_and_name_the_component() -> None:
    now = grown("other data", 3_000_000)
    verdict = size.judge(now, BUDGET, [entry()])
    assert len(verdict.failures) == 1
    assert "grown by 3.00 MB" in verdict.failures[0]
    assert "--record" in verdict.failures[0]
    (row,) = [line for line in size.table(now, entry()) if "other data" in line]
    assert "+3,000.0 kB" in row


def test_unchanged_components_show_no_difference() -> None:
    lines = size.table(grown("sidecar", 1_000), entry())
    changed = [line.split()[0] for line in lines if "kB" in line]
    assert changed == ["on", "sidecar"]


@pytest.mark.parametrize(("by_bytes", "fails"), [(200_000, False), (200_001, True)])
def test_growth_up_to_200_kb_is_tolerated(by_bytes: int, fails: bool) -> None:
    verdict = size.judge(grown("sidecar", by_bytes), BUDGET, [entry()])
    assert bool(verdict.failures) is fails


def test_growth_up_to_one_percent_of_a_large_binary_is_tolerated() -> None:
    budget = {**BUDGET, "onedir": {"disk_bytes": 100_000_000}}
    before = grown("aiohttp", 40_000_000)
    last = size.to_entry(before, "large")
    tolerated = grown("aiohttp", 40_000_000 + before["totalBytes"] // 100)
    too_much = grown("aiohttp", 40_000_000 + before["totalBytes"] // 100 + 1)
    assert size.judge(tolerated, budget, [last]).failures == []
    assert len(size.judge(too_much, budget, [last]).failures) == 1


def test_growth_passes_once_it_is_recorded() -> None:
    now = grown("sidecar", 900_000)
    recorded = size.to_entry(now, "why it is worth it")
    assert size.judge(now, BUDGET, [entry(), recorded]).failures == []


def test_shrinking_never_fails() -> None:
    assert size.judge(grown("python stdlib", -4_000_000), BUDGET, [entry()]).failures == []


def test_creeping_growth_adds_up_against_the_same_entry() -> None:
    first, second = grown("sidecar", 150_000), grown("sidecar", 300_000)
    assert size.judge(first, BUDGET, [entry()]).failures == []
    assert len(size.judge(second, BUDGET, [entry()]).failures) == 1


@pytest.mark.parametrize(
    ("changes", "limit"),
    [
        ({"xzBytes": 8_000_001}, "xz_bytes"),
        ({"totalBytes": 20_000_001}, "disk_bytes"),
        ({"layout": "onefile", "totalBytes": 10_000_001}, "disk_bytes"),
    ],
)
def test_over_budget_fails_without_any_history(changes: dict[str, Any], limit: str) -> None:
    verdict = size.judge({**report(), **changes}, BUDGET, [])
    assert len(verdict.failures) == 1
    assert f"over budget: {limit}" in verdict.failures[0]


@pytest.mark.parametrize("name", size.KEY)
def test_entries_of_another_key_are_not_compared(name: str) -> None:
    verdict = size.judge(grown("sidecar", 900_000), BUDGET, [entry(**{name: "other"})])
    assert verdict.failures == []
    assert any("no history entry" in note for note in verdict.notes)


def test_another_build_of_python_is_left_out_of_the_growth() -> None:
    other = entry(pythonBuild="bbbb")
    assert size.judge(grown("python runtime", 900_000), BUDGET, [other]).failures == []
    assert len(size.judge(grown("sidecar", 900_000), BUDGET, [other]).failures) == 1


def test_a_package_that_nobody_allowed_fails() -> None:
    verdict = size.judge(grown("setuptools", 10), BUDGET, [entry()])
    assert verdict.failures == [
        "in the binary without being allowed in size-budget.toml: setuptools"
    ]


def test_an_unstripped_build_is_not_judged_and_says_so() -> None:
    verdict = size.judge(grown("python runtime", 20_000_000, stripped=False), BUDGET, [entry()])
    assert verdict.failures == []
    assert verdict.notes == ["not stripped: sizes are not judged"]


def test_slow_start_is_a_note_and_never_a_failure() -> None:
    verdict = size.judge(report(readyMs=4_000), BUDGET, [entry()])
    assert verdict.failures == []
    assert any("onedir_ready_ms 4000" in note for note in verdict.notes)


def test_start_and_memory_are_shown_beside_those_of_the_last_entry() -> None:
    lines = size.table(report(readyMs=300, rssBytes=61_000_000), entry())
    assert any("300 ms  (was 250 ms)" in line for line in lines)
    assert any("RSS" in line and "+1,000.0 kB" in line for line in lines)


def test_an_unproven_build_has_no_start_figures() -> None:
    bare = report(readyMs=None, rssBytes=None, pssBytes=None)
    assert size.judge(bare, BUDGET, []).failures == []
    assert not any("ready" in line for line in size.table(bare, None))
