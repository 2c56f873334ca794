"""The observer counts right, and uses nothing of what it judges."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.scorecard.agent.deeds import BELOW
from tests.scorecard.agent.writelog import WriteLog
from tests.scorecard.model import Receipt
from tests.scorecard.observe import processes, writes
from tests.scorecard.observe.writes import IN_FLIGHT_NS, Written
from tests.support.observer import new_sentinel

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("agent", "observe", "systems", "rows", "sabotage", "render")
SINGLE = ("model", "runner", "__main__")


def got(*ids: str) -> list[Receipt]:
    return [Receipt("t", id_, at_ns) for at_ns, id_ in enumerate(ids)]


def logged(tmp_path: Path, *lines: str) -> Written:
    log = tmp_path / "t.log"
    log.write_text("".join(lines), encoding="utf-8")
    return writes.read(log)


def test_what_left_the_agent_and_never_came_is_lost(tmp_path: Path) -> None:
    written = logged(tmp_path, "+ t:1:1 5\n", "= t:1:1 6\n", "+ t:1:2 7\n", "= t:1:2 8\n")
    assert writes.compare(written, got("t:1:1")).lost == ["t:1:2"]


def test_what_its_writer_was_killed_in_may_come_once_or_not(tmp_path: Path) -> None:
    written = logged(tmp_path, "+ t:1:1 5\n")
    assert writes.compare(written, got()).lost == []
    balance = writes.compare(written, got("t:1:1"))
    assert (balance.lost, balance.doubled, balance.strange) == ([], [], [])


def test_what_comes_twice_is_doubled_and_what_nobody_wrote_is_strange(tmp_path: Path) -> None:
    written = logged(tmp_path, "+ t:1:1 5\n", "= t:1:1 6\n")
    balance = writes.compare(written, got("t:1:1", "t:1:9", "t:1:1"))
    assert (balance.doubled, balance.strange) == (["t:1:1"], ["t:1:9"])


def test_order_is_judged_within_a_process(tmp_path: Path) -> None:
    written = Written()
    assert writes.compare(written, got("t:1:1", "t:2:1", "t:1:2", "t:2:2")).disordered == 0
    assert writes.compare(written, got("t:1:2", "t:1:1")).disordered == 1


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    assert logged(tmp_path, "+ t:1:1 5\n", "= t:1:1").gone == {}


def test_only_the_last_moments_before_a_kill_are_in_flight(tmp_path: Path) -> None:
    cut_ns = 10 * IN_FLIGHT_NS
    early, late, after = 1, cut_ns - 5, cut_ns + 5 * IN_FLIGHT_NS
    begun = {"t:1:1": early, "t:1:2": late, "t:1:3": after, "t:2:1": after}
    left = writes.without_in_flight(Written(begun, dict(begun)), cut_ns)
    assert list(left.gone) == ["t:1:1", "t:2:1"]


def test_a_census_is_read_for_each_start(tmp_path: Path) -> None:
    logged(tmp_path, "@ 11 0\n", "+ t:11:1 5\n", "@ 12 3\n")
    assert writes.censuses(tmp_path / "t.log") == [0, 3]


def test_a_start_is_read_for_each_program(tmp_path: Path) -> None:
    logged(tmp_path, "^ 11 5\n", "@ 11 0\n", "+ t:11:1 6\n", "^ 12 9\n")
    assert writes.starts(tmp_path / "t.log") == [5, 9]


def test_a_process_that_hides_is_known_by_its_log(tmp_path: Path) -> None:
    sentinel = new_sentinel()
    below = [sys.executable, "-I", "-S", str(BELOW), "--sentinel", sentinel, "--thread", "t"]
    told = subprocess.run([*below, "masked"], env={}, capture_output=True, check=True)
    log = WriteLog(str(tmp_path / "t.log"), "t")
    log.note_started(int(told.stdout))
    log.close()
    (seen,) = processes.noted([tmp_path / "t.log"])
    while processes.agents(sentinel):  # it has not become another program yet
        time.sleep(0.001)
    assert processes.noted([tmp_path / "t.log"])[0].argv == ("a-stranger", "86400")
    processes.kill([seen])
    while processes.is_running(seen.pid):
        time.sleep(0.001)
    assert processes.noted([tmp_path / "t.log"]) == []


@pytest.mark.parametrize("share", [0.5, 0.99])
def test_percentiles_are_values_that_were_seen(share: float) -> None:
    assert writes.percentile([3.0, 1.0, 2.0], share) in (2.0, 3.0)
    assert writes.percentile([], share) is None


def test_nothing_of_the_scorecard_imports_anything_of_ours() -> None:
    base = ROOT / "tests" / "scorecard"
    files = [path for package in PACKAGES for path in (base / package).rglob("*.py")]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    names += [f"tests.scorecard.{name}" for name in SINGLE]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        "print(sorted(name for name in sys.modules if name.split('.')[0] == 'sidecar'))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert told.stdout.strip() == "[]"
