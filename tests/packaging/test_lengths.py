"""Lengths of modules and functions, as `build.py check` judges them."""

from pathlib import Path

from buildtool import lengths


def test_short_module_is_silent() -> None:
    assert list(lengths.judge("a.py", "x = 1\n" * 400)) == []


def test_module_over_400_lines_asks() -> None:
    (finding,) = lengths.judge("a.py", "x = 1\n" * 401)
    assert not finding.fails
    assert "401 lines" in str(finding)


def test_module_over_600_lines_fails() -> None:
    (finding,) = lengths.judge("a.ts", "let x;\n" * 601)
    assert finding.fails


def test_written_reason_lets_a_long_module_pass() -> None:
    text = "# long module: one table, read from top to bottom\n" + "x = 1\n" * 700
    (finding,) = lengths.judge("a.py", text)
    assert not finding.fails
    assert "one table" in str(finding)


def test_function_over_60_lines_is_reported() -> None:
    body = "async def long():\n" + "    x = 1\n" * 60
    (finding,) = lengths.judge("a.py", body)
    assert str(finding) == "a.py:1: long has 61 lines"


def test_generated_files_and_dependencies_are_not_counted(tmp_path: Path) -> None:
    long_text = "x = 1\n" * 700
    (tmp_path / "src" / "node_modules").mkdir(parents=True)
    (tmp_path / "src" / "made.py").write_text("# Generated. Do not edit.\n" + long_text)
    (tmp_path / "src" / "node_modules" / "a.ts").write_text(long_text)
    (tmp_path / "src" / "own.py").write_text(long_text)
    assert [f.where for f in lengths.findings(tmp_path, ("src",))] == ["src/own.py"]
