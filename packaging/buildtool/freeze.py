"""Freeze: run PyInstaller, put the result into dist, prove that it works, write its size report.

Owns dist/<layout>/ and its stamp. A layout whose inputs have not changed is not built again.
"""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from buildtool import interpreter, licenses, sources
from buildtool.paths import APP, BUILD, DIST, EXE, PACKAGING, ROOT, binary, cache_dir, venv_python
from buildtool.report import write_report
from buildtool.shell import BuildError, exclusive, quiet, say

LAYOUTS = ("onefile", "onedir")
STAMP = "stamp.json"
WORK = BUILD / "freeze"
"""PyInstaller's own folder: what it has analysed, which serves again for the same inputs."""


@dataclass(frozen=True)
class FreezeOptions:
    """What to freeze and where to put it."""

    layouts: Sequence[str] = ("onefile",)
    dist: Path = DIST
    prove: bool = True
    """Smoke-test the result and measure its start. Off only to test the size rules."""


def freeze(options: FreezeOptions) -> None:
    """Bring the frozen layouts up to date; the virtual environment must be set up.

    Raises BuildError when a tool is missing, PyInstaller fails or the result does not work.
    """
    with exclusive("freeze"):
        stripped = _strips()
        inputs = sources.input_hash(_python_label(), stripped)
        stale = [layout for layout in options.layouts if not _fresh(layout, inputs, options)]
        for layout in options.layouts:
            if layout not in stale:
                say(f"  {f'freeze {layout}':<34} unchanged")
        if not stale:
            return
        _require_tools()
        _forget_other_analysis(sources.input_hash(_python_label(), stripped, with_extra=False))
        _build(stale, options.dist, stripped)
        for layout in stale:
            _finish(layout, inputs, stripped, options)


def _forget_other_analysis(inputs: str) -> None:
    """Have PyInstaller analyse anew unless nothing differs: by itself it looks at times alone."""
    work, stamp = WORK / "work", WORK / "inputs"
    if not stamp.is_file() or stamp.read_text(encoding="utf-8") != inputs:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True)
        stamp.write_text(inputs, encoding="utf-8")


def _build(layouts: Sequence[str], dist: Path, stripped: bool) -> None:
    """Run PyInstaller once for all the layouts and move what it made into place."""
    made = WORK / "dist"
    shutil.rmtree(made, ignore_errors=True)
    quiet(
        f"freeze {' + '.join(layouts)}",
        [
            *(venv_python(), "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"),
            *("--distpath", made, "--workpath", WORK / "work"),
            PACKAGING / "agent-sidecar.spec",
        ],
        cwd=ROOT,
        env={
            "AGENT_SIDECAR_LAYOUTS": ",".join(layouts),
            "AGENT_SIDECAR_STRIP": "1" if stripped else "0",
            "PYINSTALLER_CONFIG_DIR": str(cache_dir() / "pyinstaller"),
            "PYTHONHASHSEED": "0",  # the same input gives the same bytes
        },
    )
    for layout in layouts:
        source = made / (APP if layout == "onedir" else f"{APP}-onefile{EXE}")
        target = dist / layout / (APP if layout == "onedir" else f"{APP}{EXE}")
        _replace(source, target)


def _replace(source: Path, target: Path) -> None:
    """Move `source` to `target` in one step, so that nobody starts a half-copied binary."""
    shutil.rmtree(target.parent, ignore_errors=True)
    target.parent.mkdir(parents=True)
    staged = target.with_name(f".{target.name}.new")
    shutil.move(source, staged)
    staged.rename(target)


def _finish(layout: str, inputs: str, stripped: bool, options: FreezeOptions) -> None:
    frozen = binary(layout, options.dist)
    if options.prove:
        prove(frozen, layout)
    quiet(
        f"licences {layout}",
        [venv_python(), "-m", "buildtool.licenses", options.dist / layout / licenses.FILE],
        cwd=ROOT,
        env={"PYTHONPATH": str(PACKAGING)},
    )
    write_report(layout, options.dist, stripped=stripped, measure_start=options.prove)
    stamp = {"inputs": inputs, "proven": options.prove}
    (options.dist / layout / STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def prove(frozen: Path, layout: str) -> None:
    """Run the smoke test against a frozen binary. Raises BuildError when it fails."""
    quiet(
        f"smoke test {layout}",
        [venv_python(), "-m", "buildtool.smoke", frozen],
        cwd=ROOT,
        env={"PYTHONPATH": str(PACKAGING)},
    )


def _fresh(layout: str, inputs: str, options: FreezeOptions) -> bool:
    try:
        stamp = json.loads((options.dist / layout / STAMP).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return (
        stamp.get("inputs") == inputs
        and (stamp.get("proven") or not options.prove)
        and binary(layout, options.dist).exists()
    )


def _python_label() -> str:
    """Name the interpreter of the virtual environment exactly, its build included."""
    python = interpreter.probe(venv_python())
    if python is None:
        raise BuildError("Cannot freeze: .venv does not work. Remove it and run build.py again.")
    if not python.shared:
        raise BuildError(
            f"Cannot freeze: Python {python.label} has no shared libpython, and PyInstaller needs"
            f" one. Install it (Debian: libpython3.{python.version[1]}; pyenv: with"
            f" PYTHON_CONFIGURE_OPTS=--enable-shared), or name another in {interpreter.OVERRIDE}."
        )
    return f"{python.label} {python.executable}"


def _strips() -> bool:
    """Return whether libraries are stripped; say so where they cannot be."""
    if sys.platform == "win32":
        return False  # Windows keeps symbols in files of their own: nothing to strip
    if shutil.which("strip"):
        return True
    say(
        "  strip is not on PATH: the binary will be about three times as large, and its size is"
        " not judged (Debian: apt-get install binutils)"
    )
    return False


def _require_tools() -> None:
    missing = [tool for tool in ("objcopy", "objdump", "ldd") if not shutil.which(tool)]
    if sys.platform == "linux" and missing:
        raise BuildError(
            f"Cannot freeze: PyInstaller needs {', '.join(missing)} (Debian: apt-get install"
            " binutils)."
        )
    extra = os.environ.get(sources.EXTRA)
    if extra and not Path(extra).is_file():
        raise BuildError(f"Cannot freeze: {sources.EXTRA} names {extra}, which is no file.")
