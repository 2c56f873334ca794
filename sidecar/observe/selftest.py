"""`agent-sidecar selftest`: use everything that a frozen build can lose without anybody noticing.

A packager drops what no analysis sees: extension modules, modules imported by name, code pages.
This proves their presence by use, without network and without starting a process. It never judges
the machine: that is the doctor's.
"""

import asyncio
import ctypes
import hashlib
import hmac
import importlib
import json
import pkgutil
import platform
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sidecar

SOURCE_ONLY = "sidecar.contract.generate"
"""Runs from source alone and is left out of the binary."""

PACKAGES = ("aiohttp.web", "msgspec", "msgspec.msgpack", "psutil", "platformdirs")

OTHER_PLATFORMS = {
    "linux": ("windows", "macos", "darwin"),
    "darwin": ("windows", "linux"),
    "win32": ("linux", "macos", "darwin", "posix"),
}
"""Last parts of module names that are not imported on this platform."""


def check_sqlite() -> str:
    """Write and read a real database in WAL mode."""
    with tempfile.TemporaryDirectory(prefix="agent-sidecar-selftest-") as folder:
        connection = sqlite3.connect(Path(folder) / "journal.db")
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("CREATE TABLE segments(first_seq INTEGER PRIMARY KEY, bodies BLOB)")
            with connection:
                connection.execute("INSERT INTO segments VALUES (1, ?)", (b"\x00body",))
            rows = connection.execute("SELECT bodies FROM segments").fetchall()
        finally:
            connection.close()
    _expect(rows == [(b"\x00body",)], f"read back {rows!r}")
    return sqlite3.sqlite_version


def check_ctypes() -> str:
    """Call into the C library, as the subreaper and the parent-death signal do."""
    if sys.platform == "win32":
        _expect(ctypes.windll.kernel32.GetCurrentProcessId() > 0, "GetCurrentProcessId")
        return "kernel32"
    _expect(ctypes.CDLL(None).getpid() > 0, "getpid through ctypes")
    return "libc"


def check_hashes() -> str:
    """Compute what handshake and WebSocket need; the binary has no OpenSSL."""
    digest = hmac.new(b"key", b"message", hashlib.sha256).hexdigest()
    _expect(digest.startswith("6e9ef29b75fffc5b"), f"HMAC-SHA256 is {digest}")
    _expect(hashlib.sha1(b"", usedforsecurity=False).hexdigest().startswith("da39a3ee"), "SHA-1")
    return "sha256, sha1"


def check_names() -> str:
    """Resolve a name: needs the idna codec, whose absence shows nowhere else."""
    _expect(bool(socket.getaddrinfo("127.0.0.1", 1)), "no address")
    _expect("bücher".encode("idna") == b"xn--bcher-kva", "idna")
    return "idna"


def check_packages() -> dict[str, str]:
    """Import the packages and use those that have an extension."""
    loaded = {name: importlib.import_module(name) for name in PACKAGES}
    codec = loaded["msgspec.msgpack"]
    value = {"list": [1, "é", b"\x00"]}
    _expect(codec.decode(codec.encode(value)) == value, "MessagePack does not come back the same")
    _expect(loaded["psutil"].Process().create_time() > 0, "psutil")
    return {name: getattr(loaded[name], "__version__", "") for name in ("msgspec", "psutil")}


def check_modules() -> int:
    """Import every module of sidecar: what is imported by name must be in the binary too."""
    skipped = OTHER_PLATFORMS.get(sys.platform, ())
    count = 0
    for module in pkgutil.walk_packages(sidecar.__path__, "sidecar."):
        last = module.name.rpartition(".")[2]
        if module.name.startswith(SOURCE_ONLY) or last == "__main__" or last in skipped:
            continue
        importlib.import_module(module.name)
        count += 1
    _expect(count > 0, "no module of sidecar found")
    return count


def check_loop() -> str:
    """Run an event loop, which needs its self-pipe and selector."""
    return type(asyncio.run(_running_loop())).__name__


async def _running_loop() -> asyncio.AbstractEventLoop:
    return asyncio.get_running_loop()


CHECKS: dict[str, Callable[[], Any]] = {
    "sqlite": check_sqlite,
    "ctypes": check_ctypes,
    "hashes": check_hashes,
    "names": check_names,
    "packages": check_packages,
    "modules": check_modules,
    "loop": check_loop,
}


def selftest(checks: dict[str, Callable[[], Any]] | None = None) -> dict[str, Any]:
    """Run the checks; `failed` maps a check to its reason and is empty when all is well."""
    passed: dict[str, Any] = {}
    failed: dict[str, str] = {}
    for name, check in (CHECKS if checks is None else checks).items():
        try:
            passed[name] = check()
        except Exception as error:  # noqa: BLE001 - each finding is reported, none stops the rest
            failed[name] = f"{type(error).__name__}: {error}"
    return {
        "version": sidecar.__version__,
        "python": platform.python_version(),
        "platform": f"{sys.platform} {platform.machine()}",
        "frozen": bool(getattr(sys, "frozen", False)),
        "utf8": bool(sys.flags.utf8_mode),
        "passed": passed,
        "failed": failed,
    }


def main() -> int:
    """Print the findings as one JSON line on stdout; exit code 1 when a check failed."""
    findings = selftest()
    sys.stdout.write(json.dumps(findings) + "\n")
    return 1 if findings["failed"] else 0


def _expect(holds: bool, what: str) -> None:
    """Raise when a check's expectation does not hold; assert would be optimised away."""
    if not holds:
        raise RuntimeError(what)
