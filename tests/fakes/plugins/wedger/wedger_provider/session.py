"""Sessions whose own code wedges the loop of their host. What a turn says decides:

    spin            a busy loop in the call, for ever
    block SECONDS   a blocking call in the loop, and then an answer
    stream COUNT    COUNT deltas, 10 ms apart
    task | untask   begins a background task, which outlives the turn, or ends it
    notices COUNT   a turn that never ends, and COUNT warnings about the provider, 20 ms apart
    ticks COUNT     COUNT times the progress of a tool, 20 ms apart

Start options: `command`, the argv of a process to start; `opening`, which is `spin` to wedge before
the session is open, in its first generation alone, or `never` not to answer; `resumable`, false for
one without a resume cursor.
"""

import asyncio
import time
from collections.abc import Callable

from sidecar.contract.events.session import SessionStarted, ThreadStarted
from sidecar.contract.events.side import RuntimeWarned, ToolProgress
from sidecar.contract.methods import RespondToRequestParams, SendTurnParams, SendTurnResult
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.base import ProviderCommand, ProviderSession, SessionContext


class WedgerSession(ProviderSession):
    """See ProviderSession."""

    def __init__(self, context: SessionContext) -> None:
        super().__init__(context)
        self.talk = Conversation()
        self.options = context.spec.start.options or {}
        self.work: set[asyncio.Task[None]] = set()

    async def launch(self) -> None:
        """Start the process, if one is asked for."""
        if argv := self.options.get("command"):
            process = await self.context.spawn(ProviderCommand(argv=argv))
            await process.read()

    async def pump(self) -> str:
        """Run until the end."""
        await asyncio.Event().wait()
        return ""

    async def initialise(self) -> None:
        """Say that the session is open, unless it wedges."""
        opening = self.options.get("opening")
        if opening == "never":
            await asyncio.Event().wait()
        if opening == "spin" and self.context.spec.generation == 1:
            spin()
        thread_id = self.context.new_id("wedger")
        if self.options.get("resumable", True):
            self.context.publish_cursor({"thread": thread_id})
        self.context.emit(
            [
                *self.talk.say("session.started", SessionStarted()),
                *self.talk.say("thread.started", ThreadStarted(provider_thread_id=thread_id)),
                *self.talk.state("ready"),
            ]
        )

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Do what the input says, on a task of its own."""
        word, _, argument = (params.input or "").partition(" ")
        turn_id = self.context.new_id("turn")
        if word == "spin":
            self.context.emit(self.talk.begin_turn(turn_id))
            await self.context.flow()
            asyncio.get_running_loop().call_later(0.05, spin)
        else:
            task = asyncio.create_task(self._turn(turn_id, word, float(argument or 0)))
            self.work.add(task)
        return SendTurnResult(thread_id=params.thread_id, turn_id=turn_id)

    async def _turn(self, turn_id: str, word: str, number: float) -> None:
        emit, talk = self.context.emit, self.talk
        emit(talk.begin_turn(turn_id))
        if word == "block":
            time.sleep(number)
        elif word == "stream":
            await self._each(number, 0.01, lambda: talk.delta("item", "assistant_text", "x"))
        elif word == "task":
            emit(talk.start_task("helper", description="a sub-agent"))
        elif word == "untask":
            emit(talk.complete_task("helper"))
        elif word == "notices":
            await self._each(number, 0.02, lambda: talk.say("runtime.warning", RuntimeWarned("hm")))
            return
        elif word == "ticks":
            payload = ToolProgress(tool_name="shell")
            await self._each(number, 0.02, lambda: talk.say("tool.progress", payload))
        emit([*talk.complete_item("item"), *talk.end_turn(Ending("completed"))])

    async def _each(self, count: float, pause_s: float, say: Callable[[], list[Draft]]) -> None:
        for _ in range(int(count)):
            self.context.emit(say())
            await asyncio.sleep(pause_s)

    async def interrupt(self, turn_id: str | None) -> None:
        """End the turn."""
        self.context.emit(self.talk.end_turn(Ending("interrupted")))

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """It asks nothing."""

    async def cancel(self) -> None:
        """End what runs."""
        for task in self.work:
            task.cancel()


def spin() -> None:
    """Keep the loop for ever."""
    while True:
        pass
