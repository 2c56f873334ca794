"""Everything that the binary contains has its licence in the text beside it."""

import tomllib
from importlib import metadata
from pathlib import Path

import pytest

from buildtool import licenses

ROOT = Path(__file__).parents[2]


def test_every_runtime_dependency_is_named_with_its_text(tmp_path: Path) -> None:
    target = tmp_path / licenses.FILE
    licenses.write(target)
    text = target.read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [name.split(">")[0].split("=")[0] for name in project["dependencies"]]
    assert names
    for name in [*names, "yarl", "multidict", "pyinstaller", "CPython"]:
        assert f"\n{name} " in text
    assert "Apache License" in text
    assert "special exception" in text


def test_no_tool_of_the_build_alone_is_named() -> None:
    names = {d.metadata["Name"].lower() for d in licenses.shipped()}
    assert names.isdisjoint({"pytest", "mypy", "ruff", "setuptools", "agent-sidecar"})


def test_a_package_without_a_text_fails_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "bare-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: bare\nVersion: 1.0\n")
    (folder / "RECORD").write_text("bare-1.0.dist-info/METADATA,,\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match=r"bare 1\.0 brings no licence text"):
        licenses.text_of(metadata.distribution("bare"))
