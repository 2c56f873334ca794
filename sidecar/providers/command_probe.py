"""The probe of a provider that is a manifest: is its command there, which version, is it logged in.

Knows of the agent what the manifest declares, and nothing else: without `authEnv` or `authFiles`
whether it can log in shows only when a session starts.
"""

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sidecar.contract.errors import SidecarError
from sidecar.contract.vocabulary import AuthState
from sidecar.providers.base import Finding, ProbeContext, ProviderProbe

VERSION_S = 8.0
"""Node CLIs take up to two seconds to say their version, on a loaded machine several times that."""

_VERSION = re.compile(r"\d+(?:\.\d+)+[\w.+-]*")


class CommandProbe(ProviderProbe):
    """See ProviderProbe. Reads `command`, `versionArgs`, `authEnv`, `authFiles`, `authHint`."""

    def __init__(self, context: ProbeContext) -> None:
        super().__init__(context)
        self._settings: Mapping[str, Any] = context.settings

    async def status(self) -> Finding:
        """Look for the command, ask its version, look for what is declared to be a login."""
        command = str(self._settings.get("command", ""))
        path = shutil.which(command, path=self.context.env.get("PATH", os.defpath))
        if path is None:
            return Finding(installed=False, reason=f"there is no command {command} on PATH")
        auth, reason = self._auth()
        return Finding(
            installed=True,
            auth=auth,
            version=await self._version(path),
            path=path,
            reason=reason,
        )

    async def _version(self, path: str) -> str | None:
        arguments = self._settings.get("versionArgs")
        if not arguments:
            return None
        try:
            code, out, err = await self.context.run([path, *arguments], VERSION_S)
        except SidecarError as error:
            self.context.log("warning", "probe.no-version", error=error.message)
            return None
        found = _VERSION.search(out) or (_VERSION.search(err) if code == 0 else None)
        return found[0] if found else None

    def _auth(self) -> tuple[AuthState, str | None]:
        variables = self._settings.get("authEnv") or []
        files = self._settings.get("authFiles") or []
        env = {**self.context.env, **(self._settings.get("env") or {})}
        if any(env.get(name) for name in variables) or any(map(self._is_file, files)):
            return "ok", None
        hint = self._settings.get("authHint")
        if not variables and not files:
            return "unknown", f"how to log in: {hint}" if hint else None
        wanted = " or ".join([*(f"variable {name}" for name in variables), *files])
        return "missing", f"not logged in: there is no {wanted}" + (f"; {hint}" if hint else "")

    def _is_file(self, name: str) -> bool:
        home = self.context.env.get("HOME") or str(Path.home())
        path = Path(home, name[2:]) if name.startswith("~/") else Path(home, name)
        return path.exists()
