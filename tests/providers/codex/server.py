"""A scripted app-server without a process: it answers requests, and a test says the rest."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.session import CodexSession
from tests.providers.context import WAIT_S, FakeContext, Puppet, Running, spec

THREAD = "thread-of-codex"
TURN = "turn-1"
MODELS = [
    {
        "model": "big",
        "displayName": "Big",
        "isDefault": True,
        "supportedReasoningEfforts": [{"reasoningEffort": "low"}, {"reasoningEffort": "high"}],
        "serviceTiers": [{"id": "priority", "name": "Fast", "description": "faster"}],
        "defaultReasoningEffort": "low",
        "inputModalities": ["text", "image"],
    },
    {"model": "plain", "inputModalities": ["text"], "hidden": True},
    {"nothing": 1},
]

Answer = Callable[[dict[str, Any]], Any] | dict[str, Any] | None
"""What a request is answered with: a result, or a function of its params; None for nothing."""


class Refusal(dict[str, Any]):
    """An answer that is an error."""


def refusal(message: str) -> Refusal:
    """Return an error as an answer."""
    return Refusal(code=-32600, message=message)


def opened(thread_id: str = THREAD, **fields: Any) -> dict[str, Any]:
    """Return the answer to thread/start."""
    return {"thread": {"id": thread_id}, "model": "big", "approvalPolicy": "untrusted", **fields}


class Server(Puppet):
    """An app-server that answers by `answers`; each turn/start begins the next turn."""

    def __init__(self, **answers: Answer) -> None:
        super().__init__()
        self.turns = 0
        self.answers_to: dict[str, Answer] = {
            "initialize": {"userAgent": "agent-sidecar/0.169.0 (x)", "codexHome": "/home"},
            "account/read": {"account": None, "requiresOpenaiAuth": False},
            "model/list": {"data": MODELS, "nextCursor": None},
            "thread/start": opened(),
            "thread/resume": lambda params: opened(params["threadId"]),
            "turn/start": self._begin,
            "turn/steer": lambda params: {"turnId": params["expectedTurnId"]},
            "turn/interrupt": {},
            "thread/settings/update": {},
            **{name.replace("_", "/"): answer for name, answer in answers.items()},
        }

    def write(self, data: bytes) -> None:
        super().write(data)
        for message in [json.loads(line) for line in data.splitlines()]:
            if "method" in message and "id" in message:
                self._answer(message)

    def _answer(self, message: dict[str, Any]) -> None:
        answer = self.answers_to.get(message["method"])
        if callable(answer):
            answer = answer(message.get("params") or {})
        if answer is None:
            return
        key = "error" if isinstance(answer, Refusal) else "result"
        self.say({"id": message["id"], key: answer})

    def _begin(self, _: dict[str, Any]) -> dict[str, Any]:
        self.turns += 1
        return {"turn": {"id": f"turn-{self.turns}", "status": "inProgress"}}

    # What a test says

    def tell(self, method: str, thread: str | None = THREAD, /, **params: Any) -> None:
        """Notify."""
        named = {"threadId": thread} if thread is not None else {}
        self.say({"method": method, "params": named | params})

    def ask(self, rpc_id: Any, method: str, /, **params: Any) -> None:
        """Ask something of the client."""
        self.say({"id": rpc_id, "method": method, "params": {"threadId": THREAD, **params}})

    def complete(self, status: str = "completed", turn: str | None = None, **fields: Any) -> None:
        """End the main thread's turn."""
        id_ = turn or f"turn-{self.turns}"
        self.tell("turn/completed", turn={"id": id_, "status": status, **fields})

    def item(
        self, what: str, kind: str, id_: str = "i", /, thread: str = THREAD, **more: Any
    ) -> None:
        """Start or complete an item."""
        item = {"type": kind, "id": id_, **more}
        self.tell(f"item/{what}", thread, item=item, turnId=f"turn-{self.turns}")

    # What a test looks at

    def calls(self, method: str) -> list[dict[str, Any]]:
        """Return the params of the requests of a method."""
        return [m.get("params") or {} for m in self.heard if m.get("method") == method]

    async def until_called(self, method: str, count: int = 1) -> dict[str, Any]:
        """Wait for the n-th request of a method; return its params."""
        async with asyncio.timeout(WAIT_S):
            while len(self.calls(method)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.calls(method)[count - 1]


class Up(Running[CodexSession]):
    """A session with a scripted server, in an `async with`."""

    def __init__(self, run: Running[CodexSession], server: Server) -> None:
        super().__init__(run.session)
        self.server = server

    async def __aenter__(self) -> "Up":
        await super().__aenter__()
        return self

    async def __aexit__(self, *args: object) -> None:
        self.server.say(end=True)
        await super().__aexit__(*args)


QUICK = Deadlines(start_s=5, call_s=5, models_s=5, cancel_s=5, agents_s=5, stop_s=5, reconnect_s=60)


def session(
    server: Server, program: str, deadlines: Deadlines | None = QUICK, **fields: Any
) -> CodexSession:
    """Return a session whose app-server is `server`; `program` must exist and is not run."""
    options = {"binaryPath": program} | fields.pop("options", {})
    context = FakeContext(spec("codex", options=options, **fields))
    context.puppet = server
    return CodexSession(context, deadlines)


def running(server: Server, program: str, **fields: Any) -> Up:
    """Return an `async with` of such a session."""
    return up(session(server, program, **fields), server)


def up(sess: CodexSession, server: Server) -> Up:
    """Return an `async with` of a session, launched and initialised in it."""
    return Up(Running(sess), server)
