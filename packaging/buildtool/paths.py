"""Where things are in the clone, and in the cache outside it. Owns names alone, creates nothing."""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "packaging"
GLUE = ROOT / "electron-glue"
VENV = ROOT / ".venv"
BUILD = ROOT / "build"
"""Scratch: logs, locks, PyInstaller's work folders. Removing it is always safe."""
DIST = ROOT / "dist"
LOGS = BUILD / "logs"
APP = "agent-sidecar"
EXE = ".exe" if sys.platform == "win32" else ""


def cache_dir() -> Path:
    """Return the folder for what may outlive a clone (stripped libraries)."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / APP


def venv_python(venv: Path = VENV) -> Path:
    """Return the interpreter of a virtual environment, which may not exist yet."""
    return venv / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def binary(layout: str, dist: Path = DIST) -> Path:
    """Return the frozen executable of a layout, which may not exist yet."""
    folder = dist / layout
    return folder / APP / f"{APP}{EXE}" if layout == "onedir" else folder / f"{APP}{EXE}"
