"""The conversation with one echoing process."""

import asyncio

from sidecar.contract.errors import ValidationFailed
from sidecar.contract.events.session import SessionStarted, ThreadStarted
from sidecar.contract.methods import RespondToRequestParams, SendTurnParams, SendTurnResult
from sidecar.core.conversation import Conversation, Ending
from sidecar.providers.base import (
    ProviderCommand,
    ProviderProcess,
    ProviderSession,
    SessionContext,
)

AGENT = 'echo ready; while read -r line; do echo "$line"; done'
LINE_BYTES = 1024 * 1024
"""An agent that never ends its line must not fill the host's memory."""


class EchoSession(ProviderSession):
    """See ProviderSession. `conversation` keeps events in order, whatever the agent does."""

    def __init__(self, context: SessionContext) -> None:
        super().__init__(context)
        self.conversation = Conversation()
        self.process: ProviderProcess | None = None
        self.ready = asyncio.Event()

    async def launch(self) -> None:
        """Start the agent in the session's tree: whatever it starts ends with the session."""
        argv = self.context.spec.start.options or {}
        command = argv.get("command", ["sh", "-c", AGENT])
        self.process = await self.context.spawn(
            ProviderCommand(argv=command, cwd=self.context.spec.start.cwd)
        )

    async def initialise(self) -> None:
        """Wait for the agent's first line, then say that the session is open.

        The host keeps the deadline of a start, and ends the session if `pump` ends first.
        """
        await self.ready.wait()
        talk = self.conversation
        thread_id = self.context.new_id("echo")
        self.context.emit(
            [
                *talk.say("session.started", SessionStarted()),
                *talk.say("thread.started", ThreadStarted(provider_thread_id=thread_id)),
                *talk.state("ready"),
            ]
        )

    async def pump(self) -> str:
        """Read the agent until it ends: a line is its answer, and the end of the turn."""
        assert self.process is not None
        rest = b""
        while data := await self.process.read():
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self.take(line.decode("utf-8", "replace"))
            if len(rest) > LINE_BYTES:
                return "the agent's line does not end"
            await self.context.flow()
        return "the agent closed its output"

    def take(self, line: str) -> None:
        """Turn one line into events; the first says `ready`, one without a turn is noise."""
        talk = self.conversation
        if talk.turn_id is None:
            self.ready.set()
            return
        item = self.context.new_id("item")
        self.context.emit(
            [
                *talk.delta(item, "assistant_text", line),
                *talk.complete_item(item),
                *talk.end_turn(Ending("completed")),
            ]
        )

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Hand the input over as one line."""
        if self.conversation.turn_id is not None:
            raise ValidationFailed("Cannot start a turn: another one runs")
        assert self.process is not None
        turn_id = self.context.new_id("turn")
        self.context.emit(self.conversation.begin_turn(turn_id))
        self.process.write(" ".join((params.input or "").split()).encode() + b"\n")
        return SendTurnResult(thread_id=self.context.spec.thread_id, turn_id=turn_id)

    async def interrupt(self, turn_id: str | None) -> None:
        """End the turn on our side: the agent cannot be asked to."""
        if self.conversation.turn_id is not None:
            self.context.emit(self.conversation.end_turn(Ending("interrupted")))

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """Nothing is ever asked."""
        raise ValidationFailed(f"Request {params.request_id} is not open")

    async def cancel(self) -> None:
        """Nothing to cancel: closing its stdin, the next rung of a stop, ends the agent."""
