"""Marks are inherited, added to, and swept: only one's own."""

import asyncio
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.process import (
    MARKS_VARIABLE,
    Child,
    key_of,
    marks_in,
    new_mark,
    own_environment,
    sweep,
    with_mark,
)
from sidecar.process.linux import environment_of, tag_of
from sidecar.process.marks import TOOLS_BITS, tag_of_mark
from tests.process.conftest import MISBEHAVE, Misbehave
from tests.support import observer


def test_a_mark_is_added_behind_the_outer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    outer, instance, session = new_mark(), new_mark(), new_mark()
    monkeypatch.setenv(MARKS_VARIABLE, f"{outer}:{instance}")
    environment = with_mark({"A": "1", MARKS_VARIABLE: outer}, session)
    assert environment == {"A": "1", MARKS_VARIABLE: f"{outer}:{instance}:{session}"}


def test_an_environment_from_outside_gets_this_process_marks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(MARKS_VARIABLE, instance := new_mark())
    assert marks_in(with_mark({}, session := new_mark())) == [instance, session]


@pytest.mark.parametrize("value", ["", ":", "abc", "G" * 32, "0" * 33, "../../x"])
def test_what_is_no_mark_is_left_out(value: str) -> None:
    good = new_mark()
    assert marks_in({MARKS_VARIABLE: f"{value}:{good}"}) == [good]
    with pytest.raises(ValueError, match="not a mark"):
        with_mark({}, value)


SWEEP = """
import json, subprocess, sys
from sidecar.process import sweep
below = subprocess.Popen(["sleep", "60"])
report = sweep(sys.argv[1:])
print(json.dumps({"killed": [key.pid for key in report.killed],
                  "survivors": report.survivors, "below": below.poll()}))
below.kill()
"""


def sweep_elsewhere(mark: str) -> dict[str, Any]:
    """Sweep from a process that is no ancestor of what is swept, as the next start does."""
    argv = [sys.executable, "-c", SWEEP, mark]
    answer: dict[str, Any] = json.loads(subprocess.check_output(argv, timeout=20))
    return answer


async def test_a_sweep_kills_what_carries_the_mark_and_nothing_else(
    misbehave: Misbehave, sentinel: str
) -> None:
    swept, other = new_mark(), new_mark()
    environment = dict(os.environ)
    for mode in ("stubborn", "tool", "tree"):
        await misbehave(mode, env=with_mark(environment, swept))
    bystander = await misbehave("stubborn", env=with_mark(environment, other))
    before = {seen.pid for seen in await observer.wait_until_seen(sentinel, 6, 5)}
    report = sweep_elsewhere(swept)
    assert report["survivors"] == []
    assert set(report["killed"]) == before - {bystander.pid}
    assert [seen.pid for seen in observer.seen(sentinel)] == [bystander.pid]


async def test_a_sweep_finds_what_has_scrubbed_its_environment_by_its_tag(sentinel: str) -> None:
    """setsid, a double fork, no environment, and its parents dead: only the tag is left."""
    mark = new_mark()
    child = await Child.spawn(
        [*MISBEHAVE, "daemon", sentinel], env=dict(os.environ), tag=tag_of_mark(mark, 3)
    )
    assert await child.read() == b"ready\n"
    async with asyncio.timeout(5):
        while not (scrubbed := [s for s in observer.seen(sentinel) if not environment_of(s.pid)]):
            await asyncio.sleep(0.01)
    (daemon,) = scrubbed
    assert tag_of(daemon.pid) == tag_of_mark(mark, 3)
    assert sweep_elsewhere(new_mark())["killed"] == []
    assert set(sweep_elsewhere(mark)["killed"]) == {child.pid, daemon.pid}
    child.close()


def test_a_tag_tells_session_and_tool() -> None:
    mark = new_mark()
    tags = {tag_of_mark(mark), tag_of_mark(mark, 1), tag_of_mark(new_mark(), 1)}
    assert len(tags) == 3
    assert tag_of_mark(mark, 1 << TOOLS_BITS) == tag_of_mark(mark)
    assert all(0 <= tag < 2**60 for tag in tags)


def test_a_tag_beyond_the_hard_limit_is_not_given() -> None:
    """An administrator may have limited what nothing uses; nothing is started otherwise then."""
    script = "import resource; resource.setrlimit(10, (5, 5)); " + (
        "from sidecar.process.linux import tag_of, tagger; import os; tagger(2**40)(); "
        "print(tag_of(os.getpid()))"
    )
    argv = [sys.executable, "-c", script]
    assert subprocess.check_output(argv, env=own_environment(), text=True) == "5\n"


def test_what_has_no_tag_or_is_gone_has_none() -> None:
    assert tag_of(2**22 + 1) is None
    assert tag_of(1) is None


async def test_an_inner_session_falls_with_its_outer_mark(misbehave: Misbehave) -> None:
    outer = new_mark()
    inner = with_mark(with_mark(dict(os.environ), outer), new_mark())
    child = await misbehave("stubborn", env=inner)
    assert sweep_elsewhere(outer)["killed"] == [child.pid]


async def test_a_sweep_spares_its_own_line(sentinel: str, tmp_path: Path) -> None:
    """A sidecar that is started from a tool's shell of the session that it sweeps."""
    mark = new_mark()
    script = tmp_path / "sweep.py"
    script.write_text(SWEEP)
    sibling = shlex.join([*MISBEHAVE, "sleep", sentinel])
    shell = subprocess.run(
        ["sh", "-c", f"{sibling} > /dev/null & {sys.executable} {script} {mark}; echo alive"],
        env=with_mark(own_environment(), mark),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=20,
    )
    report, alive = shell.stdout.splitlines()
    assert len(json.loads(report)["killed"]) == 1
    assert json.loads(report)["below"] is None, "what the sweeping process started was swept"
    assert alive == "alive", "the shell above the sweeping process was swept"
    assert observer.seen(sentinel) == []


def test_without_marks_nothing_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sidecar.process.sweeping._own_line", lambda: pytest.fail("looked"))
    assert sweep([]).killed == []


def test_a_key_is_none_for_nobody() -> None:
    assert key_of(2**22 + 1) is None
