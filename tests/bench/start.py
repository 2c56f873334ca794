"""What session.start adds to the provider's own start: pairs, one bare and one through us.

    python -m tests.bench.start [--pairs 30] [--agent plain|demo] [--command PATH …] [--json]

Bare: this program starts the agent, sends ACP's `initialize` and `session/new`, and reads the
answers. Through: `session.start` of the same agent until its answer. The two take turns, so that
what else the machine does weighs on both. The figure is the median of the differences of pairs.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench._figures import at_share, ms, show
from tests.bench.load import AGENT
from tests.support.client import SidecarClient
from tests.support.sidecar import SOURCE, RunningSidecar, start_params

WARM_PAIRS = 3
"""Not counted: the first start of everything reads from disk."""

ANSWER_S = 30.0


def agent_of(options: argparse.Namespace) -> list[str]:
    """Return the agent's argv."""
    if options.agent == "demo":
        return [*(options.command or SOURCE), "demo-agent"]
    return [sys.executable, "-I", "-S", str(AGENT)]


async def bare_s(argv: list[str], cwd: str) -> float:
    """Return the time from the agent's spawn to an open conversation."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=cwd
    )
    try:
        capabilities = {"fs": {"readTextFile": True, "writeTextFile": True}, "terminal": True}
        hello = {"protocolVersion": 1, "clientCapabilities": capabilities}
        await _ask(process, 1, "initialize", hello)
        await _ask(process, 2, "session/new", {"cwd": cwd, "mcpServers": []})
        return time.perf_counter() - began
    finally:
        process.kill()
        await process.wait()


async def _ask(
    process: asyncio.subprocess.Process, number: int, method: str, params: dict[str, Any]
) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    process.stdin.write(json.dumps(message).encode() + b"\n")
    async with asyncio.timeout(ANSWER_S):
        while json.loads(await process.stdout.readline()).get("id") != number:
            pass


async def through_s(client: SidecarClient, argv: list[str], cwd: str, number: int) -> float:
    """Return the time of one session.start; the session is stopped again."""
    thread = f"start-{number}"
    options = {"command": argv[0], "args": argv[1:]}
    params = start_params(thread, provider="acp", options=options, cwd=cwd)
    began = time.perf_counter()
    await client.request("session.start", params, timeout_s=ANSWER_S)
    took_s = time.perf_counter() - began
    await client.request("session.stop", {"threadId": thread}, timeout_s=ANSWER_S)
    return took_s


async def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Run the pairs and return the figures in milliseconds."""
    argv = agent_of(options)
    bare: list[float] = []
    through: list[float] = []
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-bench-") as folder:
        running = RunningSidecar(Path(folder), command=options.command)
        async with running, running.client() as client:
            for number in range(-WARM_PAIRS, options.pairs):
                pair = [0.0, 0.0]
                for which in (0, 1) if number % 2 else (1, 0):  # who is first takes turns too
                    if which:
                        pair[1] = await through_s(client, argv, folder, number)
                    else:
                        pair[0] = await bare_s(argv, folder)
                if number >= 0:
                    bare.append(pair[0])
                    through.append(pair[1])
    over = sorted(b - a for a, b in zip(bare, through, strict=True))
    return {
        "agent": options.agent,
        "pairs": len(over),
        "bareMedianMs": ms(statistics.median(bare)),
        "throughMedianMs": ms(statistics.median(through)),
        "overMedianMs": ms(statistics.median(over)),
        "overQuartilesMs": [ms(at_share(over, 0.25)), ms(at_share(over, 0.75))],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=30)
    parser.add_argument("--agent", choices=("plain", "demo"), default="plain")
    parser.add_argument("--command", nargs="+", help="the sidecar to run; default: from source")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = asyncio.run(measure(options))
    show(result, as_json=options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
