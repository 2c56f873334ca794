"""What can be said of OpenCode on this machine without a session."""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Final

from sidecar.contract.errors import SidecarError
from sidecar.contract.results import Model
from sidecar.providers.base import Finding, ProviderProbe
from sidecar.providers.opencode.catalogue import MODELS
from sidecar.providers.opencode.options import DEFAULT_COMMAND
from sidecar.providers.shapes import text

VERSION_S: Final = 10.0
"""`opencode --version`: 1 s measured; it unpacks itself the first time."""

MODELS_S: Final = 30.0
"""`opencode models`: it loads its providers, and may ask a catalogue in the network."""

OLDEST: Final = (1, 2)
"""The first version with `prompt_async`, `permission.asked` and POST /permission/ID/reply."""

_VERSION: Final = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")
_MODEL: Final = re.compile(r"^[\w.@-]+/\S+$")


class OpencodeProbe(ProviderProbe):
    """See ProviderProbe."""

    async def status(self) -> Finding:
        """Look for the program, its version, and whether any provider is logged in."""
        path = self._path()
        if path is None:
            reason = f"there is no command {self._command()} on PATH: npm install -g opencode-ai"
            return Finding(installed=False, reason=reason)
        version = await self._version(path)
        if version is not None and _numbers(version) < OLDEST:
            oldest = ".".join(map(str, OLDEST))
            reason = f"opencode {version} is older than {oldest}: run `opencode upgrade`"
            return Finding(installed=True, version=version, path=path, reason=reason)
        if self._is_logged_in():
            return Finding(installed=True, auth="ok", version=version, path=path)
        reason = "no provider is logged in: run `opencode auth login`, or use what needs no login"
        return Finding(installed=True, version=version, path=path, reason=reason)

    async def models(self) -> list[Model]:
        """Return what `opencode models` lists."""
        path = self._path()
        if path is None:
            return []
        _, out, _ = await self.context.run([path, "models"], MODELS_S)
        slugs = [line.strip() for line in out.splitlines() if _MODEL.match(line.strip())]
        return [
            Model(slug=slug, name=slug.split("/", 1)[1])
            for slug in dict.fromkeys(slugs[:MODELS])
            if text(slug)
        ]

    def _command(self) -> str:
        return str(self.context.settings.get("command") or DEFAULT_COMMAND)

    def _path(self) -> str | None:
        return shutil.which(self._command(), path=self.context.env.get("PATH", os.defpath))

    async def _version(self, path: str) -> str | None:
        try:
            _, out, err = await self.context.run([path, "--version"], VERSION_S)
        except SidecarError as error:
            self.context.log("warning", "probe.no-version", error=error.message)
            return None
        found = _VERSION.search(out) or _VERSION.search(err)
        return found[0] if found else None

    def _is_logged_in(self) -> bool:
        env = self.context.env
        home = Path(env.get("HOME") or Path.home())
        data = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share")
        try:
            logins = json.loads((data / "opencode" / "auth.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(logins, dict) and bool(logins)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:3])
