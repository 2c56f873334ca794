"""An ACP session whose agent is a puppet: the test says what the agent says, message by message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

from sidecar.providers.acp.session import AcpSession
from tests.providers.context import WAIT_S, FakeContext, Puppet, spec, until_true

_NUMBERS = count(1)


def puppet_session(**fields: Any) -> tuple[AcpSession, FakeContext, Puppet]:
    options = {"command": "puppet"} | fields.pop("options", {})
    context, puppet = FakeContext(spec(options=options, **fields)), Puppet()
    context.puppet = puppet
    return AcpSession(context), context, puppet


def update(update_kind: str, /, **fields: Any) -> dict[str, Any]:
    params = {"sessionId": "s", "update": {"sessionUpdate": update_kind, **fields}}
    return {"method": "session/update", "params": params}


def words(text: str) -> dict[str, Any]:
    return update("agent_message_chunk", content={"type": "text", "text": text})


@asynccontextmanager
async def pumped(session: AcpSession, puppet: Puppet) -> AsyncIterator[asyncio.Task[str]]:
    await session.launch()
    pump = asyncio.create_task(session.pump())
    try:
        yield pump
    finally:
        puppet.say(end=True)
        await asyncio.wait_for(pump, WAIT_S)
        assert isinstance(session.context, FakeContext)
        for process in session.context.processes:
            await process.end()


async def shake(puppet: Puppet, *, loads: bool = False, **capabilities: Any) -> None:
    request_id = await puppet.asked("initialize")
    result = {
        "protocolVersion": 1,
        "agentCapabilities": {"loadSession": loads, **capabilities},
        "authMethods": [{"id": "login"}],
    }
    puppet.say({"id": request_id, "result": result})


async def opened(session: AcpSession, puppet: Puppet) -> None:
    opening = asyncio.create_task(session.initialise())
    await shake(puppet)
    puppet.say({"id": await puppet.asked("session/new"), "result": {"sessionId": "s"}})
    await asyncio.wait_for(opening, WAIT_S)


def begin(puppet: Puppet, method: str, **params: Any) -> str:
    """Let the agent ask its client; return the request's id."""
    rpc_id = f"agent-{next(_NUMBERS)}"
    puppet.say({"id": rpc_id, "method": method, "params": {"sessionId": "s", **params}})
    return rpc_id


async def answered(puppet: Puppet, rpc_id: str) -> dict[str, Any]:
    """Return the answer to a request of the agent, whole."""
    await until_true(lambda: [m for m in puppet.answers() if m.get("id") == rpc_id])
    (answer,) = [m for m in puppet.answers() if m.get("id") == rpc_id]
    return answer


async def ask(puppet: Puppet, method: str, **params: Any) -> dict[str, Any]:
    """Let the agent ask its client; return the result."""
    answer = await answered(puppet, begin(puppet, method, **params))
    assert "result" in answer, answer
    result: dict[str, Any] = answer["result"]
    return result


async def refused(puppet: Puppet, method: str, **params: Any) -> tuple[int, str]:
    """Let the agent ask its client; return code and message of the error."""
    answer = await answered(puppet, begin(puppet, method, **params))
    assert "error" in answer, answer
    return answer["error"]["code"], answer["error"]["message"]


def given_up(rpc_id: str) -> dict[str, Any]:
    """Return what says that the agent no longer waits for an answer."""
    return {"method": "$/cancel_request", "params": {"requestId": rpc_id}}
