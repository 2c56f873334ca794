"""MCP servers of a thread: their state, and additions and switches in CODEX_HOME's config.toml.

Codex has no servers of a thread's own that could be changed while it runs: `add`, `connect` and
`disconnect` write its configuration, as `codex mcp add` does, and have it loaded again.
"""

from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import Unsupported, ValidationFailed
from sidecar.contract.methods import McpParams
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text

PAGES = 16
"""Pages of servers that are read."""

TOOLS = 512
"""Tools of one server that are named."""

_STATES: Final = {
    "connected": "connected",
    "ready": "connected",
    "authenticationRequired": "needs-auth",
    "notStarted": "pending",
    "starting": "pending",
}
"""Codex's words in ours; another word is passed on as it is."""


async def mcp_status(link: CodexLink, thread_id: str, deadline_s: float) -> dict[str, Json]:
    """Return {servers: [{name, state, error?, tools?}]}. Raises ProviderRequestFailed."""
    servers: list[Json] = []
    params: dict[str, Json] = {"threadId": thread_id, "detail": "toolsAndAuthOnly"}
    for _ in range(PAGES):
        page = await link.result("mcpServerStatus/list", params, deadline_s)
        servers += [row for row in map(_server, maps(page.get("data"))) if row]
        cursor = text(page.get("nextCursor"))
        if cursor is None:
            break
        params["cursor"] = cursor
    return {"servers": servers}


async def change_mcp(link: CodexLink, verb: str, params: McpParams, deadline_s: float) -> None:
    """Add, connect or disconnect a server by its configuration.

    Raises ValidationFailed without a name or configuration, Unsupported for another verb and
    ProviderRequestFailed for what Codex refuses.
    """
    name = params.name
    if name is None:
        raise ValidationFailed(f"Cannot carry out mcp.{verb}: it needs a name")
    key = f'mcp_servers."{name}"' if "." in name else f"mcp_servers.{name}"
    if verb == "add":
        if not isinstance(params.config, dict):
            raise ValidationFailed("Cannot add an MCP server: it needs a config map", name=name)
        await _write(link, key, config_of(params.config), deadline_s)
    elif verb in ("connect", "disconnect"):
        await _write(link, f"{key}.enabled", verb == "connect", deadline_s)
    else:
        raise Unsupported(f"Codex has no MCP {verb}", name=name)
    await reload_mcp(link, deadline_s)


async def reload_mcp(link: CodexLink, deadline_s: float) -> None:
    """Have Codex start its servers anew, as configured. Raises ProviderRequestFailed."""
    await link.result("config/mcpServer/reload", None, deadline_s)


def config_of(config: dict[str, Any]) -> dict[str, Any]:
    """Return a server's configuration in Codex's words; others say `type` and `headers`."""
    found = {key: value for key, value in config.items() if key not in ("type", "headers")}
    headers = config.get("headers")
    return found | ({"http_headers": headers} if isinstance(headers, dict) else {})


async def _write(link: CodexLink, key: str, value: Json, deadline_s: float) -> None:
    edit = {"keyPath": key, "value": value, "mergeStrategy": "upsert"}
    await link.result("config/value/write", edit, deadline_s)


def _server(row: dict[str, Any]) -> dict[str, Json] | None:
    name = text(row.get("name"))
    if name is None:
        return None
    said = text(row.get("runtimeStatus")) or "unknown"
    auth = row.get("authStatus") == "notLoggedIn"
    server: dict[str, Json] = {
        "name": name,
        "state": "needs-auth" if auth else _STATES.get(said, said),
    }
    error = text(row.get("toolsError"), DETAIL_CHARS)
    tools = [found for tool in list(a_map(row.get("tools")))[:TOOLS] if (found := text(tool))]
    return server | ({"error": error} if error else {}) | ({"tools": list(tools)} if tools else {})
