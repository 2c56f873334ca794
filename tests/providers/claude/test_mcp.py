"""MCP servers: what is taken, and the verbs as far as the control protocol carries them."""

import asyncio
from typing import Any

import pytest

from sidecar.contract.errors import ProviderRequestFailed, ValidationFailed
from sidecar.contract.methods import McpParams
from sidecar.providers.claude import mcp
from sidecar.providers.claude.mcp import read_servers
from tests.providers.claude.puppet import Stage

STDIO = {"command": "server", "args": ["--x"], "env": {"TOKEN": "secret"}}
UP = {"name": "a", "status": "connected", "tools": [{"name": "look"}], "config": STDIO}
DOWN = {"name": "a", "status": "failed", "error": "no such file"}


def params(name: str | None = "a", config: Any = None) -> McpParams:
    return McpParams(thread_id="t", name=name, config=config)


def test_servers_come_in_claudes_shape_or_in_acps() -> None:
    assert read_servers({"a": STDIO}) == {"a": STDIO}
    acp = [{"name": "a", **STDIO, "env": [{"name": "TOKEN", "value": "secret"}]}]
    assert read_servers(acp) == {"a": STDIO}
    remote = {"type": "http", "name": "r", "url": "https://x", "headers": []}
    assert read_servers([remote])["r"]["headers"] == {}
    assert read_servers(None) == {}


@pytest.mark.parametrize(
    "declared", [7, [7], {"a": 7}, {" ": STDIO}, {"a": {"args": []}}, [{"command": "x"}]]
)
def test_other_shapes_are_refused_without_their_values(declared: Any) -> None:
    with pytest.raises(ValidationFailed) as refusal:
        read_servers(declared)
    assert "secret" not in refusal.value.message


def test_servers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp, "MCP_SERVERS", 1)
    with pytest.raises(ValidationFailed):
        read_servers({"a": STDIO, "b": STDIO})


async def test_servers_of_the_start_are_set_before_the_session_is_ready() -> None:
    async with Stage(up=False, options={"mcpServers": {"a": STDIO}, "maxThinkingTokens": 7}) as s:
        opening = asyncio.create_task(s.session.initialise())
        await s.answer("initialize")
        assert (await s.answer("set_max_thinking_tokens"))["max_thinking_tokens"] == 7
        told = await s.answer("mcp_set_servers", {"errors": {"a": "no such file"}})
        assert told["servers"] == {"a": STDIO}
        await opening
        (warning,) = s.context.of("runtime.warning")
        assert "no such file" in warning.payload.message
        assert "secret" not in str(s.context.events)


async def test_servers_that_are_refused_at_the_start_are_warned_of() -> None:
    async with Stage(up=False, options={"mcpServers": {"a": STDIO}}) as stage:
        opening = asyncio.create_task(stage.session.initialise())
        await stage.answer("initialize")
        await stage.answer("mcp_set_servers", error="too slow")
        await opening
        (warning,) = stage.context.of("runtime.warning")
        assert "too slow" in warning.payload.message


async def test_the_status_is_asked_for() -> None:
    async with Stage() as stage:
        asking = asyncio.create_task(stage.session.mcp("status", params(None)))
        await stage.answer("mcp_status", {"mcpServers": [UP, DOWN]})
        assert await asking == {
            "servers": [
                {"name": "a", "state": "connected", "tools": ["look"]},
                {"name": "a", "state": "failed", "error": "no such file"},
            ]
        }
        assert len(stage.context.of("mcp.status.updated")) == 1


async def test_a_server_is_added_to_those_of_the_session() -> None:
    async with Stage() as stage:
        for count, name in enumerate(("a", "b"), 1):
            adding = asyncio.create_task(stage.session.mcp("add", params(name, STDIO)))
            told = await stage.answer("mcp_set_servers", count=count)
            await stage.answer("mcp_status", {"mcpServers": [UP]}, count=count)
            await adding
        assert set(told["servers"]) == {"a", "b"}


async def test_a_server_that_is_refused_is_not_kept() -> None:
    async with Stage() as stage:
        adding = asyncio.create_task(stage.session.mcp("add", params("a", STDIO)))
        await stage.answer("mcp_set_servers", error="no")
        with pytest.raises(ProviderRequestFailed):
            await adding
        adding = asyncio.create_task(stage.session.mcp("add", params("b", STDIO)))
        told = await stage.answer("mcp_set_servers", count=2)
        assert set(told["servers"]) == {"b"}
        await stage.answer("mcp_status")
        await adding


@pytest.mark.parametrize(
    ("state", "subtype"), [("disabled", "mcp_toggle"), ("failed", "mcp_reconnect")]
)
async def test_a_server_is_connected_however_it_stands(state: str, subtype: str) -> None:
    async with Stage() as stage:
        connecting = asyncio.create_task(stage.session.mcp("connect", params()))
        await stage.answer("mcp_status", {"mcpServers": [{"name": "a", "status": state}]})
        assert (await stage.answer(subtype))["serverName"] == "a"
        await stage.answer("mcp_status", {"mcpServers": [UP]}, count=2)
        assert (await connecting)["servers"][0]["state"] == "connected"


async def test_a_connected_server_is_left_alone_and_one_is_disconnected() -> None:
    async with Stage() as stage:
        connecting = asyncio.create_task(stage.session.mcp("connect", params()))
        await stage.answer("mcp_status", {"mcpServers": [UP]})
        await stage.answer("mcp_status", {"mcpServers": [UP]}, count=2)
        await connecting
        cutting = asyncio.create_task(stage.session.mcp("disconnect", params()))
        assert (await stage.answer("mcp_toggle"))["enabled"] is False
        await stage.answer("mcp_status", count=3)
        await cutting


@pytest.mark.parametrize("verb", ["add", "connect", "disconnect"])
async def test_a_verb_needs_a_name(verb: str) -> None:
    async with Stage() as stage:
        with pytest.raises(ValidationFailed):
            await stage.session.mcp(verb, params(None))
