"""Each request of an agent to its client is answered once, whatever becomes of it."""

import asyncio
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.acp import serving as module
from sidecar.providers.acp.crew import Crew
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.serving import Refused, Serving
from sidecar.providers.acp.wire import INTERNAL_ERROR, METHOD_NOT_FOUND, REQUEST_CANCELLED, Request
from tests.providers.context import Puppet, until_true


class Desk:
    """A Serving with one method of each kind."""

    def __init__(self, crew: Crew) -> None:
        self.puppet = Puppet()
        self.go = asyncio.Event()
        handlers = {"works": self.works, "refuses": self.refuses, "fails": self.fails}
        self.serving = Serving(AcpLink(self.puppet), crew, {**handlers, "waits": self.waits})

    def take(self, method: str, rpc_id: Any = 1) -> bool:
        return self.serving.take(Request(rpc_id, method, {"x": 1}))

    async def works(self, params: dict[str, Any]) -> Any:
        return params

    async def refuses(self, params: dict[str, Any]) -> Any:
        raise Refused(-32602, "not so")

    async def fails(self, params: dict[str, Any]) -> Any:
        raise ProviderProcessFailed("no such program")

    async def waits(self, params: dict[str, Any]) -> Any:
        await self.go.wait()

    async def answer(self, count: int = 1) -> dict[str, Any]:
        await until_true(lambda: len(self.puppet.answers()) >= count)
        return self.puppet.answers()[count - 1]


async def test_what_is_done_refused_failed_or_unknown_is_answered_so() -> None:
    async with Crew() as crew:
        desk = Desk(crew)
        assert desk.take("works")
        assert (await desk.answer())["result"] == {"x": 1}
        assert desk.take("refuses")
        assert (await desk.answer(2))["error"] == {"code": -32602, "message": "not so"}
        assert desk.take("fails")
        failed = (await desk.answer(3))["error"]
        assert failed == {"code": INTERNAL_ERROR, "message": "no such program"}
        assert not desk.take("nothing")
        assert (await desk.answer(4))["error"]["code"] == METHOD_NOT_FOUND


async def test_a_request_that_the_agent_gives_up_is_answered_as_cancelled() -> None:
    async with Crew() as crew:
        desk = Desk(crew)
        desk.take("waits", "a")
        assert desk.serving.give_up("a")
        assert (await desk.answer())["error"]["code"] == REQUEST_CANCELLED
        await until_true(lambda: len(crew) == 0)
        assert not desk.serving.give_up("a")
        assert len(desk.puppet.answers()) == 1


async def test_requests_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SERVED", 1)
    async with Crew() as crew:
        desk = Desk(crew)
        desk.take("waits")
        assert desk.take("works", 2)
        assert "under way already" in (await desk.answer())["error"]["message"]
        desk.go.set()
        await desk.answer(2)
        desk.take("works", 3)
        assert (await desk.answer(3))["id"] == 3


async def test_nothing_is_begun_when_the_reading_is_over() -> None:
    desk = Desk(Crew())
    assert desk.take("works")
    assert desk.puppet.answers() == []


async def test_what_runs_beside_the_reading_ends_with_it() -> None:
    ended = asyncio.Event()

    async def runs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    crew = Crew()
    async with crew:
        crew.run(runs())
        await asyncio.sleep(0)
    assert ended.is_set()
    assert len(crew) == 0


async def test_a_crew_that_was_never_entered_is_left_without_harm() -> None:
    await Crew().__aexit__(None, None, None)


async def test_an_error_beside_the_reading_or_in_it_is_raised_as_it_is() -> None:
    async def breaks() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        async with Crew() as crew:
            crew.run(breaks())
            await asyncio.Event().wait()
    with pytest.raises(ProviderProcessFailed, match="gone"):
        async with Crew():
            raise ProviderProcessFailed("gone")
