"""The environment that agents get: this process's own, what the login shell adds, the lists.

The shell is asked once, in the background, by a probe process. Nothing waits for it but the first
sessions, for a bounded time. Values may be secrets: they stay in memory; logs have counts alone.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any

from sidecar.contract.probes import ProbeAnswer, ProbeRequest
from sidecar.core.environment import admitted, difference, is_text, with_login
from sidecar.observe.log import Log
from sidecar.process import provider_environment
from sidecar.supervisor.settings import EnvSettings

Ask = Callable[[ProbeRequest], Awaitable[ProbeAnswer]]


class Environment:
    """What the environment is now. Use: start, known …, changes, stop."""

    def __init__(self, settings: EnvSettings, ask: Ask, log: Log) -> None:
        self._settings = settings
        self._ask = ask
        self._log = log
        self._login: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._changes: tuple[Any, dict[str, str | None]] | None = None
        """What was found last, and of what (inherited, login shell's)."""

    def start(self) -> None:
        """Begin to ask the login shell, unless the settings say not to."""
        if self._settings.login_shell and os.name == "posix":
            self._task = asyncio.create_task(self._read(), name="login shell")

    @property
    def pending(self) -> bool:
        """Whether the shell has been asked and has not answered yet."""
        return self._task is not None and not self._task.done()

    async def known(self, longest_s: float | None = None) -> None:
        """Wait until the shell has answered, at most for `longest_s` (settings `env.waitMs`)."""
        if self._task is not None and self.pending:
            wait_s = self._settings.wait_ms / 1000 if longest_s is None else longest_s
            await asyncio.wait({self._task}, timeout=wait_s)

    async def stop(self) -> None:
        """Give the shell up."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def full(self) -> dict[str, str]:
        """Return the environment of an agent, without what its instance and session add."""
        return self._full(provider_environment(os.environ))

    def changes(self) -> dict[str, str | None]:
        """Return what to lay over a host's own environment; None removes a variable.

        The lists are matched anew only when something has changed: every start asks.
        """
        inherited = provider_environment(os.environ)
        of = (inherited, self._login)
        if self._changes is None or self._changes[0] != of:
            changed = difference(inherited, self._full(inherited))
            texts = {name: v for name, v in changed.items() if v is None or is_text(v)}
            self._changes = (of, texts)
        return dict(self._changes[1])

    def _full(self, inherited: dict[str, str]) -> dict[str, str]:
        merged = with_login(inherited, self._login, os.pathsep)
        return admitted(merged, self._settings.allow, self._settings.deny)

    async def _read(self) -> None:
        started = asyncio.get_running_loop().time()
        answer = await self._ask(
            ProbeRequest(op="environment", deadline_ms=self._settings.login_shell_ms)
        )
        took_ms = round((asyncio.get_running_loop().time() - started) * 1000)
        if answer.environment is None:
            self._log.warning("environment.no-login-shell", reason=answer.error, tookMs=took_ms)
            return
        self._login = answer.environment
        self._log.info("environment.known", variables=len(self._login), tookMs=took_ms)
