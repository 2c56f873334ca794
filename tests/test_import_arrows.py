"""Imports run one way (ARCHITECTURE §5), and pure rooms stay pure.

Reads sources by ast, so a late import inside a function is seen as well as one at the top.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

IO = frozenset(
    {
        "asyncio",
        "concurrent",
        "ctypes",
        "fcntl",
        "multiprocessing",
        "os",
        "psutil",
        "pty",
        "select",
        "selectors",
        "signal",
        "socket",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
    }
)
"""What touches the operating system or other threads."""

BRIDGE_LIBRARIES = frozenset({"aiohttp", "yarl", "multidict"})

LAYERS: dict[str, frozenset[str]] = {}
"""Room → the rooms that it may import."""


def _layer(rooms: str, *below: str) -> None:
    for room in rooms.split():
        LAYERS[room] = frozenset({room, *below})


_LOG = ("sidecar.observe.log", "sidecar.observe.metrics", "sidecar.observe.clock")
_BASE = ("sidecar.contract", "sidecar.core", *_LOG)
_TOP = ("sidecar.journal", "sidecar.process", "sidecar.providers")

_layer("sidecar.contract")
_layer("sidecar.core", "sidecar.contract")
_layer(" ".join(_LOG), "sidecar.contract", "sidecar.core", *_LOG)
_layer("sidecar.journal sidecar.process sidecar.providers", *_BASE)
_layer("sidecar.host", *_BASE, *_TOP)
_layer("sidecar.supervisor", *_BASE, *_TOP, "sidecar.host")
_layer("sidecar.bridge", *_BASE, *_TOP, "sidecar.host", "sidecar.supervisor")
_layer("sidecar.observe sidecar.cli sidecar.serve sidecar.__main__", "sidecar")

PURE = ("sidecar.contract", "sidecar.core")
"""Rooms without IO; so are a provider's wire and mapping modules (PURE_MODULES)."""

PURE_MODULES = (
    "sidecar.providers.*.wire*",
    "sidecar.providers.*.mapping*",
    "sidecar.providers.jsonrpc",
    "sidecar.providers.lines",
    "sidecar.providers.shapes",
    "sidecar.providers.text",
)

EXEMPT_FROM_PURITY = ("sidecar.contract.generate",)
"""A tool of the source tree that reads and writes files; nothing that runs imports it."""

NO_BRIDGE_LIBRARIES = (
    "sidecar.contract",
    "sidecar.core",
    "sidecar.journal",
    "sidecar.process",
    "sidecar.providers",
    "sidecar.host",
    "sidecar.supervisor",
    "sidecar.observe.log",
    "sidecar.observe.metrics",
)

EXCEPTIONS = {
    ("sidecar.providers.demo.session", "sidecar.process.own_command"): (
        "the demo agent is our own binary, and only process knows how that is started again"
    ),
    ("sidecar.providers.opencode.http", "aiohttp"): (
        "the client of an agent that speaks HTTP; imported late, so in no other host"
    ),
}
"""Single imports between rooms that are side by side, each with its reason."""


