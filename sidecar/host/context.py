"""What a host lends to a provider session: events out, processes in, ids, clock, log."""

import os
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import Unsupported
from sidecar.contract.frames import CursorFrame, Frame, LogFrame, SessionSpec
from sidecar.core.drafts import Draft
from sidecar.core.lastwords import StderrLog
from sidecar.core.redaction import Redactor, secrets_of_environment, secrets_of_session
from sidecar.host.asides import Cursors, Records
from sidecar.host.emitter import Emitter
from sidecar.host.processes import Note, Processes, layered
from sidecar.host.shared import SharedServices
from sidecar.process import own_environment, provider_environment
from sidecar.providers.base import (
    Lease,
    ProviderCommand,
    ProviderProcess,
    SharedContext,
    SharedService,
    ToolProcess,
    TreeNote,
)


class HostContext:
    """The SessionContext of one slot."""

    def __init__(
        self,
        slot: int,
        spec: SessionSpec,
        emitter: Emitter,
        send: Callable[[Frame], None],
        services: SharedServices | None = None,
        *,
        redactor: Redactor | None = None,
    ) -> None:
        self.spec = spec
        self._redactor = redactor or Redactor()
        self._slot = slot
        self._emitter = emitter
        self._send = send
        self.learn(_secrets_of(spec))
        self._services = services
        self._leases: list[Lease] = []
        self._stderr = StderrLog(self._redactor, time.monotonic, self.record)
        self._records = Records(time.monotonic, self.record)
        self._cursors = Cursors(time.monotonic, lambda cursor: send(CursorFrame(slot, cursor)))
        self.processes = Processes(spec.mark, self._environment, self.record, self._stderr)
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
        self._cursors.publish(resume_cursor)

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        """Start a provider's process in the session's tree."""
        self.learn(secrets_of_environment(_set(command.env)))
        return await self.processes.spawn(command)

    async def spawn_tool(self, command: ProviderCommand) -> ToolProcess:
        """Start a process that can be stopped alone."""
        return await self.processes.spawn_tool(command)

    async def note_tree(self) -> TreeNote:
        """Remember which processes the session has now."""
        return self.processes.note()

    async def stop_since(self, note: TreeNote, deadline_s: float) -> int:
        """Kill what the session's processes have started since `note`."""
        assert isinstance(note, Note)
        return await self.processes.stop_since(note, deadline_s)

    async def lease(self, key: str, create: Callable[[SharedContext], SharedService]) -> Lease:
        """Share a service with the sessions of this host that lease the same key."""
        if self._services is None:
            raise Unsupported(f"This host shares no services: {key}")
        lease = await self._services.lease(
            key,
            create,
            mark=self.spec.shared_mark,
            environment=self._shared_environment,
        )
        self._leases.append(lease)
        return lease

    def learn(self, secrets: Iterable[str]) -> None:
        """Know more values that no log and no last words may show."""
        if self._redactor.learn(secrets):
            self.log("warning", "redaction.full")

    def clean(self, text: str) -> str:
        """Return a text of the provider's without secrets."""
        return self._redactor.text(text)

    def clean_value(self, value: Any) -> Any:
        """Return a JSON-like value without secrets."""
        return self._redactor.value(value)

    def tell_rest(self) -> None:
        """Say what was held back: the newest cursor, and how much the log has left out."""
        self._cursors.flush()
        self._records.tell_dropped()
        self._stderr.tell_dropped()

    def release_leases(self) -> None:
        """Give back what the session has not: it has ended."""
        for lease in self._leases:
            lease.release()
        self._leases.clear()

    def _environment(self, command: ProviderCommand) -> dict[str, str]:
        base = own_environment() if command.own_binary else provider_environment(os.environ)
        return layered(base, self.spec.base_env, self.spec.start.env or {}, command.env)

    def _shared_environment(self, command: ProviderCommand) -> dict[str, str]:
        return layered(provider_environment(os.environ), self.spec.base_env, command.env)

    def new_id(self, prefix: str) -> str:
        """Return an id that is unique for ever."""
        return f"{prefix}-{secrets.token_hex(10)}"

    def now_ms(self) -> int:
        """Return the monotonic clock in milliseconds."""
        return time.monotonic_ns() // 1_000_000

    def log(self, level: str, event: str, **fields: Any) -> None:
        """Send a record of session code; too many are dropped."""
        self._records.take(level, event, fields)

    def record(self, level: str, event: str, **fields: Any) -> None:
        """Send a record of the host's own."""
        self._send(LogFrame(self._slot, level, event, self._redactor.value(fields)))


def _secrets_of(spec: SessionSpec) -> list[str]:
    """Return what a session was handed that may be secret."""
    return [
        *secrets_of_environment(os.environ),
        *secrets_of_environment(_set(spec.base_env)),
        *secrets_of_session(None, spec.provider_settings),
        *secrets_of_session(spec.start.env, spec.start.options),
    ]


def _set(layer: Mapping[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in layer.items() if value is not None}
