"""What to run for a session, where, and with which home; and why it may have ended at once."""

import asyncio
import os
from pathlib import Path

from sidecar.contract.errors import ProviderProcessFailed, ValidationFailed
from sidecar.providers.base import ProviderCommand, ProviderProcess, SessionContext
from sidecar.providers.codex.binary import find_program
from sidecar.providers.codex.options import CodexOptions
from sidecar.providers.codex.version import too_old, version_in

VERSION_DEADLINE_S = 5.0
"""`codex --version`, asked when an app-server ended without a word. A real one takes 50 ms."""

VERSION_BYTES = 4096
"""What is read of it at most."""


class Launch:
    """The program of one session."""

    def __init__(self, context: SessionContext, options: CodexOptions) -> None:
        self._context = context
        self._options = options

    async def start(self, *args: str) -> ProviderProcess:
        """Start Codex. Raises ProviderProcessFailed, and ValidationFailed for bad directories."""
        return await self._context.spawn(self.command(*args))

    def command(self, *args: str) -> ProviderCommand:
        """Return what to run. Raises ProviderProcessFailed without a program."""
        spec = self._context.spec
        layers = (os.environ, spec.base_env, spec.start.env or {}, self._options.env)
        merged = {name: value for layer in layers for name, value in layer.items()}
        env = {name: value for name, value in merged.items() if value is not None}
        cwd = self.cwd()
        program = find_program(self._options.binary_path, env, cwd)
        home = self.home()
        own = {"CODEX_HOME": home} if home else {}
        return ProviderCommand(
            argv=[program.path, *args], cwd=cwd, env={**program.env, **self._options.env, **own}
        )

    def cwd(self) -> str:
        """Return the absolute directory that Codex works in; the user's home by default."""
        cwd = self._context.spec.start.cwd
        path = Path(cwd) if cwd else Path.home()
        if not path.is_absolute() or not path.is_dir():
            raise ValidationFailed(f"Cannot start Codex: cwd {path} is no absolute directory")
        return str(path)

    def home(self) -> str | None:
        """Return CODEX_HOME; None for the user's own."""
        return codex_home(self._options.codex_home or self._context.spec.instance_home)

    async def outdated(self) -> str | None:
        """Ask `codex --version`; return why it is too old, None if it is not, or does not say."""
        said = b""
        try:
            async with asyncio.timeout(VERSION_DEADLINE_S):
                asked = await self.start("--version")
                while len(said) < VERSION_BYTES and (data := await asked.read()):
                    said += data
        except (TimeoutError, ProviderProcessFailed):
            return None
        return too_old(version_in(said.decode("utf-8", "replace")))


def codex_home(wanted: str | None) -> str | None:
    """Return a CODEX_HOME, created if need be, as Codex wants it to exist; None for the user's own.

    Raises ValidationFailed for one that cannot be.
    """
    if not wanted:
        return None
    path = Path(wanted).expanduser()
    if not path.is_absolute():
        raise ValidationFailed(f"Cannot start Codex: codexHome {path} is no absolute path")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ValidationFailed(f"Cannot start Codex: codexHome {path}: {error}") from error
    return str(path)
