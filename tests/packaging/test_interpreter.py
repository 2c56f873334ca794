"""Which Python the virtual environment is made from."""

import sys
from pathlib import Path

import pytest

from buildtool import interpreter
from buildtool.shell import BuildError


def python(
    minor: int, *, shared: bool = True, missing: tuple[str, ...] = ()
) -> interpreter.Interpreter:
    path = Path(f"/usr/bin/python3.{minor}")
    return interpreter.Interpreter(path, (3, minor, 1), missing, shared, str(path))


def test_the_first_usable_one_wins() -> None:
    assert interpreter.choose([python(13), python(12)]).version[1] == 13


def test_one_that_cannot_freeze_comes_after_one_that_can() -> None:
    assert interpreter.choose([python(13, shared=False), python(11)]).version[1] == 11


def test_one_that_cannot_freeze_is_better_than_none() -> None:
    assert interpreter.choose([python(10), python(12, shared=False)]).version[1] == 12


def test_none_usable_says_what_was_found_and_what_to_install() -> None:
    with pytest.raises(BuildError) as failure:
        interpreter.choose([python(10), python(11, missing=("ensurepip",))])
    assert "python3.10 is 3.10.1" in str(failure.value)
    assert "3.11.1 without ensurepip" in str(failure.value)
    assert "python3-venv" in str(failure.value)


def test_pyenv_versions_are_tried_before_path_newest_first(tmp_path: Path) -> None:
    for version in ("3.12.1", "3.12.10", "3.13.0", "3.9.18", "3.13.0-debug"):
        folder = tmp_path / "versions" / version / "bin"
        folder.mkdir(parents=True)
        (folder / f"python3.{version.split('.')[1]}").touch()
    tried = list(interpreter.candidates(tmp_path, {"PYENV_ROOT": str(tmp_path), "PATH": ""}))
    versions = [path.parent.parent.name for path in tried[:-1]]
    assert versions == ["3.13.0", "3.12.10", "3.12.1"]
    assert tried[-1] == Path(sys.executable)


def test_probe_of_this_python_is_usable() -> None:
    found = interpreter.probe(Path(sys.executable))
    assert found is not None
    assert found.version == tuple(sys.version_info[:3])
    assert found.usable


def test_probe_of_what_does_not_run_is_none(tmp_path: Path) -> None:
    broken = tmp_path / "python3.13"
    broken.write_text("#!/bin/sh\necho 'version not installed' >&2\nexit 127\n")
    broken.chmod(0o755)
    assert interpreter.probe(broken) is None
    assert interpreter.probe(tmp_path / "missing") is None
