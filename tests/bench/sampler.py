"""What sampling costs: the CPU time of looks at N sessions of three processes each.

    python -m tests.bench.sampler [--sessions 200] [--seconds 30] [--json]

The processes are real and idle (host, provider, shell: sleeping shells below this process, which
stands for the supervisor); no sidecar runs, so that nothing else is counted. What is measured is
the sampler's own thread and what follows in the loop: one look a second at all, CPU times every
fifth. `otherProcesses` lived on the machine beside them: each is listed, and read twice a minute.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

from sidecar.core.watch.budget import Budget
from sidecar.supervisor.sampling import Lodging, Tenant
from sidecar.supervisor.watch.looking import Looker
from tests.bench._figures import show

MIB = 1024 * 1024
LOOK_EVERY_S = 1.0
AIM_PERCENT = 2.0

TREE = "sleep 1000 & sleep 1000 & wait"
"""With the shell itself, which stands for the host, three processes."""


@contextlib.contextmanager
def sessions(count: int) -> Iterator[list[Tenant]]:
    """Start `count` trees of processes and give them as tenants; they end with the block."""
    started = [
        subprocess.Popen(["sh", "-c", TREE], stdin=subprocess.DEVNULL, start_new_session=True)
        for _ in range(count)
    ]
    budget = Budget(1024 * MIB, 2048 * MIB)
    try:
        yield [
            Tenant(f"thread-{number}", 1, Lodging(process.pid, f"{number:032x}", False), budget)
            for number, process in enumerate(started)
        ]
    finally:
        for process in started:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def measure(count: int, seconds: float) -> dict[str, Any]:
    """Look at `count` sessions once a second and return the figures."""
    with sessions(count) as tenants:
        time.sleep(1.0 + count / 100)  # until every tree stands
        looker = Looker(os.getpid())
        first = looker.look(tenants)
        costs, walls = [], []
        end = time.monotonic() + seconds
        while (began := time.monotonic()) < end:
            look = looker.look(tenants)
            costs.append(look.cpu_s)
            walls.append(time.monotonic() - began)
            time.sleep(max(began + LOOK_EVERY_S - time.monotonic(), 0))
        processes = sum(usage.processes for usage in look.usages.values())
        everything = sum(name.isdigit() for name in os.listdir("/proc"))  # noqa: PTH208
    per_look_s = sum(costs) / len(costs)
    return {
        "sessions": count,
        "processes": processes,
        "otherProcesses": everything - processes,
        "looks": len(costs),
        "firstLookMs": round(first.cpu_s * 1000, 2),
        "lookMs": round(per_look_s * 1000, 2),
        "lookMostMs": round(max(costs) * 1000, 2),
        "lookWallMostMs": round(max(walls) * 1000, 2),
        "usPerProcess": round(per_look_s * 1e6 / max(processes, 1), 1),
        "percentOfOneCore": round(per_look_s / LOOK_EVERY_S * 100, 2),
        "aimPercent": AIM_PERCENT,
    }


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.sessions, options.seconds)
    show(result, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
