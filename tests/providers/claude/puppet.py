"""A session whose Claude is a puppet: a test says what it says, message by message."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec

from sidecar.contract.methods import RespondToRequestParams, RespondToUserInputParams
from sidecar.providers.claude.deadlines import Deadlines
from sidecar.providers.claude.session import ClaudeSession
from tests.providers.context import FakeContext, Puppet, Running, spec, turn, until_true

Message = dict[str, Any]

INIT: Message = {"type": "system", "subtype": "init", "session_id": "s-1", "model": "sonnet"}
DONE: Message = {"type": "result", "subtype": "success", "is_error": False, "session_id": "s-1"}
ABORTED: Message = {
    "type": "result",
    "subtype": "error_during_execution",
    "is_error": True,
    "terminal_reason": "aborted_streaming",
}
QUICK = Deadlines(start_s=5.0, setting_s=5.0, mcp_s=5.0, cancel_s=0.2, stop_s=5.0)


class PuppetContext(FakeContext):
    """Each spawn gives the next puppet."""

    def __init__(self, *puppets: Puppet, **start: Any) -> None:
        mode = start.pop("runtime_mode", "approval-required")
        asked = spec("claudeAgent", **start)
        started = msgspec.structs.replace(asked.start, runtime_mode=mode)
        super().__init__(msgspec.structs.replace(asked, start=started))
        self.puppets = list(puppets)
        self.commands: list[Any] = []

    async def spawn(self, command: Any) -> Any:
        self.commands.append(command)
        return self.puppets[len(self.commands) - 1]


class Stage:
    """`async with Stage() as stage:` a session that is up, its puppet idle."""

    def __init__(self, *, deadlines: Deadlines = QUICK, up: bool = True, **start: Any) -> None:
        self.claude = Puppet()
        self.context = PuppetContext(self.claude, **start)
        self.session = ClaudeSession(self.context, deadlines)
        self._running = Running(self.session, initialise=False)
        self._up = up
        self._answered: set[str] = set()

    async def __aenter__(self) -> "Stage":
        await self._running.__aenter__()
        if self._up:
            await self.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        for puppet in self.context.puppets:
            puppet.say(end=True)
        await self._running.__aexit__()

    async def open(self, answer: Message | None = None) -> None:
        """Initialise, answered."""
        opening = asyncio.create_task(self.session.initialise())
        await self.answer("initialize", answer or {})
        await opening

    @property
    def ended(self) -> str:
        """Why the pump has returned."""
        return str(self._running.pump.result())

    async def until_ended(self) -> str:
        await until_true(self._running.pump.done)
        return self.ended

    async def heard(self, fits: Callable[[Message], Any], count: int = 1) -> Message:
        """Wait until the session has written so many messages that fit; return the last."""
        await until_true(lambda: len([m for m in self.claude.heard if fits(m)]) >= count)
        return [m for m in self.claude.heard if fits(m)][count - 1]

    async def asked(self, subtype: str, count: int = 1) -> Message:
        """Wait for a control request; return its request."""
        return await self.heard(
            lambda m: m["type"] == "control_request" and m["request"]["subtype"] == subtype, count
        )

    async def answer(
        self, subtype: str, body: Message | None = None, *, error: str | None = None, count: int = 1
    ) -> Message:
        """Answer a control request; return what it asked."""
        request = await self.asked(subtype, count)
        response: Message = {"request_id": request["request_id"]}
        response |= {"subtype": "success", "response": body or {}}
        if error is not None:
            response |= {"subtype": "error", "error": error}
        self.claude.say({"type": "control_response", "response": response})
        found: Message = request["request"]
        return found

    def prompts(self) -> list[Any]:
        """Return the contents of the prompts that were written."""
        return [m["message"]["content"] for m in self.claude.heard if m["type"] == "user"]

    def say(self, *messages: Message) -> None:
        self.claude.say(*messages)

    def words(self, text: str, id_: str = "m") -> Message:
        message = {"id": id_, "content": [{"type": "text", "text": text}]}
        return {"type": "assistant", "message": message, "parent_tool_use_id": None}

    async def send(self, text: str = "hello", **more: Any) -> str:
        return (await self.session.send_turn(turn(text, **more))).turn_id

    async def end_of(self, turn_id: str | None) -> Any:
        """Wait for the end of a turn; return its payload."""
        seen = self.context.of
        await self.context.until(lambda: turn_id in [e.turn_id for e in seen("turn.completed")])
        return next(e.payload for e in seen("turn.completed") if e.turn_id == turn_id)

    def ask(self, tool: str = "Bash", control_id: str = "c-1", **request: Any) -> None:
        """Ask for a permission."""
        body = {"subtype": "can_use_tool", "tool_name": tool, "tool_use_id": "tool", **request}
        self.say({"type": "control_request", "request_id": control_id, "request": body})

    async def reply(self, control_id: str = "c-1") -> Message:
        """Wait for the answer to a control request of Claude; return its response."""
        found = await self.heard(
            lambda m: m["type"] == "control_response" and m["response"]["request_id"] == control_id
        )
        response: Message = found["response"]
        return response


def decided(
    request_id: str | None, decision: Any, option_id: str | None = None
) -> RespondToRequestParams:
    assert request_id is not None
    return RespondToRequestParams(
        idempotency_key="k",
        thread_id="t",
        request_id=request_id,
        decision=decision,
        option_id=option_id,
    )


def answers(request_id: str | None, **given: Any) -> RespondToUserInputParams:
    assert request_id is not None
    return RespondToUserInputParams(
        idempotency_key="k", thread_id="t", request_id=request_id, answers=given
    )
