"""The Claude Agent SDK, called in Node by the runner that electron-glue ships."""

import json
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

from tests.agents.app import GLUE
from tests.agents.harness import AgentProfile, Place
from tests.agents.profiles.claude import environment

SDK = "@anthropic-ai/claude-agent-sdk"
PACKAGE = f"{SDK}@0.3.330"
NODE_S = 30.0
ASK_GLUE = """
const { claudeRunner } = await import(process.argv[1]);
process.stdout.write(JSON.stringify(await claudeRunner({ sdk: process.argv[2] })));
"""


@cache
def runner(sdk: Path) -> dict[str, Any]:
    """Return what electron-glue says the runner's command is, for an SDK installed at `sdk`."""
    glue = GLUE / "dist" / "esm" / "index.js"
    argv = ["node", "--input-type=module", "-e", ASK_GLUE, glue.as_uri(), str(sdk)]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=NODE_S, check=True)
    command: dict[str, Any] = json.loads(said.stdout)
    return command


def sdk_at(place: Place) -> Path:
    """Return where the SDK is installed."""
    return place.bins[PACKAGE].parent / SDK


def start(place: Place) -> dict[str, Any]:
    """Return params of session.start."""
    return {"options": {"runner": runner(sdk_at(place))}, "env": environment(place)}


PROFILE = AgentProfile(
    name="agentsdk",
    provider="claudeAgent",
    packages=(PACKAGE,),
    start=start,
    busy="queues",
    # A cut stream is asked for again, whole, and the turn goes on.
    cut=frozenset({"completed"}),
    subagents=True,
)
