"""Sessions that have no process of their own and share a service of several.

Start options: `command`, the argv of the service's process, which says a line once it is up;
`idle_s`, how long it stays up without a lease; `giveBack`, false for a session that forgets to.
"""

import asyncio

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.events.session import SessionStarted, ThreadStarted
from sidecar.contract.methods import RespondToRequestParams, SendTurnParams, SendTurnResult
from sidecar.core.conversation import Conversation, Ending
from sidecar.providers.base import (
    Lease,
    ProviderCommand,
    ProviderProcess,
    ProviderSession,
    SessionContext,
    SharedContext,
    SharedService,
)


class Service(SharedService):
    """One process."""

    process: ProviderProcess | None = None

    def __init__(self, context: SharedContext, argv: list[str], idle_s: float) -> None:
        super().__init__(context)
        self._argv = argv
        self.idle_s = idle_s

    async def start(self) -> None:
        """Wait for its first line."""
        self.process = await self.context.spawn(ProviderCommand(argv=self._argv))
        if not await self.process.read():
            raise ProviderProcessFailed("The service ended at once")

    async def stop(self) -> None:
        """Leave it to the host."""

    async def ended(self) -> None:
        """Wait for the end of the process."""
        assert self.process is not None
        while self.usable:  # several sessions may wait for it
            await asyncio.sleep(0.02)


class LeaserSession(ProviderSession):
    """See ProviderSession. A turn is answered with the pid of the service's process."""

    def __init__(self, context: SessionContext) -> None:
        super().__init__(context)
        self.conversation = Conversation()
        self.options = context.spec.start.options or {}
        self.lease: Lease | None = None

    @property
    def service(self) -> Service:
        """The service that it has leased."""
        assert self.lease is not None
        assert isinstance(self.lease.service, Service)
        return self.lease.service

    async def launch(self) -> None:
        """Lease the service of the command."""
        argv, idle_s = self.options["command"], self.options.get("idle_s", 60.0)
        self.lease = await self.context.lease(
            "\0".join(argv), lambda context: Service(context, argv, idle_s)
        )

    async def pump(self) -> str:
        """Wait for the end of the service."""
        await self.service.ended()
        return "the shared service ended"

    async def initialise(self) -> None:
        """Say that the session is open."""
        talk = self.conversation
        thread_id = self.context.new_id("leaser")
        self.context.emit(
            [
                *talk.say("session.started", SessionStarted()),
                *talk.say("thread.started", ThreadStarted(provider_thread_id=thread_id)),
                *talk.state("ready"),
            ]
        )

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Answer with the service's pid."""
        talk = self.conversation
        turn_id, item = self.context.new_id("turn"), self.context.new_id("item")
        assert self.service.process is not None
        self.context.emit(
            [
                *talk.begin_turn(turn_id),
                *talk.delta(item, "assistant_text", f"pid {self.service.process.pid}"),
                *talk.complete_item(item),
                *talk.end_turn(Ending("completed")),
            ]
        )
        return SendTurnResult(thread_id=params.thread_id, turn_id=turn_id)

    async def interrupt(self, turn_id: str | None) -> None:
        """Nothing runs for long."""

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """It asks nothing."""

    async def cancel(self) -> None:
        """Give the lease back, unless it is told to forget."""
        if self.lease is not None and self.options.get("giveBack", True):
            self.lease.release()
