"""What a session costs in memory: each host's private pages (USS) after a turn.

    python -m tests.bench.memory [--sessions 20] [--turns 1] [--settle 3] [--placement one]
                                 [--command PATH …] [--json]

Mean and maximum over the hosts, and the sum over supervisor, zygote and hosts in PSS. The first
host is forked `--settle` seconds after the ready line. Agents are not counted: theirs is their own.
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from tests.bench._figures import mb, show
from tests.bench.load import AGENT, sidecar_processes
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params

TURN = "load 20 1 200"
TURN_S = 60.0


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Start the sessions, run the turns, and weigh."""
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-bench-") as folder:
        settings = {"placement": options.placement}
        running = RunningSidecar(Path(folder), command=options.command, settings=settings)
        async with running, running.client() as client:
            await asyncio.sleep(options.settle)
            threads = [f"weighed-{number}" for number in range(options.sessions)]
            for thread in threads:
                await _work(client, thread, options.turns)
            return _weigh(running.pid)


async def _work(client: SidecarClient, thread: str, turns: int) -> None:
    agent = {"command": sys.executable, "args": ["-I", "-S", str(AGENT)]}
    await client.request("session.start", start_params(thread, provider="acp", options=agent))
    after = 0
    for _ in range(turns):
        await client.request("session.sendTurn", turn_params(thread, TURN))
        ended = await client.wait_event(
            "turn.completed", thread_id=thread, after=after, timeout_s=TURN_S
        )
        after = ended.seq


def _weigh(supervisor: int) -> dict[str, Any]:
    weights = {p.pid: (_role(p), p.memory_full_info()) for p in sidecar_processes(supervisor)}
    own = {"supervisor": weights.pop(supervisor)[1]}
    own |= {role: info for role, info in weights.values() if role != "host"}
    hosts = [info for role, info in weights.values() if role == "host"]
    return {
        "hosts": len(hosts),
        "hostUssMeanMb": mb(statistics.mean(info.uss for info in hosts)),
        "hostUssMaxMb": mb(max(info.uss for info in hosts)),
        "hostPssMeanMb": mb(statistics.mean(info.pss for info in hosts)),
        **{f"{role}UssMb": mb(info.uss) for role, info in own.items()},
        "allPssMb": mb(sum(info.pss for info in [*own.values(), *hosts])),
    }


def _role(process: psutil.Process) -> str:
    """Tell the zygote from its forks, which share its argv: it is the hosts' parent.

    A fork with nothing below it is a process that was prepared; one that has such a one alone is
    the spare host. Neither has a session: they count by themselves.
    """
    if "zygote" not in process.cmdline():
        return "host"
    if not _is_fork(process):
        return "zygote"
    below = process.children()
    if any("zygote" not in child.cmdline() for child in below):
        return "host"
    return "prepared" if _is_fork(process.parent()) else "spare"


def _is_fork(process: psutil.Process | None) -> bool:
    """Tell whether it is a zygote's fork, or one of a fork."""
    above = process.parent() if process is not None else None
    return above is not None and "zygote" in above.cmdline()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--settle", type=float, default=3.0)
    parser.add_argument("--placement", default="one")
    parser.add_argument("--command", nargs="+", help="the sidecar to run; default: from source")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = asyncio.run(measure(options))
    show(result, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
