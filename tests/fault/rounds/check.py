"""One round from its plan to its verdict."""

from pathlib import Path

from sidecar.journal import Journal
from tests.fault.rounds.invariants import Stored, judge
from tests.fault.rounds.outcome import Outcome
from tests.fault.rounds.plan import Plan
from tests.fault.rounds.round import Round


async def run_and_judge(plan: Plan, folder: Path) -> tuple[list[str], Outcome]:
    """Run a plan in an empty folder; returns the violations and what there was to be judged."""
    outcome = await Round(plan, folder).run()
    return judge(outcome, await read_all(outcome.data_dir / "journal.db")), outcome


async def read_all(path: Path) -> Stored:
    """Return all that is in a journal that nobody uses any more."""
    if not path.exists():
        return []
    journal = Journal.open(path)
    try:
        return [(entry.seq, entry.body) for page in journal.replay(0) for entry in page]
    finally:
        await journal.close()


def report(plan: Plan, violations: list[str]) -> str:
    """Return what is wrong, what was done, and how to do it again."""
    lines = [f"  {what}" for what in violations]
    lines += [f"  fault: {fault}" for fault in plan.faults]
    lines.append(f"  again: python -m tests.fault.rounds --seed {plan.seed}")
    return "\n".join(lines)
