"""Warnings about noise are bounded, and what was left unsaid is counted."""

from sidecar.contract.base import Json
from sidecar.providers.noise import WINDOW_MS, Complaints, Verdict, WarningBudget


def test_a_window_lets_its_number_through_and_the_next_one_brings_the_summary() -> None:
    budget = WarningBudget(per_window=2, window_ms=100)
    assert [budget.spend(now).say for now in (0, 1, 2, 3)] == [True, True, False, False]
    assert budget.spend(100) == Verdict(say=True, unsaid=2)
    assert budget.spend(101) == Verdict(say=True)
    assert budget.spend(102) == Verdict(say=False)
    assert budget.close() == 1
    assert budget.close() == 0


def test_complaints_say_ten_and_one_summary_a_minute() -> None:
    said: list[tuple[str, Json]] = []
    now_ms = [0]
    complaints = Complaints(
        lambda message, detail: said.append((message, detail)), lambda: now_ms[0]
    )
    for _ in range(500):
        complaints.add("a line is not JSON", "xyz")
    assert len(said) == 10
    assert said[0][1] == {"kind": "malformed", "sample": "xyz"}
    now_ms[0] = WINDOW_MS
    complaints.add("a line is not JSON")
    assert said[10][1] == {"kind": "malformed", "count": 490}
    assert len(said) == 12
    complaints.close()
    assert len(said) == 12
