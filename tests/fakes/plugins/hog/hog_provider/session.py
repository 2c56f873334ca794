"""Sessions whose own code eats their host's memory. What a turn says decides:

leak MB_PER_S     for ever, a tenth of a second's share at a time
swallow MB_PER_S  the same by code that catches whatever goes wrong, and goes on
gulp MB           all at once, in the call itself
callback MB       all at once, in a callback of the loop
spawn             starts a process, whose own limits the turn's answer tells
anything else     an answer
"""

import asyncio
import contextlib
import sys

from sidecar.contract.events.session import SessionStarted, ThreadStarted
from sidecar.contract.methods import RespondToRequestParams, SendTurnParams, SendTurnResult
from sidecar.contract.vocabulary import TurnState
from sidecar.core.conversation import Conversation, Ending
from sidecar.core.drafts import Draft
from sidecar.providers.base import ProviderCommand, ProviderSession, SessionContext

MIB = 1024 * 1024

LIMITS = "import resource; print(resource.getrlimit(resource.RLIMIT_DATA)[0], flush=True)"


class HogSession(ProviderSession):
    """See ProviderSession."""

    def __init__(self, context: SessionContext) -> None:
        super().__init__(context)
        self.talk = Conversation()
        self.eaten: list[bytearray] = []
        self.work: set[asyncio.Task[None]] = set()

    async def launch(self) -> None:
        """There is no process to start."""

    async def pump(self) -> str:
        """Run until the end."""
        await asyncio.Event().wait()
        return ""

    async def initialise(self) -> None:
        """Say that the session is open."""
        thread_id = self.context.new_id("hog")
        self.context.publish_cursor({"thread": thread_id})
        self.context.emit(
            [
                *self.talk.say("session.started", SessionStarted()),
                *self.talk.say("thread.started", ThreadStarted(provider_thread_id=thread_id)),
                *self.talk.state("ready"),
            ]
        )

    async def send_turn(self, params: SendTurnParams) -> SendTurnResult:
        """Do what the input says."""
        word, _, number = (params.input or "").partition(" ")
        turn_id = self.context.new_id("turn")
        self.context.emit(self.talk.begin_turn(turn_id))
        if word in ("leak", "swallow"):
            task = asyncio.create_task(self._leak(int(number), swallow=word == "swallow"))
            self.work.add(task)
        elif word == "gulp":
            self._eat(int(number) * MIB)
        elif word == "callback":
            asyncio.get_running_loop().call_later(0.05, self._eat, int(number) * MIB)
        else:
            answer = await self._limits() if word == "spawn" else "yes"
            self.context.emit(self.talk.delta("item", "assistant_text", answer))
            self.context.emit([*self.talk.complete_item("item"), *self._end("completed")])
        return SendTurnResult(thread_id=params.thread_id, turn_id=turn_id)

    async def _leak(self, mb_per_s: int, *, swallow: bool) -> None:
        while True:
            with contextlib.suppress(Exception) if swallow else contextlib.nullcontext():
                self._eat(mb_per_s * MIB // 10)
            await asyncio.sleep(0.1)

    def _eat(self, bytes_: int) -> None:
        for _ in range(max(bytes_ // MIB, 1)):
            self.eaten.append(bytearray(b"x") * min(bytes_, MIB))

    async def _limits(self) -> str:
        argv = [sys.executable, "-I", "-S", "-c", LIMITS]
        process = await self.context.spawn(ProviderCommand(argv=argv))
        return (await process.read()).decode().strip()

    def _end(self, state: TurnState) -> list[Draft]:
        return self.talk.end_turn(Ending(state))

    async def interrupt(self, turn_id: str | None) -> None:
        """End the turn."""
        self.context.emit(self._end("interrupted"))

    async def respond_to_request(self, params: RespondToRequestParams) -> None:
        """It asks nothing."""

    async def cancel(self) -> None:
        """End what runs."""
        for task in self.work:
            task.cancel()
