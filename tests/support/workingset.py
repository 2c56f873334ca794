"""What sessions run: recorded from sessions of fakes, for sidecar/host/workingset.py.

    python -m tests.support.workingset --write      with the Python that is frozen

Hosts are started by exec, with a recorder in each (tests/support/recorder). Providers of which
there is no program to fake them run a session against a puppet, in this process.
"""

import argparse
import asyncio
import sys
import tempfile
import textwrap
from itertools import groupby
from pathlib import Path
from typing import Any

from sidecar.process import Child, prepared
from tests.bench.load import AGENT
from tests.providers.claude.puppet import DONE, INIT, Stage
from tests.providers.codex.server import Server, running
from tests.providers.context import FAKES, ROOT, turn
from tests.support.recorder.recording import Recording
from tests.support.sidecar import RunningSidecar, start_params, turn_params

Name = tuple[str, str]

FILE = ROOT / "sidecar" / "host" / "workingset.py"
RECORDER = Path(__file__).parent / "recorder"
STOP = ("sidecar.host.session", "HostSession.close")
"""What a host runs first of a stop."""

WIDTH = 100
HEAD = '''"""What a session runs: first what all do, then what some do, then what stopping takes.

Printed by `python -m tests.support.workingset --write`. Do not edit.
"""

WORKING_SET = """
{names}
"""
'''


def _python(program: Path, *args: str) -> dict[str, Any]:
    return {"command": sys.executable, "args": [str(program), *args]}


SESSIONS: list[tuple[str, dict[str, Any], str]] = [
    ("acp", _python(AGENT), "load 20 1 200"),
    ("acp", _python(FAKES / "acp_agent.py"), "say hello | think | tool | say bye"),
    ("demo", {}, "hello"),
    ("cursor", _python(FAKES / "cursor_agent.py", "acp"), "say hello | todos | say bye"),
    ("opencode", _python(FAKES / "opencode_server.py"), "plain"),
]
"""Provider, its options, and what it is told to do."""


async def recorded(provider: str, options: dict[str, Any], text: str) -> list[Name]:
    """Run a session with a turn, and return what its host has run, in order."""
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-recorded-") as folder:
        into = Path(folder) / "names"
        into.mkdir()
        env = {"PYTHONPATH": str(RECORDER), "RECORD_INTO": str(into), "RECORD_ROOT": str(ROOT)}
        running_sidecar = RunningSidecar(
            Path(folder) / "data", settings={"hostLaunch": "exec"}, env=env
        )
        async with running_sidecar, running_sidecar.client() as client:
            params = start_params("recorded", provider, options=options, cwd=folder)
            await client.request("session.start", params)
            await client.request("session.sendTurn", turn_params("recorded", text))
            await client.wait_event("turn.completed", thread_id="recorded")
        lines = [line for file in into.iterdir() for line in file.read_text().splitlines()]
    return [(module, name) for module, _, name in (line.partition(" ") for line in lines)]


async def with_puppets() -> list[Name]:
    """Run a session of Codex and one of Claude; return what of ours that took."""
    recording = Recording()
    recording.start()
    async with running(Server(), sys.executable) as run:
        await run.session.send_turn(turn("hello"))
        run.server.item("started", "agentMessage", text="")
        run.server.tell("item/agentMessage/delta", itemId="i", delta="Hi", turnId="turn-1")
        run.server.item("completed", "agentMessage", text="Hi")
        run.server.complete()
        await run.context.first("turn.completed")
    async with Stage() as stage:
        turn_id = await stage.send("hello")
        stage.say(INIT, stage.words("hi"), DONE)
        await stage.end_of(turn_id)
    recording.stop()
    return [name for name in recording.names() if name[0].startswith("sidecar.")]


async def with_prepared() -> list[Name]:
    """Start a process that was prepared, as hosts do that waited; return what of ours that took.

    Only those wait that a zygote has forked.
    """
    recording = Recording()
    recording.start()
    prepared.prepare()
    child = await Child.spawn(["/bin/true"], env={})
    recording.stop()
    await child.wait()
    child.close()
    return [name for name in recording.names() if name[0] == prepared.__name__]


def sections(sessions: list[list[Name]]) -> list[list[Name]]:
    """Return what each session runs until its turn has ended, what some do, what stopping takes."""
    turns = [session[: _stop_of(session)] for session in sessions]
    by_all = set(turns[0]).intersection(*turns)
    found = [sorted(by_all)]
    for names in [*turns, [name for session in sessions for name in session]]:
        before = {name for section in found for name in section}
        found.append(sorted(set(names) - before))
    return found


def _stop_of(session: list[Name]) -> int:
    return session.index(STOP) if STOP in session else len(session)


def text_of(found: list[list[Name]]) -> str:
    """Return the names as workingset.py has them."""
    return HEAD.format(names="\n\n".join("\n".join(_lines(section)) for section in found))


def _lines(names: list[Name]) -> list[str]:
    lines = []
    for module, of_module in groupby(names, key=lambda name: name[0]):
        words = f"{module}: {' '.join(name for _, name in of_module)}"
        lines += textwrap.wrap(
            words, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    return lines


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = sections([await recorded(*session) for session in SESSIONS])
    recorded_names = {name for section in found for name in section}
    others = [*await with_prepared(), *await with_puppets()]
    found.insert(-1, sorted(set(others) - recorded_names))
    text = text_of(found)
    if options.write:
        FILE.write_text(text, "utf-8")
    print([len(section) for section in found] if options.write else text)
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