@dataclass(frozen=True, slots=True)
class Import:
    module: str
    line: int
    imported: str


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports_of(source: str, module: str) -> Iterator[Import]:
    """Yield every import of a module; `from a import b` gives a.b, which may be a module."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                for alias in names:
                    yield Import(module, node.lineno, alias.name)
            case ast.ImportFrom(module=str(base), level=0, names=names):
                for alias in names:
                    yield Import(module, node.lineno, f"{base}.{alias.name}")
            case ast.ImportFrom(level=level) if level:
                yield Import(module, node.lineno, "." * level)
            case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module")):
                for argument in node.args[:1]:
                    if isinstance(argument, ast.Constant):
                        yield Import(module, node.lineno, str(argument.value))


def within(name: str, rooms: frozenset[str] | tuple[str, ...]) -> bool:
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


def room_of(module: str) -> str:
    """Return the most exact room that a module is in."""
    rooms = [room for room in LAYERS if within(module, (room,))]
    assert rooms, f"{module} is in no room: name it in LAYERS and in ARCHITECTURE.md"
    return max(rooms, key=len)


def is_pure(module: str) -> bool:
    if within(module, EXEMPT_FROM_PURITY):
        return False
    return within(module, PURE) or any(fnmatchcase(module, pattern) for pattern in PURE_MODULES)


def _along(found: Import) -> bool:
    if found.imported == "sidecar.__version__" or (found.module, found.imported) in EXCEPTIONS:
        return True
    return within(found.imported, LAYERS[room_of(found.module)])


def fault(found: Import) -> str | None:
    """Return what is wrong with an import, None when it may be."""
    top = found.imported.split(".")[0]
    where = f"{found.module}:{found.line} imports {found.imported}"
    if found.imported.startswith("."):
        return f"{where}: imports are absolute"
    if top == "sidecar" and not _along(found):
        return f"{where}: against the arrows"
    if top in IO and is_pure(found.module):
        return f"{where}: a pure module"
    excepted = (found.module, found.imported) in EXCEPTIONS
    if top in BRIDGE_LIBRARIES and within(found.module, NO_BRIDGE_LIBRARIES) and not excepted:
        return f"{where}: belongs to the bridge"
    if within(found.imported, EXEMPT_FROM_PURITY) and not within(found.module, EXEMPT_FROM_PURITY):
        return f"{where}: a tool of the source tree"
    return None


def sources() -> list[Path]:
    return sorted((ROOT / "sidecar").rglob("*.py"))


@pytest.mark.parametrize("path", sources(), ids=lambda path: module_name(path, ROOT))
def test_imports_follow_the_arrows(path: Path) -> None:
    module = module_name(path, ROOT)
    if module == "sidecar":
        return
    found = imports_of(path.read_text("utf-8"), module)
    faults = [text for text in map(fault, found) if text]
    assert not faults, "\n".join(faults)


FORBIDDEN = [
    ("sidecar.contract.base", "from sidecar.core import drafts"),
    ("sidecar.core.fold", "import asyncio"),
    ("sidecar.core.fold", "def late():\n    import os.path"),
    ("sidecar.core.fold", "from sidecar.journal import Journal"),
    ("sidecar.core.fold", "from sidecar import journal"),
    ("sidecar.core.fold", "from sidecar.observe.log import get"),
    ("sidecar.journal.writer", "import sidecar.process.child"),
    ("sidecar.providers.acp.wire", "import asyncio"),
    ("sidecar.providers.acp.mapping_tools", "from os import environ"),
    ("sidecar.providers.acp.session", "from sidecar.host import channel"),
    ("sidecar.host.main", "from sidecar.supervisor import sessions"),
    ("sidecar.host.main", "import importlib\nimportlib.import_module('sidecar.bridge')"),
    ("sidecar.host.main", "from aiohttp import web"),
    ("sidecar.supervisor.sessions", "from sidecar.bridge import server"),
    ("sidecar.bridge.server", "from sidecar.cli import main"),
    ("sidecar.process.child", "from sidecar.observe import doctor"),
    ("sidecar.bridge.server", "from . import hello"),
    ("sidecar.cli.main", "from sidecar.contract.generate import tables"),
]


@pytest.mark.parametrize(("module", "source"), FORBIDDEN)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert [text for text in map(fault, imports_of(source, module)) if text]


ALLOWED = [
    ("sidecar.core.fold", "from sidecar.contract.events import Event"),
    ("sidecar.process.child", "from sidecar.observe.log import get"),
    ("sidecar.process.child", "import asyncio, os"),
    ("sidecar.providers.demo.agent", "import os"),
    ("sidecar.supervisor.launch.zygote", "from sidecar.host import zygote"),
    ("sidecar.bridge.server", "from aiohttp import web"),
    ("sidecar.observe.doctor", "from sidecar.providers import registry"),
    ("sidecar.cli", "from sidecar.serve import serve"),
    ("sidecar.bridge.hello", "from sidecar import __version__"),
]


@pytest.mark.parametrize(("module", "source"), ALLOWED)
def test_an_import_along_the_arrows_is_not(module: str, source: str) -> None:
    assert not [text for text in map(fault, imports_of(source, module)) if text]


def test_every_exception_is_still_needed() -> None:
    found = {
        (found.module, found.imported)
        for path in sources()
        for found in imports_of(path.read_text("utf-8"), module_name(path, ROOT))
    }
    assert set(EXCEPTIONS) <= found


def test_a_module_outside_the_rooms_is_noticed() -> None:
    with pytest.raises(AssertionError, match="in no room"):
        room_of("sidecar.attic.old")
