"""Shared fixtures: nothing is left behind, and what is slow or frozen runs when it was asked for.

Every test is followed by a look at its tasks, processes, threads, descriptors and temporary
files. A test that must leave something says so: `@pytest.mark.leaves("files", reason="…")`.
"""

import asyncio
import inspect
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests.support import leftovers

ROOT = Path(__file__).parents[1]

SETTLE_S = 2.0
"""What is closing gets this long: a killed process until it is reaped, a transport until its
connection_lost. Longer than any rung of a test's stop ladder, shorter than patience."""
SETTLE_STEP_S = 0.01

KINDS = frozenset({"tasks", "processes", "descriptors", "threads", "files"})

REQUIRE_FROZEN = "AGENT_SIDECAR_REQUIRE_FROZEN"
FROZEN = {
    "onefile": ROOT / "dist" / "onefile" / "agent-sidecar",
    "onedir": ROOT / "dist" / "onedir" / "agent-sidecar" / "agent-sidecar",
}

leftovers.mark_this_run()


def heed_signals() -> None:
    """Have what tests start heed Ctrl-C also where a shell has us run in its background.

    It ignores SIGINT and SIGQUIT for us then, and what is ignored is inherited.
    """
    for number in (signal.SIGINT, getattr(signal, "SIGQUIT", signal.SIGINT)):
        if signal.getsignal(number) is signal.SIG_IGN:
            heeded = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, heeded)


heed_signals()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("agent-sidecar")
    group.addoption("--long", action="store_true", help="also run the tests marked long")
    group.addoption(
        "--agents",
        action="append",
        metavar="NAME",
        default=[],
        help="run only the tests of this real agent, long ones included (may be repeated)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "leaves(*kinds, reason): may leave these behind: tasks, processes, descriptors, "
        "threads, files",
    )
    if "s" not in config.option.reportchars:
        config.option.reportchars += "s"  # nothing is skipped without a printed reason


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = set(config.getoption("--agents"))
    if wanted:
        kept = [item for item in items if _agents_of(item) & wanted]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept
    elif not config.getoption("--long"):
        for item in items:
            if item.get_closest_marker("long"):
                item.add_marker(pytest.mark.skip(reason="long: runs under --long"))


def _agents_of(item: pytest.Item) -> set[str]:
    return {str(name) for marker in item.iter_markers("agents") for name in marker.args}


@pytest.fixture(scope="session", autouse=True)
def temporary_files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give the run a TMPDIR of its own, in which a leftover can be seen."""
    folder = tmp_path_factory.getbasetemp() / "tmp"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(folder))
        patch.setattr(tempfile, "tempdir", None)
        yield folder


@pytest.fixture(autouse=True)
def nothing_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves tasks, processes, threads, descriptors or temporary files."""
    function = getattr(request.node, "function", None)
    if inspect.iscoroutinefunction(inspect.unwrap(function) if function else None):
        request.getfixturevalue("nothing_left_in_loop")  # its own end, while the loop still runs
        yield
        return
    folder: Path = request.getfixturevalue("temporary_files")
    ignored = _ignored(request)
    before = leftovers.look(folder)
    yield
    deadline = time.monotonic() + SETTLE_S
    left = leftovers.compare(before, leftovers.look(folder))
    while left.describe(ignored) and time.monotonic() < deadline:
        time.sleep(SETTLE_STEP_S)
        left = leftovers.compare(before, leftovers.look(folder))
    _judge(left, [], ignored)


@pytest.fixture
async def nothing_left_in_loop(
    request: pytest.FixtureRequest, temporary_files: Path
) -> AsyncIterator[None]:
    """The same for a test that has an event loop: what is closing needs the loop to turn."""
    ignored = _ignored(request)
    before = leftovers.look(temporary_files)
    yield
    deadline = time.monotonic() + SETTLE_S
    left = leftovers.compare(before, leftovers.look(temporary_files))
    while (_tasks(ignored) or left.describe(ignored)) and time.monotonic() < deadline:
        await asyncio.sleep(SETTLE_STEP_S)
        left = leftovers.compare(before, leftovers.look(temporary_files))
    _judge(left, _tasks(ignored), ignored)


def _tasks(ignored: frozenset[str]) -> list[str]:
    if "tasks" in ignored:
        return []
    own = asyncio.current_task()
    return [f"tasks: {task!r}" for task in asyncio.all_tasks() if task is not own]


def _ignored(request: pytest.FixtureRequest) -> frozenset[str]:
    ignored: set[str] = set()
    for marker in request.node.iter_markers("leaves"):
        if not marker.kwargs.get("reason") or not KINDS.issuperset(marker.args):
            pytest.fail("leaves(*kinds, reason=…) needs known kinds and a reason", pytrace=False)
        ignored |= set(marker.args)
    return frozenset(ignored)


def _judge(left: leftovers.Leftovers, tasks: list[str], ignored: frozenset[str]) -> None:
    leftovers.kill(left.processes)
    lines = [*tasks, *left.describe(ignored)]
    if lines:
        pytest.fail("left behind by the test:\n  " + "\n  ".join(lines), pytrace=False)


@pytest.fixture(scope="session")
def frozen_binary() -> Callable[[str], Path]:
    """Return a function: layout ("onefile" or "onedir") → path of the frozen binary.

    It skips the test when that layout was not built, and fails it instead when
    AGENT_SIDECAR_REQUIRE_FROZEN=1, as `build.py test` sets it.
    """

    def find(layout: str) -> Path:
        path = FROZEN[layout]
        if not path.is_file():
            reason = f"no frozen binary at {path.relative_to(ROOT)}: run build.py freeze"
            if os.environ.get(REQUIRE_FROZEN) == "1":
                pytest.fail(reason)
            pytest.skip(reason)
        return path

    return find
