"""What can be said of Claude without a session: program, version, login, models."""

import asyncio
import contextlib
import json
import re
import shutil
from pathlib import Path
from typing import Any, Final

from sidecar.contract.errors import SidecarError
from sidecar.contract.results import Model
from sidecar.providers.base import Finding, ProviderProbe
from sidecar.providers.claude.forms import DEFAULT_COMMAND, Session, command_line
from sidecar.providers.claude.link import ClaudeLink
from sidecar.providers.claude.options import ClaudeOptions, read_options
from sidecar.providers.claude.wire import Answered
from sidecar.providers.shapes import a_map, maps, text

RUN_DEADLINE_S = 10.0
"""`--version` and `auth status`: 0.2 s, more from a cold disk that has 240 MB to read."""

START_DEADLINE_S = 20.0
"""Start to the answer of initialize, which lists the models."""

MODELS = 256
"""Models passed on."""

INSTALL: Final = "npm install -g @anthropic-ai/claude-code"
LOGIN: Final = "claude auth login"

_VERSION: Final = re.compile(r"\d+\.\d+\.\d+\S*")


class ClaudeProbe(ProviderProbe):
    """See ProviderProbe."""

    async def status(self) -> Finding:
        """Look for the program, its version and its login."""
        try:
            options = self._options()
            if options.runner is not None and options.command is None:
                return self._runner(options.runner.command)
            program = self._find(options.command or DEFAULT_COMMAND)
            if program is None:
                return Finding(installed=False, reason=_missing(options.command))
            _, said, _ = await self.context.run([program, "--version"], RUN_DEADLINE_S)
            version = _VERSION.search(said)
            return await self._login(program, version.group() if version else None)
        except SidecarError as error:
            return Finding(installed=False, reason=error.message)

    async def models(self) -> list[Model]:
        """Return the models that the CLI offers; [] when it cannot be asked."""
        try:
            options = self._options()
            program = self._find(options.command or DEFAULT_COMMAND)
            if program is None:
                return []
            return _models(await self._initialize(program))
        except SidecarError as error:
            self.context.log("info", "claude.models", error=error.message)
            return []

    def _options(self) -> ClaudeOptions:
        return read_options(self.context.settings, None)

    def _find(self, command: str) -> str | None:
        return shutil.which(str(Path(command).expanduser()), path=self.context.env.get("PATH"))

    def _runner(self, command: str) -> Finding:
        """Judge the form that brings a Claude of its own: only its program can be looked for."""
        program = self._find(command)
        if program is None:
            return Finding(installed=False, reason=f"There is no runner {command}")
        return Finding(installed=True, path=program)

    async def _login(self, program: str, version: str | None) -> Finding:
        """Ask who is logged in; older versions cannot tell."""
        _, said, _ = await self.context.run([program, "auth", "status"], RUN_DEADLINE_S)
        try:
            status = a_map(json.loads(said))
        except ValueError:
            status = {}
        known = status.get("loggedIn")
        if known is None:
            return Finding(True, "unknown", version, program)
        if known is not True:
            reason = f"Nobody is logged in: run `{LOGIN}`, or set ANTHROPIC_API_KEY"
            return Finding(True, "missing", version, program, reason)
        told = ("email", "orgName", "subscriptionType", "authMethod", "apiProvider")
        account = {key: text(status.get(key)) for key in told}
        account = {key: value for key, value in account.items() if value is not None}
        return Finding(True, "ok", version, program, account=account or None)

    async def _initialize(self, program: str) -> dict[str, Any]:
        """Return what the CLI says of itself; it is left to the probe's end."""
        options = ClaudeOptions(command=program)
        command = command_line(options, Session(str(Path.home()), "default"))
        link = ClaudeLink(await self.context.spawn(command))
        reading = asyncio.create_task(_read(link))
        try:
            return await link.call("initialize", START_DEADLINE_S, hooks=None)
        finally:
            link.process.close_stdin()
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading


async def _read(link: ClaudeLink) -> None:
    """Settle our requests until Claude ends."""
    data = b"-"
    while data:
        data = await link.process.read()
        for message in link.receive(data):
            if isinstance(message, Answered):
                link.settle(message)
    link.close()


def _missing(command: str | None) -> str:
    where = f"at {command}" if command else "in PATH"
    return f"There is no Claude {where}: install it with `{INSTALL}`, or name it in `command`"


def _models(answer: dict[str, Any]) -> list[Model]:
    models: list[Model] = []
    for row in maps(answer.get("models"))[:MODELS]:
        slug = text(row.get("value"))
        if slug is None:
            continue
        levels = row.get("supportedEffortLevels")
        efforts = [text(level) for level in levels] if isinstance(levels, list) else []
        models.append(
            Model(
                slug=slug,
                name=text(row.get("displayName")) or slug,
                description=text(row.get("description")),
                is_default=True if slug == "default" else None,
                options={"effort": [level for level in efforts if level]} if efforts else None,
            )
        )
    return models
