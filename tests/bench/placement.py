"""Sessions per host: the same load with 1, 8 and 50 a host, and as `auto` places them.

    python -m tests.bench.placement [--sessions 200] [--rate 100] [--seconds 10] [--bytes 200]
                                    [--hosts one 8 50 auto] [--command PATH …] [--json]

Each session is one turn of text deltas at the rate, all at once. Delivery is the client's receipt
minus the provider's own write stamp, over the whole turn but its first second; loss, duplicates and
order by identity. CPU is that of supervisor, zygote and hosts, in cores; agents and client have
theirs on the same machine.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench._figures import ms_at, show_row
from tests.bench.load import AGENT, sidecar_cpu_s, sidecar_memory, sidecar_processes
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params

START_S = 300.0
STARTS_AT_ONCE = 8
"""More at once only wait for the cores."""

WARM_S = 1.0
TURN_GRACE_S = 240.0


def settings_of(hosts: str) -> dict[str, Any]:
    """Return the settings for `one`, `auto`, or a number of sessions a host."""
    if hosts in ("one", "auto"):
        return {"placement": hosts}
    return {"placement": "packed", "packedSessions": int(hosts)}


async def measure(options: argparse.Namespace, hosts: str) -> dict[str, Any]:
    """Run the load once and return the figures."""
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-bench-") as folder:
        running = RunningSidecar(Path(folder), command=options.command, settings=settings_of(hosts))
        async with running, running.client() as client:
            figures = await _measure(options, running, client)
            await client.request("session.stopAll", timeout_s=120)
            return {"hosts": hosts} | figures


async def _measure(
    options: argparse.Namespace, running: RunningSidecar, client: SidecarClient
) -> dict[str, Any]:
    threads = [f"load-{n}" for n in range(options.sessions)]
    began = time.monotonic()
    await _start(client, threads)
    started_s = time.monotonic() - began
    count, delay_ms = int(options.seconds * options.rate), 1000 / options.rate
    text = f"load {count} {delay_ms:g} {options.bytes}"
    cpu_before, began = sidecar_cpu_s(running.pid), time.monotonic()
    await asyncio.gather(
        *(client.request("session.sendTurn", turn_params(t, text), timeout_s=60) for t in threads)
    )
    ended: set[str] = set()
    seen = 0

    def all_ended() -> bool:
        nonlocal seen
        for received in client.events[seen:]:
            if received.event["type"] == "turn.completed":
                ended.add(received.event["threadId"])
        seen = len(client.events)
        return len(ended) >= len(threads)

    await client.wait_for(all_ended, "all turns", timeout_s=options.seconds + TURN_GRACE_S)
    took_s = time.monotonic() - began
    cpu_s = sidecar_cpu_s(running.pid) - cpu_before
    memory = sidecar_memory(running.pid)
    ours = sidecar_processes(running.pid)
    hosts = sum(bool(set(p.children()) - set(ours)) for p in ours)  # those that have an agent
    return _judge(client, count, options.sessions, began + WARM_S) | {
        "hostProcesses": hosts,
        "startAllS": round(started_s, 1),
        "turnsS": round(took_s, 1),
        "cpuCores": round(cpu_s / took_s, 2),
        "pssMb": memory["pssMb"],
    }


async def _start(client: SidecarClient, threads: list[str]) -> None:
    gate = asyncio.Semaphore(STARTS_AT_ONCE)
    agent = {"command": sys.executable, "args": ["-I", "-S", str(AGENT)]}

    async def start(thread: str) -> None:
        async with gate:
            params = start_params(thread, provider="acp", options=agent)
            await client.request("session.start", params, timeout_s=START_S)

    await asyncio.gather(*(start(thread) for thread in threads))


def _judge(client: SidecarClient, count: int, sessions: int, counted_from: float) -> dict[str, Any]:
    """Return delays and rate, and what is wrong with identity and order."""
    delays: list[float] = []
    indexes: dict[str, list[int]] = {}
    written: list[float] = []
    for received in client.events:
        event = received.event
        if event["type"] != "content.delta":
            continue
        for part in filter(None, event["payload"]["delta"].split("x")):
            index, stamp = part.split()
            indexes.setdefault(event["threadId"], []).append(int(index))
            at_s = int(stamp) / 1e9
            if at_s >= counted_from:
                delays.append(received.at_mono_s - at_s)
                written.append(received.at_mono_s)
    whole = sum(found == list(range(count)) for found in indexes.values())
    span_s = max(written) - min(written) if len(written) > 1 else 1.0
    return {
        "notWhole": sessions - whole,
        "deltasPerS": round(len(delays) / span_s),
        "p50Ms": ms_at(delays, 0.5),
        "p99Ms": ms_at(delays, 0.99),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=200)
    parser.add_argument("--rate", type=float, default=100, help="deltas a second a session")
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--bytes", type=int, default=200)
    parser.add_argument("--hosts", nargs="+", default=["one", "8", "50", "auto"])
    parser.add_argument("--command", nargs="+", help="the sidecar to run; default: from source")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    bad = 0
    for hosts in options.hosts:
        result = asyncio.run(measure(options, hosts))
        bad += result["notWhole"]
        show_row(result, as_json=options.json)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
