"""What a host lends to a provider session: events out, processes in, ids, clock, log."""

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.frames import CursorFrame, Frame, LogFrame, SessionSpec
from sidecar.core.drafts import Draft
from sidecar.host.emitter import Emitter
from sidecar.process import Child, own_environment, provider_environment, with_mark
from sidecar.providers.base import ProviderCommand, ProviderProcess

PROCESSES_PER_SESSION = 8
"""Children that a provider session may start itself; what those start is theirs."""


class HostContext:
    """The SessionContext of one slot."""

    def __init__(
        self, slot: int, spec: SessionSpec, emitter: Emitter, send: Callable[[Frame], None]
    ) -> None:
        self.spec = spec
        self._slot = slot
        self._emitter = emitter
        self._send = send
        self.children: list[Child] = []
        self.cursor_published = False

    def emit(self, drafts: Sequence[Draft]) -> None:
        """Stamp, encode and queue events."""
        self._emitter.emit(drafts)

    async def flow(self) -> None:
        """Wait while the host has no credit."""
        await self._emitter.flow()

    def publish_cursor(self, resume_cursor: Json) -> None:
        """Tell the supervisor how to find the conversation again."""
        self.cursor_published = True
        self._send(CursorFrame(self._slot, resume_cursor))

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        """Start a provider's process in the session's tree."""
        if len(self.children) >= PROCESSES_PER_SESSION:
            raise ProviderProcessFailed(
                f"Cannot start {command.argv[0]}: this session has started "
                f"{PROCESSES_PER_SESSION} processes already"
            )
        child = await Child.spawn(
            list(command.argv), cwd=command.cwd, env=self._environment(command)
        )
        self.children.append(child)
        self.log("info", "provider.started", pid=child.pid, program=command.argv[0])
        return child

    def _environment(self, command: ProviderCommand) -> dict[str, str]:
        base = own_environment() if command.own_binary else provider_environment(os.environ)
        layers: tuple[Mapping[str, str | None], ...] = (
            self.spec.base_env,
            self.spec.start.env or {},
            command.env,
        )
        for layer in layers:
            for name, value in layer.items():
                if value is None:
                    base.pop(name, None)
                else:
                    base[name] = value
        return with_mark(base, self.spec.mark)

    def new_id(self, prefix: str) -> str:
        """Return an id that is unique for ever."""
        return f"{prefix}-{secrets.token_hex(10)}"

    def now_ms(self) -> int:
        """Return the monotonic clock in milliseconds."""
        return time.monotonic_ns() // 1_000_000

    def log(self, level: str, event: str, **fields: Any) -> None:
        """Send a log record to the supervisor, which writes it."""
        self._send(LogFrame(self._slot, level, event, fields))
