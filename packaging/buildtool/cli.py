"""The verbs of `build.py` and their options. Owns nothing else: a verb is a module of its own."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from buildtool.checks import check
from buildtool.demo import demo
from buildtool.env import ensure_venv
from buildtool.freeze import LAYOUTS, FreezeOptions, freeze
from buildtool.paths import DIST, ROOT
from buildtool.report import judge, record
from buildtool.scorecard import add_options, scorecard
from buildtool.serving import run
from buildtool.shell import BuildError, say, streamed
from buildtool.testing import test


def main(arguments: Sequence[str]) -> int:
    """Run one verb; return its exit code."""
    options = _parser().parse_args(arguments)
    verb: Callable[[argparse.Namespace], int] = options.verb
    try:
        return verb(options)
    except BuildError as error:
        say(f"\n{error}")
        return 1
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="build.py", description="Builds and tests agent-sidecar.")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def add(
        name: str, verb: Callable[[argparse.Namespace], int], text: str
    ) -> argparse.ArgumentParser:
        added = verbs.add_parser(name, help=text, description=text)
        added.set_defaults(verb=verb)
        return added

    add("demo", lambda _: demo(), "set up, freeze, and run the main job through the frozen binary")
    add("run", lambda _: run(), "serve from source in a temporary data dir, for use by hand")
    tests = add("test", _test, "set up and run all tests")
    tests.add_argument("--long", action="store_true", help="also what needs more time")
    tests.add_argument(
        "--agents", action="append", default=[], metavar="NAME", help="only this real agent's tests"
    )
    tests.add_argument("pytest", nargs="*", help="passed on to pytest, after --")
    add(
        "check",
        lambda _: check(),
        "formatting, lint, types, import arrows, generated files, lengths",
    )
    for name, verb, text in (
        ("freeze", _freeze, "freeze, smoke-test and judge the size"),
        ("size", _size, "freeze what changed, then print and judge the sizes"),
    ):
        added = add(name, verb, text)
        added.add_argument("--layout", choices=LAYOUTS, help="only this one")
        added.add_argument("--dist", type=Path, default=DIST, help="where to put the result")
        added.add_argument(
            "--unproven", action="store_true", help="no smoke test and no start-up times"
        )
    added.add_argument("--record", metavar="REASON", help="append to packaging/size-history.json")
    add_options(
        add("scorecard", scorecard, "freeze, then let both systems fail in ten ways and compare")
    )
    bench = add("bench", _bench, "run all benchmarks, or one: NAME ARGUMENT…")
    bench.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on to tests.bench")
    return parser


def _test(options: argparse.Namespace) -> int:
    return test(long=options.long, agents=options.agents, pytest_arguments=options.pytest)


def _freeze(options: argparse.Namespace) -> int:
    layouts = (options.layout or "onefile",)
    _bring_up_to_date(options, layouts)
    return 0 if judge(layouts, options.dist) else 1


def _size(options: argparse.Namespace) -> int:
    layouts = (options.layout,) if options.layout else LAYOUTS
    _bring_up_to_date(options, layouts)
    if options.record:
        record(layouts, options.record, options.dist)
    return 0 if judge(layouts, options.dist) else 1


def _bring_up_to_date(options: argparse.Namespace, layouts: Sequence[str]) -> None:
    options.dist = options.dist.resolve()
    say("set-up")
    ensure_venv()
    freeze(FreezeOptions(layouts=layouts, dist=options.dist, prove=not options.unproven))


def _bench(options: argparse.Namespace) -> int:
    python = ensure_venv()
    code, _ = streamed([python, "-m", "tests.bench", *options.arguments], cwd=ROOT)
    return code
