"""The ramp of docs and peers: N sessions, each one turn of COUNT deltas, all turns at once.

    python -m tests.bench.load [--sessions 50] [--count 100] [--delay-ms 10] [--bytes 1024]
                               [--command PATH …] [--json]

Honest metrics: delivery is the client's receipt minus the provider's own write stamp, per event,
on one clock; loss, duplicates and order are checked by identity; CPU is that of all sidecar
processes (supervisor, zygote, hosts), not of the agents and not of the client.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench._figures import ms_at, show
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params

AGENT = Path(__file__).parents[1] / "fakes" / "load_agent.py"
START_S = 120.0


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the load once and return the figures."""
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-bench-") as folder:
        running = RunningSidecar(Path(folder), command=options.command)
        async with running, running.client() as client:
            return await _measure(options, running, client)


async def _measure(
    options: argparse.Namespace, running: RunningSidecar, client: SidecarClient
) -> dict[str, Any]:
    threads = [f"load-{n}" for n in range(options.sessions)]
    agent = {"command": sys.executable, "args": ["-I", "-S", str(AGENT)]}
    began = time.monotonic()
    await asyncio.gather(
        *(
            client.request(
                "session.start", start_params(t, provider="acp", options=agent), timeout_s=START_S
            )
            for t in threads
        )
    )
    started_s = time.monotonic() - began
    cpu_before = sidecar_cpu_s(running.pid)
    began = time.monotonic()
    text = f"load {options.count} {options.delay_ms} {options.bytes}"
    await asyncio.gather(
        *(client.request("session.sendTurn", turn_params(t, text), timeout_s=60) for t in threads)
    )
    await client.wait_for(lambda: _ended(client) >= len(threads), "all turns", timeout_s=300)
    took_s = time.monotonic() - began
    cpu_s = sidecar_cpu_s(running.pid) - cpu_before
    memory = sidecar_memory(running.pid)
    return figures(client, options, started_s, took_s, cpu_s) | memory


def figures(
    client: SidecarClient,
    options: argparse.Namespace,
    started_s: float,
    took_s: float,
    cpu_s: float,
) -> dict[str, Any]:
    """Check identity and order, and return the numbers."""
    delays: list[float] = []
    seen: dict[str, list[int]] = {}
    for received in client.events:
        event = received.event
        if event["type"] != "content.delta":
            continue
        for part in event["payload"]["delta"].split("x"):
            if not part:
                continue
            index, stamp = part.split()
            seen.setdefault(event["threadId"], []).append(int(index))
            delays.append(received.at_mono_s - int(stamp) / 1e9)
    expected = list(range(options.count))
    wrong = [t for t, indexes in seen.items() if indexes != expected]
    lost = options.sessions * options.count - sum(len(set(i)) for i in seen.values())
    doubled = sum(len(i) - len(set(i)) for i in seen.values())
    return {
        "sessions": options.sessions,
        "deltas": len(delays),
        "lost": lost,
        "doubled": doubled,
        "outOfOrder": len(wrong),
        "failed": [r.event for r in client.events if _is_failure(r.event)],
        "startAllS": round(started_s, 2),
        "turnsS": round(took_s, 2),
        "eventsPerS": round(len(client.events) / took_s),
        "deliveryP50Ms": ms_at(delays, 0.5),
        "deliveryP99Ms": ms_at(delays, 0.99),
        "cpuUsPerEvent": round(cpu_s / max(1, len(client.events)) * 1e6, 1),
    }


def _is_failure(event: dict[str, Any]) -> bool:
    ended_badly = event["type"] == "turn.completed" and event["payload"]["state"] != "completed"
    return ended_badly or event["type"] in ("session.exited", "runtime.error", "runtime.warning")


def _ended(client: SidecarClient) -> int:
    return sum(r.event["type"] == "turn.completed" for r in client.events)


def sidecar_processes(supervisor: int) -> list[psutil.Process]:
    """Return supervisor, zygote and hosts: everything of ours, no agent."""
    top = psutil.Process(supervisor)
    return [top] + [p for p in top.children(recursive=True) if _is_ours(p)]


def _is_ours(process: psutil.Process) -> bool:
    try:
        return bool({"zygote", "host"} & set(process.cmdline()))
    except psutil.NoSuchProcess:  # ended meanwhile; a zombie counts as that too
        return False


def sidecar_cpu_s(supervisor: int) -> float:
    """Return user and system time of all our processes."""
    return sum(t.user + t.system for t in (p.cpu_times() for p in sidecar_processes(supervisor)))


def sidecar_memory(supervisor: int) -> dict[str, float]:
    """Return PSS and USS of all our processes, in MB."""
    infos = [p.memory_full_info() for p in sidecar_processes(supervisor)]
    hosts = infos[2:]
    return {
        "pssMb": round(sum(i.pss for i in infos) / 1e6, 1),
        "ussPerHostMb": round(statistics.median(i.uss for i in hosts) / 1e6, 2) if hosts else 0,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--delay-ms", type=int, default=10)
    parser.add_argument("--bytes", type=int, default=1024)
    parser.add_argument("--command", nargs="+", help="the sidecar to run; default: from source")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = asyncio.run(measure(options))
    show(result, as_json=options.json)
    bad = [result[name] for name in ("lost", "doubled", "outOfOrder", "failed") if result[name]]
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
