"""`build.py test`: pytest and the glue's node tests, both against the frozen binaries.

Owns the order and the closing lines. What a test needs beyond that is the tests' own.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from buildtool.beside import Beside, Step
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
PREFETCH = "tests.agents.prefetch"
REQUIRE = {"AGENT_SIDECAR_REQUIRE_FROZEN": "1"}
"""No test against a frozen binary is skipped because there is none."""
COMPILE_ONCE = {"PYTHONDONTWRITEBYTECODE": ""}
"""Tests start a thousand interpreters: where the environment forbids __pycache__, each would
compile all of the sidecar, for a fifth of a second."""

WHOLE = "tests/integration"
"""Tests that start whole sidecars: they mostly wait, for processes and for deadlines."""

APART = {
    "faults": "tests/fault",
    "trees": f"{WHOLE}/test_trees.py",
    "providers": f"{WHOLE}/test_providers.py",
}
"""Parts that take long, to be run by whoever has nothing else to do."""

VALUES = ("tests/core", "tests/contract")
"""Tests that need nothing that is built: they begin beside the freezing, which has one core."""


def test(*, long: bool, agents: Sequence[str], pytest_arguments: Sequence[str]) -> int:
    """Set up, freeze both layouts, run all tests; return 0 when everything passed.

    With `agents`, only the tests of those real agents run, and no node test; with arguments for
    pytest, what they choose, then the node tests.
    """
    say("set-up")
    python = ensure_venv()
    long_option = ["--long"] if long else []
    # Real agents are fetched beside the freezing, so that no test waits for hundreds of MB. Who
    # chose single tests has chosen: a test that needs an agent installs it.
    fetch = Step("prefetch", [python, "-m", PREFETCH, *long_option, *agents], ROOT)
    chosen = [*(f"--agents={name}" for name in agents), *pytest_arguments]
    early = [] if chosen else [_step("values", python, [*long_option, *VALUES])]
    with Beside([] if pytest_arguments else [fetch]), Beside(early) as values:
        ensure_node()
        build_glue()
        freeze(FreezeOptions(layouts=LAYOUTS))
        sizes_good = judge(LAYOUTS)
        if chosen:
            results = [_pytest(python, [*long_option, *chosen])]
            results += [] if agents else [_shown(_node_step())]
        else:
            results = _all(python, long_option, values)
    say()
    for name, code, closing_lines in results:
        said = "  ".join(closing_lines) or "no closing line"
        say(f"{name}: {said}" + ("" if code == 0 else f"  (exit code {code})"))
    if not sizes_good:
        say("size: FAILS, see above")
    return 0 if sizes_good and all(code == 0 for _, code, _ in results) else 1


Result = tuple[str, int, list[str]]
"""Name, exit code, closing lines."""


def _all(python: Path, long_option: list[str], values: Beside) -> list[Result]:
    """Run three lanes side by side, beside what runs already: long steps first, then what fits."""
    waiting = ["-m", "agents or beside", *long_option]
    others = ["-m", "not agents and not beside", *long_option]
    steps = [
        _step("beside", python, waiting),
        _step("whole", python, [*others, WHOLE, *_without(APART.values())]),
        *(_step(title, python, [*others, part]) for title, part in APART.items()),
        _node_step(),
    ]
    with Beside(steps, lanes=2) as beside:
        results = [_pytest(python, [*others, *_without([WHOLE, *APART.values(), *VALUES])])]
        beside.add_lane()
        for outcome in (*values.outcomes(), *beside.outcomes()):
            say(f"\n{outcome.step.title} (ran beside)")
            say("\n".join(outcome.lines))
            results.append(_judged(outcome.step.title, outcome.code, outcome.lines))
    return results


def _without(places: Iterable[str]) -> list[str]:
    return [f"--ignore={place}" for place in places]


def _step(title: str, python: Path, arguments: Sequence[str]) -> Step:
    return Step(title, _pytest_argv(python, arguments), ROOT, {**REQUIRE, **COMPILE_ONCE})


def _pytest(python: Path, arguments: Sequence[str]) -> Result:
    return _shown(_step("pytest", python, arguments))


def _pytest_argv(python: Path, arguments: Sequence[str]) -> list[str | Path]:
    """Return the command; unbuffered, so that progress is seen through a pipe."""
    return [python, "-u", "-m", "pytest", *PYTEST_OUTPUT, *arguments]


def _node_step() -> Step:
    env = {**REQUIRE, **COMPILE_ONCE, "AGENT_SIDECAR_BINARY": str(binary("onefile"))}
    return Step("node", ["npm", "test", "--silent"], GLUE, env)


def _shown(step: Step) -> Result:
    """Run a step with its output passed on."""
    say(f"\n{step.title}")
    code, lines = streamed(step.argv, cwd=step.cwd, env=step.env)
    return _judged(step.title, code, lines)


def _judged(title: str, code: int, lines: Sequence[str]) -> Result:
    if title == "node":
        return title, code, closing(lines, NODE_CLOSING)
    return title, code, closing(lines, PYTEST_CLOSING)[-1:]


def closing(lines: Sequence[str], pattern: re.Pattern[str]) -> list[str]:
    """Return a test runner's own last words: the lines that match its pattern."""
    return [line.strip() for line in lines if pattern.match(line)]
