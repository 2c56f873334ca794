"""Settings, history, MCP, loss and death against a fake server, which is none."""

import asyncio
import dataclasses
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import (
    ProviderProcessFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.methods import (
    Attachment,
    McpParams,
    ModelSelection,
)
from sidecar.providers.opencode.session import OpencodeSession
from sidecar.providers.opencode.sharing import sharing_key
from sidecar.providers.opencode.wire import Event
from tests.providers.context import WAIT_S, turn, until_true
from tests.providers.opencode.house import QUICK, Context, House, answer, spec_of

PNG = Attachment(type="image", mime_type="image/png", data=b"png")


def mcp(name: str | None = None, config: Any = None) -> McpParams:
    return McpParams(thread_id="t", name=name, config=config)


# Settings, history, MCP


async def test_settings_go_with_the_next_prompts(house: House) -> None:
    selection = ModelSelection(model="fake/one", options={"variant": "high"})
    guest = await house.open(spec_of(model_selection=selection, options={"agent": "build"}))
    await guest.run("plain")
    await guest.session.set_config("effort", "low")
    assert await guest.session.set_config("mode", None) == {"config": {"mode": None}}
    await guest.run("plain", model_selection=ModelSelection(model="fake/two"), options={"x": 1})
    first, second = await house.called("/prompt_async")
    assert first["model"] == {"providerID": "fake", "modelID": "one"}
    assert (first["variant"], first["agent"]) == ("high", "build")
    assert second["model"]["modelID"] == "two"
    assert second["variant"] == "low"
    assert "agent" not in second
    said = [e.payload.config for e in guest.context.of("session.configured")][1:]
    assert said == [{"variant": "low"}, {"agent": None}, {"model": "fake/two"}]
    started = guest.context.of("turn.started")[0].payload
    assert (started.model, started.effort) == ("fake/one", "high")


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("model", "one", ValidationFailed),
        ("model", " / ", ValidationFailed),
        ("agent", 7, ValidationFailed),
        ("colour", "red", Unsupported),
    ],
)
async def test_bad_settings_are_refused(
    house: House, key: str, value: Any, error: type[Exception]
) -> None:
    guest = await house.open()
    with pytest.raises(error):
        await guest.session.set_config(key, value)


async def test_a_conversation_is_rolled_back(house: House) -> None:
    guest = await house.open()
    await guest.run("plain")
    await guest.run("plain")
    thread: Any = await guest.session.read_thread()
    assert len(thread["turns"]) == 2
    left: Any = await guest.session.rollback_thread(1)
    assert left == {"threadId": "t", "turns": thread["turns"][:1]}
    with pytest.raises(ValidationFailed, match="there are 1"):
        await guest.session.rollback_thread(5)
    await guest.send("hold")
    with pytest.raises(ValidationFailed, match="while a turn runs"):
        await guest.session.rollback_thread(1)


async def test_mcp_servers_are_added_connected_and_listed(house: House) -> None:
    guest = await house.open()
    assert await guest.session.mcp("status", mcp()) == {"servers": []}
    added: Any = await guest.session.mcp("add", mcp("a/b", {"command": "x", "args": ["y"]}))
    assert added == {"servers": [{"name": "a/b", "state": "connected"}]}
    assert (await house.called("/mcp"))[1]["config"] == {
        "type": "local",
        "command": ["x", "y"],
        "enabled": True,
    }
    gone: Any = await guest.session.mcp("disconnect", mcp("a"))
    assert {"name": "a", "state": "disconnected", "error": "none"} in gone["servers"]
    assert guest.context.of("mcp.status.updated")
    with pytest.raises(ValidationFailed, match="without a name"):
        await guest.session.mcp("connect", mcp())
    with pytest.raises(ValidationFailed, match="neither"):
        await guest.session.mcp("add", mcp("a", {}))
    with pytest.raises(Unsupported):
        await guest.session.mcp("polish", mcp("a"))


# Loss and death


async def test_unreadable_events_are_survived(house: House) -> None:
    guest = await house.open()
    assert (await guest.run("garbage")).payload.state == "completed"
    assert guest.context.text() == "Hello world."


async def test_a_broken_stream_loses_no_text(house: House) -> None:
    guest = await house.open(deadlines=dataclasses.replace(QUICK, quiet_s=5.0))
    assert (await guest.run("lose 50")).payload.state == "completed"
    assert guest.context.text() == "".join(f"{n} " for n in range(52))


async def test_a_session_without_credit_holds_up_no_sibling_and_loses_nothing(
    house: House,
) -> None:
    slow, quick = await house.open(), await house.open()
    slow.session._box()._max_events = 100
    slow.context.flowing.clear()
    turn_id = await slow.send("flood 1000")
    for _ in range(3):
        assert (await quick.run("plain")).payload.state == "completed"
    assert not slow.context.of("turn.completed")
    slow.context.flowing.set()
    assert (await slow.end_of(turn_id)).payload.state == "completed"
    assert slow.context.text() == "".join(f"{n} " for n in range(1000))


