"""A shim is read, not run. The texts are what npm's own cmd-shim wrote for small programs.

`codex`: a Node script; `args`: one whose first line has an option; `opencode`: a native program;
`env`: one whose first line sets a variable. Nothing here ever ran on Windows.
"""

from pathlib import Path

import pytest

from sidecar.process.shims import SHIM_CHARS, program_of_shim

FIXTURES = Path(__file__).parents[1] / "fixtures" / "shims"
FOLDER = "C:\\Users\\me\\AppData\\Roaming\\npm"
BIN = "C:\\Users\\me\\AppData\\Roaming\\node_modules\\codex\\bin"


def read(name: str, *, node_beside: bool = False) -> list[str] | None:
    text = (FIXTURES / name).read_text("utf-8")
    beside = f"{FOLDER}\\node.exe"
    return program_of_shim(f"{FOLDER}\\{name}", text, lambda p: node_beside and p == beside)


@pytest.mark.parametrize("kind", ["cmd", "ps1"])
def test_a_script_is_started_by_its_interpreter(kind: str) -> None:
    assert read(f"codex.{kind}") == ["node", f"{BIN}\\codex.js"]


@pytest.mark.parametrize("kind", ["cmd", "ps1"])
def test_an_interpreter_beside_the_shim_goes_first(kind: str) -> None:
    assert read(f"codex.{kind}", node_beside=True) == [f"{FOLDER}\\node.exe", f"{BIN}\\codex.js"]


@pytest.mark.parametrize("kind", ["cmd", "ps1"])
def test_the_interpreters_own_arguments_stay(kind: str) -> None:
    assert read(f"args.{kind}") == ["node", "--no-warnings=DEP0040", f"{BIN}\\args.js"]


@pytest.mark.parametrize("kind", ["cmd", "ps1"])
def test_a_native_program_is_started_itself(kind: str) -> None:
    assert read(f"opencode.{kind}") == [f"{BIN}\\opencode.exe"]


def test_a_shim_that_sets_a_variable_is_not_left_out() -> None:
    assert read("env.cmd") is None


def test_the_older_form_is_read_too() -> None:
    text = (
        '@IF EXIST "%~dp0\\node.exe" (\r\n'
        '  "%~dp0\\node.exe"  "%~dp0\\..\\node_modules\\codex\\bin\\codex.js" %*\r\n'
        ") ELSE (\r\n"
        "  @SET PATHEXT=%PATHEXT:;.JS;=;%\r\n"
        '  node  "%~dp0\\..\\node_modules\\codex\\bin\\codex.js" %*\r\n'
        ")\r\n"
    )
    found = program_of_shim(f"{FOLDER}\\codex.cmd", text, lambda _: False)
    assert found == ["node", f"{BIN}\\codex.js"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@echo off\r\necho hello\r\n",
        '@echo off\r\nstart "" "%dp0%\\run.bat" %*\r\n',
        '"%SOMEWHERE%\\x.exe" %*\r\n',
        "%*\r\n",
        '"%dp0%\\run.bat" %*\r\n',
        "x" * (SHIM_CHARS + 1),
    ],
)
def test_what_is_no_shim_is_left_alone(text: str) -> None:
    assert program_of_shim(f"{FOLDER}\\mine.cmd", text, lambda _: False) is None


@pytest.mark.parametrize(
    "text", ["", "& $args\n", '& "$HOME/x" $args\n', '& "node" "y.js" $args\n']
)
def test_what_is_no_shim_is_left_alone_in_powershell(text: str) -> None:
    assert program_of_shim(f"{FOLDER}\\mine.ps1", text, lambda _: False) is None
