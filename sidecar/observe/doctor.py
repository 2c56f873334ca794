"""`agent-sidecar doctor`: what this build is, what works here, and what nobody ever tried here.

Prints text for a person, or JSON with --json. Starts nothing but a process of its own to see that
it can; never changes anything.
"""

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.process import NEVER_RUN_HERE, is_frozen
from sidecar.process.filelock import FileLock
from sidecar.process.platform import os_
from sidecar.providers.status import provider_statuses
from sidecar.supervisor.datadir import make_data_dir


def main(arguments: list[str]) -> int:
    """Print the report; exit code 1 when something that is needed does not work."""
    report = examine()
    if "--json" in arguments:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        sys.stdout.write(_text(report))
    return 0 if all(check["ok"] for check in report["checks"]) else 1


def examine() -> dict[str, Any]:
    """Return the report as data."""
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "frozen": is_frozen(),
        "checks": [_check(name, probe) for name, probe in _PROBES.items()],
        "providers": [msgspec.to_builtins(status) for status in provider_statuses(None)],
        "neverRunHere": list(NEVER_RUN_HERE),
    }


def _check(name: str, probe: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "found": probe()}
    except Exception as error:  # noqa: BLE001 - whatever is wrong here is the finding
        return {"name": name, "ok": False, "found": str(error) or repr(error)}


def _data_dir() -> str:
    path = make_data_dir(None)
    holder = FileLock(path / "lock").holder()
    return f"{path}" + (f" (last used by pid {holder})" if holder else "")


def _temp_dir() -> str:
    """A onefile build unpacks itself there: it must be writable and executable."""
    folder = tempfile.gettempdir()
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(b"x")
    return folder


def _identity() -> str:
    key = os_.key_of(os.getpid())
    if key is None:
        raise RuntimeError("cannot read the identity of our own process")
    return f"pid {key.pid}, created at {key.create_time:g}"


def _subreaper() -> str:
    if not os_.set_subreaper():
        os_.set_subreaper(False)
    return "orphans are adopted" if os_.SUBREAPER else "none: orphans go to init"


_PROBES: dict[str, Callable[[], str]] = {
    "data dir": _data_dir,
    "temporary folder": _temp_dir,
    "process identity": _identity,
    "subreaper": _subreaper,
}


def _text(report: dict[str, Any]) -> str:
    lines = [
        f"agent-sidecar {report['version']}"
        f" ({'frozen' if report['frozen'] else 'from source'}, Python {report['python']})",
        report["platform"],
        "",
        *(f"{'ok  ' if c['ok'] else 'FAIL'} {c['name']}: {c['found']}" for c in report["checks"]),
        "",
        "providers:",
        *(
            f"  {p['provider']} ({p['displayName']}): auth {p['auth']}"
            + (f"; {p['reason']}" if p.get("reason") else "")
            for p in report["providers"]
        ),
        "",
        "written, but never run by its authors:",
        *(f"  {line}" for line in report["neverRunHere"]),
        "",
    ]
    return "\n".join(lines)
