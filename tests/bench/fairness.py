"""One session floods: what its siblings' delivery is before and while it does, in one run.

    python -m tests.bench.fairness [--siblings 10] [--seconds 5] [--flood small|lines|huge …]
                                   [--placement one|packed] [--client-mb-s RATE] [--json]

Siblings send 100 text deltas of 200 bytes a second each. The flooder writes as fast as its pipe
takes it: `small` deltas of 20 bytes, `lines` of 4 KB, `huge` ones of 2 MB. Delivery is the client's
receipt minus the provider's own write stamp; the ratio of the same run is what counts. Fails when
a sibling's sequence has a hole, not when it is slow.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from tests.bench._figures import ms_at, show_row
from tests.bench.load import AGENT
from tests.support.client import SidecarClient
from tests.support.received import Received
from tests.support.sidecar import RunningSidecar, start_params, turn_params

FLOODS = {"small": 20, "lines": 4_000, "huge": 2_000_000}
RATE_EV_S = 100
SETTLE_S = 1.0
"""Left out at the beginning of each half: starts are no deliveries."""


class LaggingClient(SidecarClient):
    """Takes so many bytes of events a second and no more, as an app with much to draw does."""

    bytes_per_s = float("inf")

    async def _on_events(self, params: dict[str, Any]) -> None:
        await asyncio.sleep(sum(len(body) for _seq, body in params["list"]) / self.bytes_per_s)
        await super()._on_events(params)


async def measure(options: argparse.Namespace, flood: str) -> dict[str, Any]:
    """Run both halves once and return the figures."""
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-bench-") as folder:
        running = RunningSidecar(
            Path(folder), command=options.command, settings={"placement": options.placement}
        )
        async with running:
            client = LaggingClient(running.ready["url"], running.token)
            client.bytes_per_s = options.client_mb_s * 1e6
            async with client:
                return await _measure(options, running, client, flood)


async def _measure(
    options: argparse.Namespace, running: RunningSidecar, client: SidecarClient, flood: str
) -> dict[str, Any]:
    siblings = [f"sibling-{n}" for n in range(options.siblings)]
    agent = {"command": sys.executable, "args": ["-I", "-S", str(AGENT)]}
    for thread in [*siblings, "flooder"]:
        await client.request("session.start", start_params(thread, provider="acp", options=agent))
    total_s = 2 * (options.seconds + SETTLE_S)
    count = int(total_s * RATE_EV_S)
    for thread in siblings:
        text = f"load {count} {1000 // RATE_EV_S} 200"
        await client.request("session.sendTurn", turn_params(thread, text))
    began = time.monotonic()
    supervisor = psutil.Process(running.pid)
    await asyncio.sleep(total_s / 2)
    middle, rss_before = time.monotonic(), supervisor.memory_info().rss
    text = f"load 1000000000 0 {FLOODS[flood]}"
    await client.request("session.sendTurn", turn_params("flooder", text), timeout_s=60)
    peak = 0
    while time.monotonic() < began + total_s:
        peak = max(peak, supervisor.memory_info().rss)
        await asyncio.sleep(0.05)
    end = time.monotonic()
    flooded = [r for r in client.of_thread("flooder") if r.at_mono_s >= middle]
    await client.request("session.stop", {"threadId": "flooder", "deadlineMs": 500}, timeout_s=120)
    ended = set(siblings)

    def all_ended() -> bool:
        done = {r.event["threadId"] for r in client.events if r.event["type"] == "turn.completed"}
        return ended <= done

    await client.wait_for(all_ended, "the siblings' turns", timeout_s=300)
    before = delays(client.events, began + SETTLE_S, middle)
    during = delays(client.events, middle + SETTLE_S, end)
    return {
        "flood": flood,
        "holes": sum(indexes(client, thread) != list(range(count)) for thread in siblings),
        "p50BeforeMs": ms_at(before, 0.5),
        "p50DuringMs": ms_at(during, 0.5),
        "p99BeforeMs": ms_at(before, 0.99),
        "p99DuringMs": ms_at(during, 0.99),
        "p99Ratio": round(ms_at(during, 0.99) / ms_at(before, 0.99), 1),
        "floodEvS": round(len(flooded) / (end - middle)),
        "floodMbS": round(sum(len(r.body) for r in flooded) / (end - middle) / 1e6, 1),
        "rssBeforeMb": round(rss_before / 1e6, 1),
        "rssPeakMb": round(peak / 1e6, 1),
    }


def _parts(event: dict[str, Any]) -> list[list[str]]:
    """Return [index, stamp] of each delta that was merged into an event."""
    return [part.split() for part in event["payload"]["delta"].split("x") if part]


def delays(events: list[Received], first: float, last: float) -> list[float]:
    """Return the delays of what siblings wrote between two moments, sorted, in seconds."""
    found = []
    for received in events:
        event = received.event
        if event["type"] == "content.delta" and event["threadId"] != "flooder":
            for _index, stamp in _parts(event):
                written = int(stamp) / 1e9
                if first <= written < last:
                    found.append(received.at_mono_s - written)
    return sorted(found)


def indexes(client: SidecarClient, thread: str) -> list[int]:
    return [
        int(index)
        for received in client.of_thread(thread)
        if received.event["type"] == "content.delta"
        for index, _stamp in _parts(received.event)
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--siblings", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each half")
    parser.add_argument("--flood", nargs="+", choices=FLOODS, default=list(FLOODS))
    parser.add_argument("--placement", default="one")
    parser.add_argument("--client-mb-s", type=float, default=float("inf"))
    parser.add_argument("--command", nargs="+", help="the sidecar to run; default: from source")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    holes = 0
    for flood in options.flood:
        result = asyncio.run(measure(options, flood))
        holes += result["holes"]
        show_row(result, as_json=options.json)
    return 1 if holes else 0


if __name__ == "__main__":
    sys.exit(main())
