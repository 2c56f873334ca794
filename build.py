#!/usr/bin/env python3
"""The one entry point: sets the clone up, then runs, tests, checks, freezes or measures.

Needs Python's standard library alone; everything else goes into .venv and node_modules.
Each verb is a module of packaging/buildtool.
"""

import os
import shutil
import subprocess
import sys

OLDEST = (3, 11)
NEWER = ("python3.13", "python3.12", "python3.11")

if sys.version_info < OLDEST:  # an older python3 may stand before a newer one on PATH
    for name in NEWER:
        newer = shutil.which(name)
        if newer and subprocess.call([newer, "-c", ""], stderr=subprocess.DEVNULL) == 0:
            os.execv(newer, [newer, *sys.argv])
    sys.exit("build.py needs Python 3.11 or newer; this is " + sys.version.split()[0])

from pathlib import Path  # noqa: E402 - only after the version is known to be new enough

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "packaging"))

from buildtool.cli import main  # noqa: E402 - stands in the folder that the line above adds

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
