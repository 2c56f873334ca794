"""Look into a frozen binary: how many bytes each component takes.

Runs in the virtual environment, as it reads PyInstaller's archives with PyInstaller's reader:
`python -m buildtool.bundle LAYOUT PATH` prints JSON. The parts add up to the size on disk exactly.
"""

import hashlib
import importlib
import json
import sys
import sysconfig
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from buildtool.paths import APP, EXE

RUNTIME = "python runtime"
"""libpython, the bootloader, PyInstaller's own modules, and what the archives cost."""
STDLIB = "python stdlib"
LIBRARIES = "shared libraries"
DATA = "other data"

IMPORT_NAMES = {"attrs": "attr", "entry": "sidecar"}
"""Names that belong to a component of another name."""

BIGGEST = 25
"""Files that the report lists."""


class Part(NamedTuple):
    """One file or module inside a bundle, in bytes as it lies there (compressed in onefile)."""

    component: str
    name: str
    size_bytes: int


def component_of_module(name: str) -> str:
    """Return the component that a frozen Python module belongs to."""
    top = name.partition(".")[0]
    if top.startswith(("pyimod", "pyiboot", "pyi_", "_pyi_")) or top == "struct":
        return RUNTIME
    if top in sys.stdlib_module_names or top.startswith("_sysconfigdata"):
        return STDLIB
    return IMPORT_NAMES.get(top, top)


def component_of_file(name: str) -> str:
    """Return the component of a file of the bundle, by its path relative to the bundle."""
    path = Path(name)
    if path.name.startswith(("libpython", "python3")) or path.name == "Python":
        return RUNTIME
    if name == "base_library.zip" or "lib-dynload" in path.parts:
        return STDLIB
    if len(path.parts) > 1:
        package = path.parts[0].partition("-")[0]  # also of a dist-info folder
        return IMPORT_NAMES.get(package, package)
    stem = path.name.partition(".")[0]
    if path.suffix in (".pyd", ".so", ".dylib", ".dll") or ".so." in path.name:
        return STDLIB if stem in sys.stdlib_module_names else LIBRARIES
    return DATA


def parts_of(executable: Path) -> Iterator[Part]:
    """Yield what an executable made by PyInstaller holds; its own overhead is the runtime's."""
    readers = importlib.import_module("PyInstaller.archive.readers")  # has no type information
    archive = readers.CArchiveReader(str(executable))
    inside = 0
    for name, (_, length, _, _, kind) in archive.toc.items():
        if kind == "z":
            for module, (_, _, size) in archive.open_embedded_archive(name).toc.items():
                yield Part(component_of_module(module), module, size)
                inside += size
        else:
            component = component_of_module if kind in "msM" else component_of_file
            yield Part(component(name), name, length)
            inside += length
    yield Part(RUNTIME, "bootloader", executable.stat().st_size - inside)


def parts_of_layout(layout: str, folder: Path) -> Iterator[Part]:
    """Yield the parts of dist/<layout>: `folder` holds the executable or the bundle's folder."""
    if layout == "onefile":
        yield from parts_of(folder / f"{APP}{EXE}")
        return
    bundle = folder / APP
    yield from parts_of(bundle / f"{APP}{EXE}")
    inner = bundle / "_internal"
    for path in sorted(inner.rglob("*")):
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(inner).as_posix()
            yield Part(component_of_file(name), name, path.stat().st_size)


def summary(parts: list[Part]) -> dict[str, Any]:
    """Return the sizes by component (largest first) and the biggest parts."""
    sizes: Counter[str] = Counter()
    for part in parts:
        sizes[part.component] += part.size_bytes
    biggest = sorted(parts, key=lambda part: -part.size_bytes)[:BIGGEST]
    return {
        "totalBytes": sum(sizes.values()),
        "components": dict(sizes.most_common()),
        "biggest": [part._asdict() for part in biggest],
    }


def python_facts() -> dict[str, str]:
    """Return this Python's version, and a hash that tells its build from others of that version."""
    names = [sysconfig.get_config_var(name) for name in ("INSTSONAME", "LDLIBRARY")]
    folders = [sysconfig.get_config_var("LIBDIR"), f"{sys.base_prefix}/lib", sys.base_prefix]
    libraries = [Path(folder, name) for folder in folders for name in names if folder and name]
    library = next((path for path in libraries if path.is_file()), Path(sys.executable))
    return {
        "python": "{}.{}".format(*sys.version_info),
        "pythonVersion": sys.version.split()[0],
        "pythonBuild": hashlib.sha256(library.read_bytes()).hexdigest()[:16],
    }


def main() -> int:
    layout, folder = sys.argv[1:]
    found = summary(list(parts_of_layout(layout, Path(folder))))
    sys.stdout.write(json.dumps({**python_facts(), **found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
