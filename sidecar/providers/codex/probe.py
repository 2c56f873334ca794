"""What can be said of Codex without a session: program, version, account, models."""

import asyncio
import contextlib

from sidecar.contract.errors import SidecarError
from sidecar.contract.results import Model
from sidecar.providers.base import Finding, ProbeContext, ProviderCommand, ProviderProbe
from sidecar.providers.codex.binary import Program, find_program
from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.launch import codex_home
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.codex.opening import Handshake, shake_hands
from sidecar.providers.codex.options import read_options
from sidecar.providers.codex.version import shown, too_old, version_in
from sidecar.providers.codex.wire import Response

VERSION_DEADLINE_S = 10.0
"""`codex --version`; 50 ms on an idle machine, and a cold disk has 200 MB to read."""


class CodexProbe(ProviderProbe):
    """See ProviderProbe."""

    def __init__(self, context: ProbeContext) -> None:
        super().__init__(context)
        self._options = read_options(dict(context.settings), None)

    async def status(self) -> Finding:
        """Look for the program, its version and its account."""
        try:
            program = find_program(self._options.binary_path, self.context.env)
        except SidecarError as error:
            return Finding(installed=False, reason=error.message)
        version: str | None = None
        try:
            version, outdated = await self._version(program)
            if outdated is not None:
                return Finding(True, "unknown", version, program.path, outdated)
            hand = await self._ask()
        except SidecarError as error:
            return Finding(True, "unknown", version, program.path, error.message)
        return Finding(
            installed=True,
            auth="missing" if hand.wants_login else "ok" if hand.account else "unknown",
            version=version or hand.version,
            path=program.path,
            reason=hand.login_hint,
            account=hand.account or None,
        )

    async def models(self) -> list[Model]:
        """Return the models on offer, with an account or without; [] if Codex cannot be asked."""
        try:
            return (await self._ask()).catalog.shown()
        except SidecarError as error:
            self.context.log("info", "codex.models", error=error.message)
            return []

    async def _version(self, program: Program) -> tuple[str | None, str | None]:
        """Return the version, and why it is too old."""
        _, out, _ = await self.context.run([program.path, "--version"], VERSION_DEADLINE_S)
        version = version_in(out)
        return (shown(version) if version else None), too_old(version)

    async def _ask(self) -> Handshake:
        """Return what an app-server says; it is left to the probe's end. Raises SidecarError."""
        program = find_program(self._options.binary_path, self.context.env)
        home = codex_home(self._options.codex_home or self.context.instance_home)
        env = {**program.env, **self._options.env, **({"CODEX_HOME": home} if home else {})}
        link = CodexLink(
            await self.context.spawn(ProviderCommand([program.path, "app-server"], env=env))
        )
        reading = asyncio.create_task(_read(link))
        try:
            return await shake_hands(link, Deadlines())
        finally:
            reading.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await reading
            link.process.close_stdin()


async def _read(link: CodexLink) -> None:
    """Settle our requests until Codex ends."""
    data = b"-"
    while data:
        data = await link.process.read()
        for message in link.receive(data):
            if isinstance(message, Response):
                link.settle(message)
    link.close()
