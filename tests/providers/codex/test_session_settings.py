"""What of a Codex session can be set and read between turns."""

import sys
from typing import Any

import pytest

from sidecar.contract.errors import (
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.methods import (
    McpParams,
)
from tests.providers.codex.server import (
    THREAD,
    Server,
    refusal,
    running,
)
from tests.providers.context import turn

PYTHON = sys.executable


@pytest.mark.parametrize(
    ("key", "value", "sent"),
    [
        ("model", "other", {"model": "other"}),
        ("reasoningEffort", "high", {"effort": "high"}),
        ("serviceTier", "priority", {"serviceTier": "priority"}),
        ("personality", "none", {"personality": "none"}),
        ("approvalPolicy", "on-failure", {"approvalPolicy": "on-request"}),
        ("sandboxMode", "read-only", {"sandboxPolicy": {"type": "readOnly"}}),
    ],
)
async def test_a_setting_is_set(key: str, value: str, sent: dict[str, Any]) -> None:
    async with running(Server(), PYTHON) as run:
        assert await run.session.set_config(key, value) == {"config": {key: value}}
        asked = run.server.calls("thread/settings/update")[0]
        assert asked == {"threadId": THREAD, **sent}


async def test_plan_mode_is_a_setting() -> None:
    async with running(Server(), PYTHON) as run:
        await run.session.set_config("interactionMode", "plan")
        mode = run.server.calls("thread/settings/update")[0]["collaborationMode"]
        assert mode["mode"] == "plan"
        assert mode["settings"]["model"] == "big"


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("colour", "red", Unsupported),
        ("model", 7, ValidationFailed),
        ("effort", "extreme", ValidationFailed),
        ("mode", "chaos", ValidationFailed),
        ("approvalPolicy", "yolo", ValidationFailed),
        ("sandboxMode", None, ValidationFailed),
    ],
)
async def test_a_setting_that_cannot_be_is_refused(
    key: str, value: Any, error: type[Exception]
) -> None:
    async with running(Server(), PYTHON) as run:
        with pytest.raises(error):
            await run.session.set_config(key, value)


PAGES: dict[Any, dict[str, Any]] = {
    None: {"data": [{"id": "a", "items": [{"type": "x"}], "status": "completed"}, {}]},
    "next": {"data": [{"id": "b"}, {"id": "c"}]},
}


def history(params: dict[str, Any]) -> dict[str, Any]:
    cursor = params.get("cursor")
    return {**PAGES[cursor], "nextCursor": "next" if cursor is None else None}


async def test_a_thread_without_turns_is_empty_and_cannot_be_rolled_back() -> None:
    async with running(Server(), PYTHON) as run:
        assert await run.session.read_thread() == {"threadId": "t", "turns": []}
        with pytest.raises(ValidationFailed, match="has no turns"):
            await run.session.rollback_thread(1)


@pytest.mark.parametrize("older", [False, True])
async def test_history_is_read_page_by_page_and_rolled_back(older: bool) -> None:
    server = Server()
    server.answers_to["thread/turns/list"] = history
    server.answers_to["thread/revert"] = refusal("unknown variant `thread/revert`") if older else {}
    server.answers_to["thread/rollback"] = {}
    async with running(server, PYTHON) as run:
        await run.session.send_turn(turn("x"))
        with pytest.raises(ValidationFailed, match="is running"):
            await run.session.rollback_thread(1)
        server.complete()
        await run.context.first("turn.completed")
        thread: Any = await run.session.read_thread()
        assert [t["id"] for t in thread["turns"]] == ["a", "b", "c"]
        assert thread["turns"][0] == {"id": "a", "items": [{"type": "x"}], "status": "completed"}
        kept: Any = await run.session.rollback_thread(2)
        assert [t["id"] for t in kept["turns"]] == ["a"]
        assert server.calls("thread/revert") == [{"threadId": THREAD, "beforeTurnId": "b"}]
        assert len(server.calls("thread/rollback")) == int(older)
        with pytest.raises(ValidationFailed, match="the thread has 3"):
            await run.session.rollback_thread(4)


async def test_a_refused_rollback_is_refused() -> None:
    server = Server(thread_revert=refusal("busy"))
    server.answers_to["thread/turns/list"] = history
    async with running(server, PYTHON) as run:
        await run.session.send_turn(turn("x"))
        server.complete()
        await run.context.first("turn.completed")
        with pytest.raises(ProviderRequestFailed, match="busy"):
            await run.session.rollback_thread(1)


SERVERS = [
    {"name": "a", "runtimeStatus": "connected", "tools": {"t": {}}},
    {"name": "b", "runtimeStatus": "failed", "toolsError": "e"},
    {"name": "c", "runtimeStatus": "connected", "authStatus": "notLoggedIn"},
    {"name": "d"},
    {},
]


async def test_mcp_servers_are_told_and_changed() -> None:
    server = Server()
    server.answers_to["mcpServerStatus/list"] = lambda p: {
        "data": SERVERS if "cursor" not in p else [],
        "nextCursor": None if "cursor" in p else "more",
    }
    server.answers_to |= {"config/value/write": {}, "config/mcpServer/reload": {}}
    async with running(server, PYTHON) as run:
        told: Any = await run.session.mcp("status", McpParams(thread_id="t"))
        assert told["servers"] == [
            {"name": "a", "state": "connected", "tools": ["t"]},
            {"name": "b", "state": "failed", "error": "e"},
            {"name": "c", "state": "needs-auth"},
            {"name": "d", "state": "unknown"},
        ]
        config = {"type": "http", "url": "https://x", "headers": {"A": "b"}}
        await run.session.mcp("add", McpParams(thread_id="t", name="x.y", config=config))
        await run.session.mcp("connect", McpParams(thread_id="t", name="x"))
        await run.session.mcp("disconnect", McpParams(thread_id="t", name="x"))
        edits = [(e["keyPath"], e["value"]) for e in server.calls("config/value/write")]
        assert edits == [
            ('mcp_servers."x.y"', {"url": "https://x", "http_headers": {"A": "b"}}),
            ("mcp_servers.x.enabled", True),
            ("mcp_servers.x.enabled", False),
        ]
        assert len(server.calls("config/mcpServer/reload")) == 3
        for verb, params, error in (
            ("add", McpParams(thread_id="t"), ValidationFailed),
            ("add", McpParams(thread_id="t", name="x"), ValidationFailed),
            ("dance", McpParams(thread_id="t", name="x"), Unsupported),
        ):
            with pytest.raises(error):
                await run.session.mcp(verb, params)
