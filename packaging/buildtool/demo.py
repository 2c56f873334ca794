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
from buildtool.env import build_glue, ensure_node, ensure_venv
from buildtool.freeze import FreezeOptions, freeze
from buildtool.paths import GLUE, ROOT, binary
from buildtool.report import read_report
from buildtool.shell import BuildError, say, streamed
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
    build_glue()
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
        raise BuildError(f"the demo ended with exit code {code}{describe_left(left or [])}")
    say("\nsummary")
    for line in summary(facts, read_report("onefile"), time.monotonic() - began_s):
        say(line)
    wrong = [*untrue(facts), *(f"unpacked folder left: {name}" for name in unpacked)]
    for line in wrong:
        say(f"  WRONG: {line}")
    if left is None:
        say("processes left: not counted, which needs /proc")
    else:
        say(f"processes left: {len(left)}{describe_left(left)}")
    return 1 if wrong or left else 0


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
    """Return the rows of the demo's summary, but for the count of what is left."""
    untouched = "siblings untouched" if facts["siblingsUntouched"] else "SIBLINGS TOUCHED"
    rows = {
        "binary size": f"{mega(report['totalBytes'])} MB, {binary('onefile').relative_to(ROOT)}",
        "ready time": f"{facts['readyMs']} ms to a connected client, {report['readyMs']} ms to the"
        " ready line (median of 5 starts)",
        "events delivered": f"{facts['eventsDelivered']}, {facts['lost']} lost,"
        f" {facts['duplicated']} doubled",
        "crashed and resumed": f"{facts['crashed']} of {facts['sessions']} sessions crashed,"
        f" {facts['resumed']} resumed by itself, {untouched}",
        "whole demo": f"{took_s:.0f} s",
    }
    return [f"  {name:<20} {value}" for name, value in rows.items()]


def untrue(facts: Mapping[str, Any]) -> list[str]:
    """Return what the demo promises and its figures do not show."""
    wrong = []
    if facts["lost"] or facts["duplicated"]:
        wrong.append("events were lost or came twice")
    if not facts["eventsDelivered"]:
        wrong.append("no event was delivered")
    if facts["crashed"] != 1 or facts["resumed"] != 1:
        wrong.append("not exactly one session crashed and was resumed")
    if facts["siblingsUntouched"] is not True:
        wrong.append("the crash touched a sibling")
    return wrong


def describe_left(left: Sequence[observer.Seen]) -> str:
    return "".join(f"\n    {process}" for process in left)
