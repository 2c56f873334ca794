"""Cgroup v2 leaves: against a folder that looks like one, and entering against a real cgroup2.

Here the memory controller is cgroup v1's, so no kernel has ended anything by these leaves: what is
tested is which files are written, in which order, and what is never touched.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.process.cgroup import Cgroup, find_cgroup, own_cgroup
from sidecar.process.containment import find_containment
from sidecar.process.identity import ProcessKey
from sidecar.process.platform import key_of

OWNER = ProcessKey(os.getpid(), 7)
MINE = {10, 11}
MOUNT = "36 25 0:31 {root} {mount} rw,nosuid - cgroup2 cgroup2 rw\n"


def fake(base: Path, **files: str) -> Path:
    base.mkdir(exist_ok=True)
    content = {"controllers": "cpu memory pids\n", "subtree_control": "\n", "procs": "10\n11\n"}
    for name, text in (content | files).items():
        (base / f"cgroup.{name}").write_text(text)
    return base


def remove(path: Path) -> None:
    """What rmdir does with a cgroup: its files are no files."""
    shutil.rmtree(path)


def folders(base: Path) -> list[str]:
    return sorted(path.name for path in base.iterdir() if path.is_dir())


def test_the_own_cgroup_is_found_below_any_mount() -> None:
    v1 = "9:name=systemd:/\n4:memory:/user\n"
    mount = MOUNT.format(root="/", mount="/sys/fs/cgroup")
    assert own_cgroup(mount, v1 + "0::/a/b\n") == Path("/sys/fs/cgroup/a/b")
    assert own_cgroup(mount, "0::/\n") == Path("/sys/fs/cgroup")
    inner = MOUNT.format(root="/a", mount="/mnt/cg")
    assert own_cgroup(inner, "0::/a/b\n") == Path("/mnt/cg/b")
    assert own_cgroup(inner, "0::/other\n") is None
    assert own_cgroup(mount, v1) is None
    assert own_cgroup("", "0::/a\n") is None


def test_a_delegated_cgroup_that_is_ours_alone_gets_the_controller(tmp_path: Path) -> None:
    cgroup = Cgroup(fake(tmp_path / "cg"), OWNER, remove)
    assert cgroup.prepare(lambda: MINE | {12}) == ""
    own = tmp_path / "cg" / f"agent-sidecar.{OWNER.pid}.7.self"
    assert own.is_dir()
    assert (own / "cgroup.procs").read_text() == "11", "the last that was moved"
    assert (tmp_path / "cg" / "cgroup.subtree_control").read_text() == "+memory"
    cgroup.close()
    assert (tmp_path / "cg" / "cgroup.subtree_control").read_text() == "-memory"
    assert folders(tmp_path / "cg") == []


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"controllers": "cpu pids\n"}, "no memory controller"),
        ({"procs": "10\n99\n"}, "others live"),
    ],
)
def test_what_is_not_ours_is_left_as_it_is(
    tmp_path: Path, files: dict[str, str], reason: str
) -> None:
    base = fake(tmp_path / "cg", **files)
    before = {path.name: path.read_text() for path in base.iterdir()}
    assert reason in Cgroup(base, OWNER, remove).prepare(lambda: MINE)
    assert {path.name: path.read_text() for path in base.iterdir()} == before


def test_a_cgroup_that_has_the_controller_already_needs_no_move(tmp_path: Path) -> None:
    base = fake(tmp_path / "cg", subtree_control="memory pids\n", procs="10\n99\n")
    assert Cgroup(base, OWNER, remove).prepare(lambda: MINE) == ""
    assert folders(base) == []


def test_a_refusal_of_the_kernel_undoes_the_move(tmp_path: Path) -> None:
    base = fake(tmp_path / "cg")
    (base / "cgroup.subtree_control").unlink()
    (base / "cgroup.subtree_control").mkdir()  # cannot be written, by root neither
    assert "not delegated" in Cgroup(base, OWNER, remove).prepare(lambda: MINE)
    assert folders(base) == ["cgroup.subtree_control"]


def test_a_host_with_a_budget_gets_a_leaf_with_its_limit(tmp_path: Path) -> None:
    cgroup = Cgroup(fake(tmp_path / "cg"), OWNER, remove)
    leaf = cgroup.enter(4711, 1_000_000)
    assert leaf is not None
    path = tmp_path / "cg" / f"agent-sidecar.{OWNER.pid}.7.1"
    written = {file.name: file.read_text() for file in path.iterdir()}
    assert written == {
        "memory.max": "1000000",
        "memory.oom.group": "1",
        "memory.swap.max": "0",
        "cgroup.procs": "4711",
    }
    assert leaf.verdict() is None
    (path / "memory.events").write_text("low 0\noom 1\noom_kill 0\n")
    assert leaf.verdict() is None
    (path / "memory.events").write_text("low 0\noom 1\noom_kill 2\noom_group_kill 1\n")
    (path / "memory.peak").write_text("1000448\n")
    assert leaf.verdict() == {
        "kind": "memory",
        "scope": "cgroup",
        "limitBytes": 1_000_000,
        "peakBytes": 1_000_448,
    }
    leaf.close()
    assert folders(tmp_path / "cg") == []
    assert cgroup.enter(4711, None) is None


def test_leaves_of_dead_supervisors_are_swept_and_no_others(tmp_path: Path) -> None:
    base = fake(tmp_path / "cg")
    own = key_of(os.getpid())
    assert own is not None
    keep = [f"agent-sidecar.{own.pid}.{own.create_time}.1", "agent-sidecar.odd", "user.slice"]
    gone = [f"agent-sidecar.{own.pid}.{own.create_time + 1}.1", "agent-sidecar.999999.5.self"]
    for name in keep + gone:
        (base / name).mkdir()
    assert Cgroup(base, OWNER).sweep() == 2
    assert folders(base) == sorted(keep)


def test_this_machine_says_why_it_has_none_or_has_one() -> None:
    found = find_cgroup(set)  # nothing is ours, so nothing may be moved
    assert found.containment is None
    assert found.reason
    assert find_containment(set).reason == found.reason


@pytest.fixture
def real() -> Iterator[Path]:
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    base = next((Path(words[1]) for words in mounts if words[2] == "cgroup2"), None)
    folder = base / f"agent-sidecar-test-{os.getpid()}" if base else None
    try:
        if folder is None:
            raise OSError("there is no cgroup2")
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"no cgroup2 to write to: {error}")
    yield folder
    for path in [*folder.glob("*/"), folder]:
        path.rmdir()


def test_a_real_kernel_without_the_controller_refuses_and_nothing_is_left(real: Path) -> None:
    if "memory" in (real / "cgroup.controllers").read_text().split():
        pytest.skip("this one has the memory controller")
    cgroup = Cgroup(real, OWNER)
    assert cgroup.prepare(lambda: MINE) == "its cgroup has no memory controller"
    with subprocess.Popen(["sleep", "60"]) as process:
        assert cgroup.enter(process.pid, 1 << 30) is None
        assert folders(real) == []
        process.kill()
