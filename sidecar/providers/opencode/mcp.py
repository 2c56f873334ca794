"""MCP servers of one opencode server: configuration into its shape, status out of it. Pure."""

from typing import Any
from urllib.parse import quote

from sidecar.contract.base import Json
from sidecar.contract.errors import ValidationFailed
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text

SERVERS = 256
"""Servers listed; a person configures a handful."""


def server_config(name: str, config: Json) -> dict[str, Any]:
    """Return a server's configuration as opencode takes it.

    Taken are its own shapes (`type` local or remote) and the usual `{command, args, env}` and
    `{url, headers}`. Raises ValidationFailed for anything else.
    """
    given = a_map(config)
    if given.get("type") in ("local", "remote"):
        return given
    if text(given.get("url")):
        headers = {"headers": given["headers"]} if a_map(given.get("headers")) else {}
        return {"type": "remote", "url": given["url"], "enabled": True, **headers}
    command, args = given.get("command"), given.get("args") or []
    if isinstance(command, str) and text(command) and isinstance(args, list):
        env = {"environment": given["env"]} if a_map(given.get("env")) else {}
        words = [command, *(str(word) for word in args)]
        return {"type": "local", "command": words, "enabled": True, **env}
    raise ValidationFailed(
        f"Cannot use MCP server {name!r}: its config has neither `command` nor `url`", name=name
    )


def servers(status: Json) -> list[dict[str, Any]]:
    """Return the answer of GET /mcp as the contract lists servers."""
    found = []
    for name, row in list(a_map(status).items())[:SERVERS]:
        server = {"name": text(name), "state": text(a_map(row).get("status")) or "unknown"}
        error = text(a_map(row).get("error"), DETAIL_CHARS)
        if error is not None:
            server["error"] = error
        if server["name"] is not None:
            found.append(server)
    return found


def in_path(name: str) -> str:
    """Return a server's name as a segment of a path."""
    return quote(name, safe="")
