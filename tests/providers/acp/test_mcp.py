"""MCP servers reach the agent in ACP's shape, those that it can use."""

from typing import Any

import pytest

from sidecar.contract.errors import ValidationFailed
from sidecar.providers.acp.mcp import MCP_SERVERS, read_servers, servers_for

STDIO = {"name": "files", "command": "mcp-files"}
HTTP = {
    "type": "http",
    "name": "web",
    "url": "https://mcp",
    "headers": [{"name": "A", "value": ""}],
}
SSE = {"type": "sse", "name": "old", "url": "https://sse"}


def test_an_agent_gets_what_it_can_use_with_every_list_that_acp_wants() -> None:
    servers = servers_for(read_servers([STDIO, HTTP, SSE]), {"http": True, "sse": False})
    assert servers.usable == [
        {"name": "files", "command": "mcp-files", "args": [], "env": []},
        HTTP,
    ]
    assert servers.unusable == [("old", "sse")]


@pytest.mark.parametrize("capabilities", [None, {}, 7, {"http": "yes"}])
def test_an_agent_that_says_nothing_takes_stdio_alone(capabilities: Any) -> None:
    servers = servers_for(read_servers([STDIO, HTTP]), capabilities)
    assert [server["name"] for server in servers.usable] == ["files"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("x", r"mcpServers\[0\]: Expected `object`"),
        ({"name": "n"}, "missing required field `command`"),
        ({"name": " ", "command": "c"}, "name"),
        ({"type": "http", "name": "n"}, "missing required field `url`"),
        ({**STDIO, "env": {"A": "1"}}, r"Expected `array`"),
    ],
)
def test_a_bad_declaration_is_refused_with_its_place(row: Any, words: str) -> None:
    with pytest.raises(ValidationFailed, match=words):
        read_servers([row])


def test_too_many_are_refused() -> None:
    with pytest.raises(ValidationFailed, match="over 64 mcpServers"):
        read_servers([STDIO] * (MCP_SERVERS + 1))
