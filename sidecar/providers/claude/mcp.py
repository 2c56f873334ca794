"""MCP servers of a Claude session, in Claude's own shape. Pure.

    {name: {command, args?, env?: {…}}}                      over stdio
    {name: {type: "http" | "sse", url, headers?: {…}}}

A list in ACP's shape ({name, command, args, env: [{name, value}]} …) is taken too. They go over
stdio to Claude, never into argv: environment and headers hold secrets.
"""

from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ValidationFailed
from sidecar.providers.shapes import maps, text

MCP_SERVERS = 64
"""Servers of one session; people have a handful."""


def read_servers(declared: Json) -> dict[str, dict[str, Any]]:
    """Return the declared servers by name. Raises ValidationFailed for another shape."""
    if declared is None:
        return {}
    if isinstance(declared, list):
        rows = [(row.get("name"), row) for row in maps(declared)]
        if len(rows) < len(declared):
            raise ValidationFailed("Cannot use an MCP server that is no map")
    elif isinstance(declared, dict):
        rows = list(declared.items())
    else:
        raise ValidationFailed("Cannot use mcpServers that are neither a map nor a list")
    if len(rows) > MCP_SERVERS:
        raise ValidationFailed(f"Cannot use over {MCP_SERVERS} MCP servers")
    return dict(read_server(name, config) for name, config in rows)


def read_server(name: object, config: Json) -> tuple[str, dict[str, Any]]:
    """Return one server. Raises ValidationFailed for a bad one; the words never hold its values."""
    called = text(name)
    if called is None:
        raise ValidationFailed("Cannot use an MCP server without a name")
    if not isinstance(config, dict) or not (text(config.get("command")) or text(config.get("url"))):
        raise ValidationFailed(f"MCP server {called} has neither command nor url", name=called)
    server = {key: value for key, value in config.items() if key != "name"}
    for key in ("env", "headers"):
        if isinstance(server.get(key), list):
            pairs = maps(server[key])
            server[key] = {str(pair.get("name")): str(pair.get("value")) for pair in pairs}
    return called, server
