"""`agent-sidecar doctor`: what this build is, what works here, and what nobody ever tried here.

Prints text for a person, or JSON with --json. Looks at the providers as provider.status does: each
by a probe process with a deadline. Changes nothing but what a start would make.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.contract.methods import ProviderParams
from sidecar.observe.log import Log
from sidecar.process import NEVER_RUN_HERE, is_frozen
from sidecar.process.filelock import FileLock
from sidecar.process.platform import os_
from sidecar.supervisor.datadir import CannotStart, make_data_dir
from sidecar.supervisor.launch import ExecLauncher
from sidecar.supervisor.providers import Providers
from sidecar.supervisor.settings import Settings, parse_settings

LOGIN_SHELL_S = 15.0
"""What a person waits for a slow login shell, once."""


def main(arguments: list[str]) -> int:
    """Print the report; exit code 1 when something that is needed does not work."""
    options = _parser().parse_args(arguments)
    try:
        settings = _read_settings(options.settings)
    except (OSError, msgspec.DecodeError) as error:
        sys.stderr.write(f"Cannot read the settings: {error}\n")
        return 2
    report = examine(options.data_dir, settings)
    if options.json:
        sys.stdout.write(json.dumps(report, indent=2) + "\n")
    else:
        sys.stdout.write(_text(report))
    return 0 if all(check["ok"] for check in report["checks"]) else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="agent-sidecar doctor")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--data-dir", help="whose manifests and drop-ins to look at")
    parser.add_argument("--settings", type=Path, help="a file with the settings as JSON")
    return parser


def _read_settings(path: Path | None) -> Settings:
    return parse_settings(msgspec.json.decode(path.read_bytes()) if path else None)


def examine(data_dir: str | None = None, settings: Settings | None = None) -> dict[str, Any]:
    """Return the report as data."""
    environment, providers = asyncio.run(_look(data_dir, settings or Settings()))
    return {
        "version": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "frozen": is_frozen(),
        "checks": [_check(name, probe) for name, probe in _checks(data_dir).items()],
        "environment": environment,
        "providers": providers,
        "neverRunHere": list(NEVER_RUN_HERE),
    }


async def _look(data_dir: str | None, settings: Settings) -> tuple[dict[str, Any], list[Any]]:
    """Return what agents would find as their environment, and what is known of each provider."""
    try:
        folder = make_data_dir(data_dir)
    except CannotStart:  # its check says so
        folder = Path(os.devnull)
    said: list[dict[str, Any]] = []
    log = Log((lambda line: said.append(msgspec.json.decode(line)),))
    launcher = ExecLauncher(log=log)
    await launcher.start()
    providers = Providers(settings, folder, launcher, log)
    providers.start()
    try:
        await providers.environment.known(LOGIN_SHELL_S)
        rows = await providers.status(ProviderParams())
        path = providers.environment.full().get("PATH", "")
    finally:
        await providers.stop()
        await launcher.close(0)
    shell = [record for record in said if record["event"].startswith("environment.")]
    return (
        {
            "path": path,
            "loginShell": shell[-1].get("reason", "answered") if shell else "not asked",
        },
        [msgspec.to_builtins(row) for row in rows],
    )


def _check(name: str, probe: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"name": name, "ok": True, "found": probe()}
    except Exception as error:  # noqa: BLE001 - whatever is wrong here is the finding
        return {"name": name, "ok": False, "found": str(error) or repr(error)}


def _checks(data_dir: str | None) -> dict[str, Callable[[], str]]:
    return {"data dir": lambda: _data_dir(data_dir), **_PROBES}


def _data_dir(given: str | None) -> str:
    path = make_data_dir(given)
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
        *(_provider_line(provider) for provider in report["providers"]),
        "",
        f"login shell: {report['environment']['loginShell']}",
        f"agents' PATH: {report['environment']['path']}",
        "",
        "written, but never run by its authors:",
        *(f"  {line}" for line in report["neverRunHere"]),
        "",
    ]
    return "\n".join(lines)


def _provider_line(provider: dict[str, Any]) -> str:
    found = "installed" if provider["installed"] else "not installed"
    words = [
        " ".join(filter(None, (found, provider.get("version")))),
        f"auth {provider['auth']}" if provider["installed"] else "",
        provider.get("reason", ""),
        provider.get("path", ""),
    ]
    return f"  {provider['provider']} ({provider['displayName']}): " + "; ".join(
        filter(None, words)
    )
