"""`build.py demo`: freeze the one-file binary and run the main job through it and electron-glue.

Owns the summary. What the demo does stands in electron-glue/demo/demo.mjs, which ends with one
line of JSON; what is left of it is counted here, from outside.
"""

import json
import secrets
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from buildtool import observer
from buildtool.env import ensure_node, ensure_venv
from buildtool.freeze import FreezeOptions, freeze
from buildtool.paths import GLUE, ROOT, binary
from buildtool.report import read_report
from buildtool.shell import BuildError, quiet, say, streamed
from buildtool.size import mega
from buildtool.startup import SENTINEL

LEFT_DEADLINE_S = 3.0
"""What the architecture promises: nothing below the sidecar lives longer after its end."""


def demo() -> int:
    """Run the demo; return 0 when everything that it shows came true."""
    began_s = time.monotonic()
    say("set-up")
    ensure_venv()
    ensure_node()
    quiet("build electron-glue", ["npm", "run", "--silent", "build"], cwd=GLUE)
    freeze(FreezeOptions(layouts=("onefile",)))
    say("\ndemo")
    sentinel = secrets.token_hex(8)
    with tempfile.TemporaryDirectory(prefix=f"as-{sentinel}-") as folder:
        code, lines = streamed(
            ["node", GLUE / "demo" / "demo.mjs"],
            cwd=GLUE,
            env={
                "AGENT_SIDECAR_BINARY": str(binary("onefile")),
                SENTINEL: sentinel,
                "TMPDIR": folder,
            },
        )
        left = observer.wait_for_none(sentinel, LEFT_DEADLINE_S) if observer.SUPPORTED else None
        unpacked = sorted(path.name for path in Path(folder).glob("_MEI*"))
    facts = last_json(lines)
    if code != 0 or facts is None:
        raise BuildError(f"the demo ended with exit code {code}" + describe_left(left or []))
    for line in summary(facts, read_report("onefile"), time.monotonic() - began_s):
        say(line)
    if unpacked:
        say(f"unpacked folders left: {', '.join(unpacked)}")
    if left is None:
        say("processes left: not counted (needs /proc)")
        return 0
    say(f"processes left: {len(left)}{describe_left(left)}")
    return 1 if left or unpacked or facts.get("ok") is False else 0


def last_json(lines: Sequence[str]) -> dict[str, Any] | None:
    """Return the last line that is a JSON object."""
    for line in reversed(lines):
        if line.startswith("{"):
            try:
                value: dict[str, Any] = json.loads(line)
            except ValueError:
                continue
            return value
    return None


def summary(facts: Mapping[str, Any], report: Mapping[str, Any], took_s: float) -> list[str]:
    """Return the block that the demo ends with, its last line left to the caller."""
    binary_path = binary("onefile").relative_to(ROOT)
    rows = {"binary": f"{mega(report['totalBytes'])} MB  {binary_path}"}
    rows |= {_spaced(name): _value(value) for name, value in facts.items()}
    rows["whole demo took"] = f"{took_s:.0f} s"
    return ["", "summary", *(f"  {name:<28} {value}" for name, value in rows.items())]


def describe_left(left: Sequence[observer.Seen]) -> str:
    return "".join(f"\n    {process}" for process in left)


def _spaced(name: str) -> str:
    """Turn a camelCase key into words: readyMs → ready ms."""
    return "".join(f" {c.lower()}" if c.isupper() else c for c in name)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
