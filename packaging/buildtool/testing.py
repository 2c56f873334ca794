"""`build.py test`: pytest and the glue's node tests, both against the frozen binaries.

Owns the order and the closing lines. What a test needs beyond that is the tests' own.
"""

import re
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from buildtool.env import build_glue, ensure_node, ensure_venv
from buildtool.freeze import LAYOUTS, FreezeOptions, freeze
from buildtool.paths import GLUE, ROOT, binary
from buildtool.report import judge
from buildtool.shell import background, say, streamed

PYTEST_CLOSING = re.compile(
    r"^=*\s*\d+ (passed|failed|skipped|error|deselected)|^=*\s*no tests ran"
)
PYTEST_OUTPUT = ("-rfEs", "--durations=10", "--color=no")
"""What failed and why something was skipped, at the end; and what the time goes to."""
NODE_CLOSING = re.compile(r"^(ℹ|#) (tests|pass|fail|cancelled|skipped|todo|duration_ms) ")


PREFETCH = "tests.agents.prefetch"


def test(*, long: bool, agents: Sequence[str], pytest_arguments: Sequence[str]) -> int:
    """Set up, freeze both layouts, run all tests; return 0 when everything passed.

    With `agents`, only the tests of those real agents run, and no node test.
    """
    say("set-up")
    python = ensure_venv()
    with _prefetched(python, long, agents, wanted=not pytest_arguments):
        ensure_node()
        build_glue()
        freeze(FreezeOptions(layouts=LAYOUTS))
        sizes_good = judge(LAYOUTS)
        results = [_pytest(python, long, agents, pytest_arguments)]
        if not agents:
            results.append(_node())
    say()
    for name, code, closing_lines in results:
        said = "  ".join(closing_lines) or "no closing line"
        say(f"{name}: {said}" + ("" if code == 0 else f"  (exit code {code})"))
    if not sizes_good:
        say("size: FAILS, see above")
    return 0 if sizes_good and all(code == 0 for _, code, _ in results) else 1


Result = tuple[str, int, list[str]]
"""Name, exit code, closing lines."""


def _pytest(python: Path, long: bool, agents: Sequence[str], arguments: Sequence[str]) -> Result:
    say("\npytest")
    chosen = [*(["--long"] if long else []), *(f"--agents={name}" for name in agents)]
    argv: list[str | Path] = [python, "-u", "-m", "pytest", *PYTEST_OUTPUT, *chosen, *arguments]
    code, lines = streamed(argv, cwd=ROOT, env={"AGENT_SIDECAR_REQUIRE_FROZEN": "1"})
    return "pytest", code, closing(lines, PYTEST_CLOSING)[-1:]


def _node() -> Result:
    say("\nnode")
    env = {
        "AGENT_SIDECAR_REQUIRE_FROZEN": "1",
        "AGENT_SIDECAR_BINARY": str(binary("onefile")),
    }
    code, lines = streamed(["npm", "test", "--silent"], cwd=GLUE, env=env)
    return "node", code, closing(lines, NODE_CLOSING)


def _prefetched(
    python: Path, long: bool, agents: Sequence[str], *, wanted: bool
) -> AbstractContextManager[None]:
    """Fetch the real agents beside the freezing, so that no test waits for hundreds of MB.

    Not when single tests were chosen: those that need an agent install it themselves.
    """
    if not wanted:
        return nullcontext()
    return background(
        "agents", [python, "-m", PREFETCH, *(["--long"] if long else []), *agents], cwd=ROOT
    )


def closing(lines: Sequence[str], pattern: re.Pattern[str]) -> list[str]:
    """Return a test runner's own last words: the lines that match its pattern."""
    return [line.strip() for line in lines if pattern.match(line)]
