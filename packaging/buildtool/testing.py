"""`build.py test`: pytest and the glue's node tests, both against the frozen binaries.

Owns the order and the closing lines. What a test needs beyond that is the tests' own.
"""

import re
from collections.abc import Sequence

from buildtool.env import build_glue, ensure_node, ensure_venv
from buildtool.freeze import LAYOUTS, FreezeOptions, freeze
from buildtool.paths import GLUE, ROOT, binary
from buildtool.report import judge
from buildtool.shell import say, streamed

PYTEST_CLOSING = re.compile(
    r"^=*\s*\d+ (passed|failed|skipped|error|deselected)|^=*\s*no tests ran"
)
PYTEST_OUTPUT = ("-rfEs", "--durations=10", "--color=no")
"""What failed and why something was skipped, at the end; and what the time goes to."""
NODE_CLOSING = re.compile(r"^(ℹ|#) (tests|pass|fail|cancelled|skipped|todo|duration_ms) ")


def test(*, long: bool, agents: Sequence[str], pytest_arguments: Sequence[str]) -> int:
    """Set up, freeze both layouts, run all tests; return 0 when everything passed.

    With `agents`, only the tests of those real agents run, and no node test.
    """
    say("set-up")
    python = ensure_venv()
    ensure_node()
    build_glue()
    freeze(FreezeOptions(layouts=LAYOUTS))
    sizes_good = judge(LAYOUTS)
    say("\npytest")
    chosen = [*(["--long"] if long else []), *(f"--agents={name}" for name in agents)]
    env = {"AGENT_SIDECAR_REQUIRE_FROZEN": "1"}
    code, lines = streamed(
        [python, "-m", "pytest", *PYTEST_OUTPUT, *chosen, *pytest_arguments], cwd=ROOT, env=env
    )
    results = [("pytest", code, closing(lines, PYTEST_CLOSING)[-1:])]
    if not agents:
        say("\nnode")
        env["AGENT_SIDECAR_BINARY"] = str(binary("onefile"))
        code, lines = streamed(["npm", "test", "--silent"], cwd=GLUE, env=env)
        results.append(("node", code, closing(lines, NODE_CLOSING)))
    say()
    for name, code, closing_lines in results:
        said = "  ".join(closing_lines) or "no closing line"
        say(f"{name}: {said}" + ("" if code == 0 else f"  (exit code {code})"))
    if not sizes_good:
        say("size: FAILS, see above")
    return 0 if sizes_good and all(code == 0 for _, code, _ in results) else 1


def closing(lines: Sequence[str], pattern: re.Pattern[str]) -> list[str]:
    """Return a test runner's own last words: the lines that match its pattern."""
    return [line.strip() for line in lines if pattern.match(line)]
