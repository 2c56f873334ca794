"""`python -m tests.fault.rounds --seed N [--count M] [--keep]`: rounds by hand."""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from pathlib import Path

from tests.fault.rounds.check import report, run_and_judge
from tests.fault.rounds.plan import plan_of


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fault.rounds", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="keep the folder of a bad round")
    parser.add_argument("--plan", action="store_true", help="print each plan too")
    options = parser.parse_args()
    bad = 0
    for seed in range(options.seed, options.seed + options.count):
        plan = plan_of(seed)
        folder = Path(tempfile.mkdtemp(prefix=f"agent-sidecar-round-{seed}-"))
        began = time.monotonic()
        violations, outcome = asyncio.run(run_and_judge(plan, folder))
        took_s = time.monotonic() - began
        faults = ", ".join(f"{d.fault.kind} {d.fault.target}" for d in outcome.done)
        print(f"seed {seed}: {'BAD' if violations else 'ok'} {took_s:.1f} s ({faults})", flush=True)
        if options.plan:
            print(plan)
        if violations:
            bad += 1
            print(report(plan, violations), flush=True)
        if violations and options.keep:
            (folder / "log").write_text(outcome.log)
            print(f"  kept: {folder}")
        else:
            shutil.rmtree(folder)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
