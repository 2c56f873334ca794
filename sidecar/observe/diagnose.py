"""`agent-sidecar diagnose`: one zip with what a report of a problem needs, and without secrets.

Works beside a running sidecar and on what a dead one left, and needs nothing of it: it reads files
and the process table. Exit codes: 0 written; 1 written, but a part of it could not be found out
(its file says why); 2 nothing was written.
"""

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from sidecar.observe.bundle import collect, write_bundle
from sidecar.supervisor.datadir import data_dir_path

CHECK_FIRST = """Before you send it, look into it: names of sessions, programs, paths and models are
in there, and what your agents wrote on stderr. Secrets were taken out as far as they were known or
look like one; prompts and answers were never in it.
"""


def main(arguments: list[str]) -> int:
    """Write the bundle and say where it is; the exit code of the process."""
    options = _parser().parse_args(arguments)
    data_dir = data_dir_path(options.data_dir)
    if not data_dir.is_dir():
        sys.stderr.write(f"Cannot write a bundle: there is no data dir {data_dir}\n")
        return 2
    out = Path(options.out) if options.out else Path.cwd() / _name()
    if out.exists():
        sys.stderr.write(f"Cannot write a bundle: {out} exists already\n")
        return 2
    parts, failed = collect(data_dir, options.thread, agents=not options.no_agents)
    try:
        write_bundle(out, parts)
    except OSError as error:
        sys.stderr.write(f"Cannot write a bundle: {error}\n")
        return 2
    sys.stdout.write(f"{out.absolute()}\n{_contents(out, parts)}\n{CHECK_FIRST}")
    for name in failed:
        sys.stderr.write(f"{name} could not be found out whole; it says why\n")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agent-sidecar diagnose",
        description="Writes a zip with versions, settings, sessions, processes, journal statistics "
        "and the last logs, without secrets.",
    )
    parser.add_argument("--data-dir", help="of which sidecar (default: that of this user)")
    parser.add_argument("--out", help="the file to write (default: one in this folder)")
    parser.add_argument("--thread", help="only this session and those below it")
    parser.add_argument("--no-agents", action="store_true", help="do not ask agents their version")
    return parser


def _name() -> str:
    return f"agent-sidecar-diagnose-{datetime.now(UTC):%Y%m%d-%H%M%S}.zip"


def _contents(out: Path, parts: dict[str, bytes]) -> str:
    lines = [f"  {len(data):>9,}  {name}" for name, data in parts.items()]
    return "\n".join([*lines, f"  {os.path.getsize(out):>9,}  in the zip"])  # noqa: PTH202