async def test_a_reload_of_the_server_is_looked_into(house: House) -> None:
    guest = await house.open()
    await guest.send("ask")
    await guest.context.first("request.opened")
    await house.steer("say=server.instance.disposed")
    await until_true(lambda: any(log[1] == "opencode.resync" for log in guest.context.logs))
    await answer(guest, "accept")
    await guest.context.first("turn.completed")


async def test_a_killed_server_ends_every_session(house: House) -> None:
    guest, sibling = await house.open(), await house.open()
    await guest.send("hold")
    await sibling.send("die")
    for pump in (guest.pump, sibling.pump):
        assert await asyncio.wait_for(pump, WAIT_S) == "the opencode server has ended"
    assert all(lease.released for lease in house.services.leases)
    with pytest.raises(ProviderProcessFailed):
        await guest.send("plain")
    await guest.session.interrupt(None)


async def test_a_stop_aborts_what_runs(house: House) -> None:
    guest = await house.open()
    await guest.session.cancel()
    await guest.send("hold")
    await guest.works()
    await guest.session.cancel()
    assert await house.called("/abort") == [None]
    (process,) = house.services.processes
    await process.end()
    await asyncio.wait_for(guest.pump, WAIT_S)
    await guest.session.cancel()


async def test_two_sessions_cannot_have_the_same_conversation(house: House) -> None:
    guest = await house.open()
    with pytest.raises(ProviderProcessFailed, match="in use"):
        await house.open(spec_of(resume_cursor=guest.context.cursors[0]))


async def test_who_has_a_conversation_is_left_alone_by_who_wants_it_too(house: House) -> None:
    guest = await house.open()
    turn_id = await guest.send("ask")
    await guest.context.first("request.opened")
    spec = spec_of(resume_cursor=guest.context.cursors[0])
    second = OpencodeSession(Context(spec, house), QUICK)
    await second.launch()
    pump = asyncio.create_task(second.pump())
    with pytest.raises(ProviderProcessFailed, match="in use"):
        await second.initialise()
    pump.cancel()
    await asyncio.gather(pump, return_exceptions=True)
    await answer(guest, "accept")
    assert (await guest.end_of(turn_id)).payload.state == "completed"
    assert await house.called("/abort") == []


async def test_a_server_that_cannot_be_reached_for_a_moment_ends_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await house.open()
    turn_id = await guest.send("ask")
    await guest.context.first("request.opened")

    async def missed(agents: object) -> list[Event]:
        raise ProviderProcessFailed("OpenCode cannot be reached: connection reset")

    with monkeypatch.context() as patched:
        patched.setattr(guest.session._turns.up(), "missed", missed)
        await house.steer("say=server.instance.disposed")
        await guest.context.first("runtime.warning")
    await answer(guest, "accept")
    assert (await guest.end_of(turn_id)).payload.state == "completed"


async def test_a_sub_agent_that_began_while_nobody_heard_is_heard_from_then_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    guest = await house.open()
    turn_id = await guest.send("ask")
    await guest.context.first("request.opened")
    own, call = guest.session._session_id, house.server.http.call

    async def with_child(method: str, path: str, *more: Any) -> Any:
        if path == f"/session/{own}/children":
            return [{"id": "ses_child", "parentID": own}, {"id": 7}]
        return await call(method, path, *more)

    monkeypatch.setattr(house.server.http, "call", with_child)
    await house.steer("say=server.instance.disposed")
    asked = {"id": "per_child", "sessionID": "ses_child", "permission": "bash", "patterns": ["x"]}
    await until_true(lambda: "ses_child" in house.server.sessions._roots)
    house.server.sessions.deliver(Event("permission.asked", asked))
    await guest.context.first("request.opened", 1)
    await answer(guest, "accept")
    assert (await guest.end_of(turn_id)).payload.state == "completed"


async def test_settings_of_the_provider_hold_where_the_start_says_nothing(house: House) -> None:
    made = spec_of(options={"agent": "build"})
    settings = {"command": "/none", "agent": "x", "maxRetries": 0}
    made = msgspec.structs.replace(made, provider_settings=settings)
    guest = await house.open(made)
    assert guest.session._options.max_retries == 0
    assert guest.session._options.agent == "build"
    assert sharing_key(made) == sharing_key(spec_of(options={"agent": "build"}))
    other = msgspec.structs.replace(made, provider_settings={"idleMs": 1})
    assert sharing_key(other) != sharing_key(made)


async def test_a_session_that_was_not_opened_says_so() -> None:
    session = OpencodeSession(Context(spec_of(), House()))
    await session.cancel()
    with pytest.raises(ProviderProcessFailed, match="not up"):
        await session.send_turn(turn("plain"))
    with pytest.raises(ProviderProcessFailed, match="not started"):
        await session.read_thread()
