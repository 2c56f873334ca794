"""Sabotages of what keeps the bundle small."""

import importlib
import sys
from contextlib import suppress

HEAVY = (
    "mypy.build",
    "hypothesis",
    "PyInstaller.building.build_main",
    "pip._internal.cli.main_parser",
    "pip._vendor.rich.console",
    "aiohttp.test_utils",
    "unittest.mock",
    "pydoc",
    "xml.dom.minidom",
    "lib2to3.refactor",
    "idlelib.config",
)
"""What comes in by way of a dependency of a dependency when nothing is excluded."""


def no_excludes() -> None:
    """Bring along what the bundle leaves out; whoever is forked has it too."""
    for name in HEAVY:
        with suppress(ImportError):
            importlib.import_module(name)
    for name in sys.stdlib_module_names:
        if not name.startswith("_") and name not in ("antigravity", "this"):
            with suppress(ImportError):
                importlib.import_module(name)
