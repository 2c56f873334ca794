"""What a killed onefile bootloader leaves: the folder that it unpacked itself into.

Owns the decision that such a folder is nobody's. Linux alone: elsewhere it cannot be seen here who
still uses a folder, and Windows removes none that is in use.
"""

import os
import shutil
import sys
import time
from pathlib import Path

from sidecar.process.platform import IS_LINUX

MARKER = "agent-sidecar.marker"
"""A file that packaging puts into every build, so that no other program's folder is touched."""

MIN_AGE_S = 60.0
"""A folder that is still being unpacked is mapped by nobody yet; unpacking takes a second."""

SWEPT_AT_ONCE = 32
"""Folders that one start looks at: more wait for the next, a start must not take long."""


def own_folder() -> Path | None:
    """Return the folder that this process was unpacked into; None unless it is a onefile build."""
    folder = getattr(sys, "_MEIPASS", None)
    path = Path(folder) if folder else None
    return path if path is not None and path.name.startswith("_MEI") else None


def sweep_unpacked(now_s: float | None = None) -> list[Path]:
    """Remove the leaked folders beside our own; return them."""
    own = own_folder()
    if own is None or not IS_LINUX:
        return []
    now = time.time() if now_s is None else now_s
    leaked = leaked_folders(own.parent, own, now)[:SWEPT_AT_ONCE]
    for folder in leaked:
        shutil.rmtree(folder, ignore_errors=True)
    return leaked


def leaked_folders(where: Path, own: Path, now_s: float) -> list[Path]:
    """Return the folders of dead builds of ours: marked, our user's, old enough, used by nobody."""
    candidates = [
        folder for folder in where.glob("_MEI*") if folder != own and _is_ours(folder, now_s)
    ]
    if not candidates:
        return []
    used = _mapped_paths()
    return [f for f in candidates if not any(path.startswith(f"{f}/") for path in used)]


def _is_ours(folder: Path, now_s: float) -> bool:
    try:
        stat = folder.stat()
        marked = (folder / MARKER).is_file()
    except OSError:
        return False
    return marked and stat.st_uid == os.getuid() and now_s - stat.st_mtime > MIN_AGE_S


def _mapped_paths() -> set[str]:
    """Return every file that a process which we may look at has mapped."""
    paths: set[str] = set()
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            lines = (entry / "maps").read_text(errors="replace").splitlines()
        except OSError:
            continue
        paths.update(fields[5] for line in lines if len(fields := line.split(None, 5)) == 6)
    return paths
