"""What goes into the binary: no excluded module is needed, no module of ours is forgotten."""

import ast
import importlib
import sys
from pathlib import Path

import pytest

from buildtool import excludes, freeze, sources
from buildtool.paths import ROOT


def imported_by(path: Path) -> set[str]:
    """Return every absolute module name that a file imports, at any depth of its code."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def test_nothing_of_sidecar_imports_an_excluded_module() -> None:
    excluded = set(excludes.excluded_modules())
    frozen = set(sources.sidecar_modules())
    wrong = []
    for path in (ROOT / "sidecar").rglob("*.py"):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name in frozen:
            hit = {one for one in imported_by(path) if {one, one.partition(".")[0]} & excluded}
            wrong += [f"{name} imports {one}" for one in sorted(hit)]
    assert wrong == []


def test_every_module_is_collected_but_what_runs_from_source_alone() -> None:
    modules = sources.sidecar_modules()
    assert {"sidecar", "sidecar.cli", "sidecar.contract.bridge"} <= set(modules)
    assert not any(name.startswith(sources.SOURCE_ONLY) for name in modules)


def test_files_that_make_the_binary_exist_and_change_its_hash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    names = {path.relative_to(ROOT).as_posix() for path in sources.input_files()}
    assert {f"packaging/{name}" for name in sources.TOOL_INPUTS} <= names
    assert "sidecar/cli.py" in names
    plain = sources.input_hash("3.13.0", stripped=True)
    assert sources.input_hash("3.13.0", stripped=True) == plain
    assert sources.input_hash("3.13.0", stripped=False) != plain
    assert sources.input_hash("3.11.7", stripped=True) != plain
    extra = tmp_path / "extra"
    extra.write_bytes(b"x")
    monkeypatch.setenv(sources.EXTRA, str(extra))
    assert sources.input_hash("3.13.0", stripped=True) != plain
    assert sources.input_hash("3.13.0", stripped=True, with_extra=False) == plain


def test_what_pyinstaller_has_analysed_serves_for_the_same_inputs_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(freeze, "WORK", tmp_path)
    analysed = tmp_path / "work" / "Analysis-00.toc"
    for inputs, kept in (("a", False), ("a", True), ("b", False), ("a", False)):
        freeze._forget_other_analysis(inputs)
        assert analysed.is_file() == kept
        analysed.touch()


def test_the_folder_packaging_does_not_hide_the_package_of_that_name() -> None:
    # The folder has no __init__.py: a namespace package, which any installed package precedes.
    assert sys.path[0] != ""
    module = importlib.import_module("packaging")
    assert ROOT not in Path(str(module.__file__)).parents[1:2]
    assert importlib.import_module("packaging.version").Version("1.0") is not None
