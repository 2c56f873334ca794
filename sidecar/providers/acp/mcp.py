"""MCP servers that an agent is to use, in ACP's own shape. Pure.

    {name, command, args?, env?: [{name, value}]}        over stdio
    {type: "http" | "sse", name, url, headers?: [{name, value}]}

ACP hands them over when a session is opened, and has no method to change them afterwards.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from sidecar.contract.base import Json, NonBlank, Wire
from sidecar.contract.errors import ValidationFailed
from sidecar.providers.acp.mapping.shapes import a_map

MCP_SERVERS = 64
"""Servers of one session; people have a handful."""


class NameValue(Wire, frozen=True):
    """A variable or a header."""

    name: NonBlank
    value: str


class StdioServer(Wire, frozen=True, omit_defaults=False):
    """A server that the agent starts itself. ACP wants the lists, empty ones too."""

    name: NonBlank
    command: NonBlank
    args: list[str] = []  # noqa: RUF012 - msgspec copies an empty default
    env: list[NameValue] = []  # noqa: RUF012 - the same


class RemoteServer(Wire, frozen=True, omit_defaults=False):
    """A server that the agent connects to."""

    type: Literal["http", "sse"]
    name: NonBlank
    url: NonBlank
    headers: list[NameValue] = []  # noqa: RUF012 - the same


class McpServers(NamedTuple):
    """What the agent gets, and the names of what it cannot use, each with the transport."""

    usable: list[dict[str, Any]]
    unusable: list[tuple[str, str]]


def read_servers(declared: list[Any]) -> list[StdioServer | RemoteServer]:
    """Return the declared servers. Raises ValidationFailed with the place of a bad one."""
    if len(declared) > MCP_SERVERS:
        raise ValidationFailed(f"Cannot start the agent: over {MCP_SERVERS} mcpServers")
    return [_read(index, row) for index, row in enumerate(declared)]


def servers_for(servers: list[StdioServer | RemoteServer], capabilities: object) -> McpServers:
    """Return what an agent with these `mcpCapabilities` can use. Every agent must take stdio."""
    able = a_map(capabilities)
    found = McpServers([], [])
    for server in servers:
        transport = server.type if isinstance(server, RemoteServer) else "stdio"
        if transport == "stdio" or able.get(transport) is True:
            found.usable.append(msgspec.to_builtins(server))
        else:
            found.unusable.append((server.name, transport))
    return found


def _read(index: int, row: Json) -> StdioServer | RemoteServer:
    try:
        if a_map(row).get("type") in ("http", "sse"):
            return msgspec.convert(row, RemoteServer)
        return msgspec.convert(row, StdioServer)
    except msgspec.ValidationError as error:
        raise ValidationFailed(
            f"Cannot start the agent: option mcpServers[{index}]: {error}"
        ) from None
