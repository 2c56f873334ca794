"""A session leaks under a hard budget: when it is stopped and resumed, and what siblings notice.

    python -m tests.bench.budget [--hard-mb 300] [--mb-s 50] [--siblings 8] [--command PATH …]
                                 [--json]

Siblings send 100 text deltas of 200 bytes a second each, before and during the leak. Crossing and
end are seen from outside: the resident memory of the leaking session's processes in /proc, host
included, which the session's own figures do not reach. Fails when a sibling's sequence has a hole
or a sibling was restarted, not when it is slow.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench._figures import ms_at, show
from tests.bench.fairness import RATE_EV_S, delays, indexes
from tests.bench.load import AGENT
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params

BEFORE_S = 4.0
MARGIN_S = 8.0
"""What siblings stream on beyond the expected crossing: the stop, the resume and a bit."""

LOOK_EVERY_S = 0.01
LEAKER = "leaker"
MB = 1_000_000


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run once and return the figures."""
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-bench-") as folder:
        running = RunningSidecar(
            Path(folder), command=options.command, settings={"placement": "one"}
        )
        async with running, running.client() as client:
            return await _measure(options, client)


async def _measure(options: argparse.Namespace, client: SidecarClient) -> dict[str, Any]:
    siblings = [f"sibling-{n}" for n in range(options.siblings)]
    agent = {"command": sys.executable, "args": ["-I", "-S", str(AGENT)]}
    for thread in siblings:
        await client.request("session.start", start_params(thread, provider="acp", options=agent))
    limits = {"memoryHardBytes": options.hard_mb * MB}
    await client.request("session.start", start_params(LEAKER, provider="demo", limits=limits))
    count = int((BEFORE_S + options.hard_mb / options.mb_s + MARGIN_S) * RATE_EV_S)
    for thread in siblings:
        text = f"load {count} {1000 // RATE_EV_S} 200"
        await client.request("session.sendTurn", turn_params(thread, text))
    began = time.monotonic()
    await asyncio.sleep(BEFORE_S)
    processes = await _processes(client)
    leaking_from = time.monotonic()
    await client.request("session.sendTurn", turn_params(LEAKER, f"@@leak {options.mb_s}"))
    crossed, gone = await _watch(processes, options.hard_mb * MB)
    ready = await client.wait_event(
        "session.state.changed",
        thread_id=LEAKER,
        where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
        timeout_s=60,
    )
    for thread in siblings:
        await client.wait_event("turn.completed", thread_id=thread, timeout_s=120)
    detail = _verdict(client)
    return {
        "hardMb": options.hard_mb,
        "saidRssMb": round(detail["rssBytes"] / MB, 1),
        "stoppedS": round(gone - crossed, 2),
        "resumedS": round(ready.at_mono_s - crossed, 2),
        "siblingsBroken": [t for t in siblings if not _whole(client, t, count)],
        "p99BeforeMs": ms_at(delays(client.events, began + 1, leaking_from), 0.99),
        "p99DuringMs": ms_at(delays(client.events, leaking_from, ready.at_mono_s), 0.99),
    }


async def _processes(client: SidecarClient) -> list[psutil.Process]:
    """Return the leaking session's processes, its host first."""
    tree = await client.request("tree.get", {"threadId": LEAKER})
    return [psutil.Process(node["pid"]) for node in tree["nodes"] if node["kind"] == "process"]


async def _watch(processes: list[psutil.Process], limit_bytes: int) -> tuple[float, float]:
    """Return when they crossed the limit, and when all were gone."""
    while _rss_bytes(processes) <= limit_bytes:
        await asyncio.sleep(LOOK_EVERY_S)
    crossed = time.monotonic()
    while any(_lives(process) for process in processes):
        await asyncio.sleep(LOOK_EVERY_S)
    return crossed, time.monotonic()


def _rss_bytes(processes: list[psutil.Process]) -> int:
    return sum(process.memory_info().rss for process in processes)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _verdict(client: SidecarClient) -> dict[str, Any]:
    """Return the figures that the event of the stop told."""
    details = (r.event["payload"].get("detail") for r in client.of_thread(LEAKER))
    return next(d for d in details if isinstance(d, dict) and d.get("kind") == "memory")


def _whole(client: SidecarClient, thread: str, count: int) -> bool:
    generations = {received.event["generation"] for received in client.of_thread(thread)}
    return generations == {1} and indexes(client, thread) == list(range(count))


def parser() -> argparse.ArgumentParser:
    """Return what reads the options."""
    made = argparse.ArgumentParser(description=__doc__)
    made.add_argument("--hard-mb", type=int, default=300)
    made.add_argument("--mb-s", type=int, default=50)
    made.add_argument("--siblings", type=int, default=8)
    made.add_argument("--command", nargs="+", help="the sidecar to run; default: from source")
    made.add_argument("--json", action="store_true")
    return made


def main() -> int:
    options = parser().parse_args()
    result = asyncio.run(measure(options))
    show(result, as_json=options.json)
    return 1 if result["siblingsBroken"] else 0


if __name__ == "__main__":
    sys.exit(main())
