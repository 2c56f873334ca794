"""What session.configured says: the init message of each turn, and the answer to initialize."""

from typing import Any, Final

from sidecar.providers.shapes import maps, text
from sidecar.providers.text import portable

_INIT: Final[dict[str, str]] = {
    "model": "model",
    "permissionMode": "permissionMode",
    "cwd": "cwd",
    "tools": "tools",
    "slash_commands": "slashCommands",
    "agents": "agentTypes",
    "skills": "skills",
    "plugins": "plugins",
    "output_style": "outputStyle",
    "effort": "effort",
    "claude_code_version": "version",
}
_ANSWER: Final[dict[str, str]] = {
    "commands": "commands",
    "models": "models",
    "agents": "agents",
    "output_style": "outputStyle",
    "available_output_styles": "availableOutputStyles",
}


def of_init(message: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in a system/init message."""
    return _renamed(message, _INIT)


def of_answer(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the settings in the answer to initialize: commands, models, agents, styles."""
    return _renamed(answer, _ANSWER)


def servers_of(rows: object) -> list[dict[str, Any]]:
    """Return MCP servers as results.McpServer has them; never their configuration.

    `rows` are of mcp_status, or of an init message.
    """
    servers: list[dict[str, Any]] = []
    for row in maps(rows):
        name = text(row.get("name"))
        if name is None:
            continue
        tools = [text(tool.get("name")) for tool in maps(row.get("tools"))]
        servers.append(
            {
                "name": name,
                "state": text(row.get("status")) or "unknown",
                "error": text(row.get("error")),
                "tools": [tool for tool in tools if tool] or None,
            }
        )
    return [
        {key: value for key, value in server.items() if value is not None} for server in servers
    ]


def _renamed(source: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    return {
        name: portable(source[key])
        for key, name in names.items()
        if source.get(key) not in (None, [], {}, "")
    }
