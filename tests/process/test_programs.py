"""Commands are found along the agent's PATH, and a shim is looked through."""

import shutil
from pathlib import Path

from sidecar.process.programs import find_program, resolved, through_shim

FIXTURES = Path(__file__).parents[1] / "fixtures" / "shims"


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", "utf-8")
    path.chmod(0o755)
    return path


def test_a_name_is_found_along_the_given_path(tmp_path: Path) -> None:
    first, second = program(tmp_path / "a" / "tool"), program(tmp_path / "b" / "tool")
    path = f"{first.parent}:{second.parent}"
    assert resolved(["tool", "-x"], {"PATH": path}) == [str(first), "-x"]
    assert find_program("tool", str(second.parent)) == str(second)


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    target = program(tmp_path / "real" / "tool.js")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "tool").symlink_to(target)
    assert find_program("tool", str(tmp_path / "bin")) == str(tmp_path / "bin" / "tool")


def test_what_is_not_found_stays_as_it_is(tmp_path: Path) -> None:
    assert resolved(["no-such-tool", "-x"], {"PATH": str(tmp_path)}) == ["no-such-tool", "-x"]
    assert resolved([], {}) == []


def test_a_path_is_left_to_the_working_directory(tmp_path: Path) -> None:
    assert resolved(["./tool"], {"PATH": str(tmp_path)}) == ["./tool"]
    assert resolved(["/bin/sh", "-c"], {}) == ["/bin/sh", "-c"]


def test_a_shim_is_looked_through(tmp_path: Path) -> None:
    node = program(tmp_path / "bin" / "node")
    shim = tmp_path / "codex.cmd"
    shutil.copy(FIXTURES / "codex.cmd", shim)
    found = through_shim(str(shim), str(node.parent))
    assert found[0] == str(node)
    assert found[1].endswith("codex.js")


def test_what_is_no_shim_or_cannot_be_read_is_started_itself(tmp_path: Path) -> None:
    script = tmp_path / "own.cmd"
    script.write_text("@echo hello\r\n", "utf-8")
    assert through_shim(str(script), "") == [str(script)]
    assert through_shim(str(tmp_path / "gone.cmd"), "") == [str(tmp_path / "gone.cmd")]
    assert through_shim("/bin/sh", "") == ["/bin/sh"]
