"""What can be said of Cursor's CLI on this machine without a session."""

import re
from typing import Final

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.vocabulary import AuthState
from sidecar.providers.acp.mapping.shapes import a_map, text
from sidecar.providers.base import Finding, ProviderProbe
from sidecar.providers.cursor.command import LOGIN_HINT, NOT_INSTALLED, CursorCli, find_cli
from sidecar.providers.text import decode_json

PROBE_DEADLINE_S = 8.0
"""One call of the CLI; `status` may ask a server."""

_ANSI: Final = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_LOGGED_IN: Final = re.compile(r"\blogged in as\s+(\S+)", re.IGNORECASE)
_LOGGED_OUT: Final = re.compile(r"not (logged in|authenticated)|log in first", re.IGNORECASE)


class CursorProbe(ProviderProbe):
    """See ProviderProbe. Asks `--version` and `status`."""

    async def status(self) -> Finding:
        """Look for the program, its version, its account."""
        named = text(self.context.settings.get("command"))
        cli = find_cli(self.context.env.get("PATH"), named)
        if cli is None:
            return Finding(installed=False, reason=NOT_INSTALLED)
        version = await self._run(cli, "--version")
        if version is None:
            reason = f"{cli.program} is there, but does not run"
            return Finding(installed=False, path=cli.program, reason=reason)
        auth, account = await self._auth(cli)
        return Finding(
            installed=True,
            auth=auth,
            version=text(version.splitlines()[0]) if version.strip() else None,
            path=cli.program,
            reason=f"Not logged in: {LOGIN_HINT}" if auth == "missing" else None,
            account=account,
        )

    async def _auth(self, cli: CursorCli) -> tuple[AuthState, dict[str, str] | None]:
        if self.context.env.get("CURSOR_API_KEY") or self.context.env.get("CURSOR_AUTH_TOKEN"):
            return "ok", None
        return read_status(await self._run(cli, "status") or "")

    async def _run(self, cli: CursorCli, *args: str) -> str | None:
        """Return what the CLI prints; None if it cannot be run to its end."""
        try:
            code, out, err = await self.context.run(cli.call(*args), PROBE_DEADLINE_S)
        except ProviderProcessFailed as error:
            self.context.log("info", "cursor.probe_failed", error=error.message)
            return None
        if code is None or (code != 0 and args == ("--version",)):
            return None
        return _ANSI.sub("", out.strip() or err.strip())


def read_status(said: str) -> tuple[AuthState, dict[str, str] | None]:
    """Return what `cursor-agent status` says, in words or as JSON: the login and the account."""
    try:
        value = a_map(decode_json(said.encode()))
    except ValueError:
        value = {}
    told = value.get("isAuthenticated")
    email = text(a_map(value.get("userInfo")).get("email"))
    if isinstance(told, bool):
        return ("ok" if told else "missing"), ({"email": email} if email else None)
    if _LOGGED_OUT.search(said):
        return "missing", None
    found = _LOGGED_IN.search(said)
    if found is None:
        return "unknown", None
    return "ok", {"email": found.group(1)}
