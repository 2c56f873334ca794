"""The link between wire and process: what waits is answered, refused or failed."""

import asyncio

import pytest

from sidecar.contract.errors import Overloaded, ProviderProcessFailed, ProviderRequestFailed
from sidecar.providers import link as module
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.wire import PENDING_REQUESTS, Response, RpcError


class Pipe:
    """A ProviderProcess that keeps what is written and drains when it is told to."""

    pid = 1
    stderr_tail = ""

    def __init__(self) -> None:
        self.written = b""
        self.drains = asyncio.Event()

    def write(self, data: bytes) -> None:
        self.written += data

    async def drain(self) -> None:
        await self.drains.wait()

    async def read(self) -> bytes:
        return b""

    def close_stdin(self) -> None:
        raise NotImplementedError


async def test_a_call_gets_its_response_and_no_other() -> None:
    link = AcpLink(Pipe())
    call = asyncio.create_task(link.call("m", {}, 5.0))
    await asyncio.sleep(0)
    assert not link.settle(Response(99, "m", {}, None))
    assert link.settle(Response(1, "m", {"a": 1}, None))
    assert not link.settle(Response(1, "m", {}, None))
    assert (await call).result == {"a": 1}


async def test_an_error_response_raises_where_a_result_is_wanted() -> None:
    link = AcpLink(Pipe())
    call = asyncio.create_task(link.result("m", {}, 5.0))
    await asyncio.sleep(0)
    link.settle(Response(1, "m", None, RpcError(-1, "no", {"details": "why"})))
    with pytest.raises(ProviderRequestFailed, match="refused m: no: why") as refused:
        await call
    assert refused.value.data == {"method": "m", "detail": "no: why", "providerCode": -1}


async def test_a_response_after_the_deadline_finds_nobody() -> None:
    link = AcpLink(Pipe())
    with pytest.raises(ProviderRequestFailed, match=r"did not answer m within 0\.01 s"):
        await link.call("m", {}, 0.01)
    assert not link.settle(Response(1, "m", {}, None))


async def test_the_end_fails_what_waits_and_what_comes_after() -> None:
    link = AcpLink(Pipe())
    call = asyncio.create_task(link.call("m", {}, 5.0))
    await asyncio.sleep(0)
    link.close()
    with pytest.raises(ProviderProcessFailed, match="ended before it answered"):
        await call
    with pytest.raises(ProviderProcessFailed, match="has ended"):
        link.send("m", {})


async def test_too_many_unanswered_requests_are_refused() -> None:
    link = AcpLink(Pipe())
    for _ in range(PENDING_REQUESTS):
        link.send("m", {})
    with pytest.raises(Overloaded):
        link.send("m", {})


async def test_an_agent_that_leaves_its_input_unread_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "DRAIN_DEADLINE_S", 0.01)
    pipe = Pipe()
    assert await AcpLink(pipe).drained() is False
    pipe.drains.set()
    assert await AcpLink(pipe).drained() is True
