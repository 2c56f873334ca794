"""Changing a running Claude's settings: model, permission mode, plan mode, thinking, MCP servers.

Owns which mode to go back to after plan mode, and which MCP servers the session has brought.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import (
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.methods import SendTurnParams
from sidecar.core.drafts import Draft
from sidecar.providers.claude.deadlines import Deadlines
from sidecar.providers.claude.link import ClaudeLink
from sidecar.providers.claude.mapping import ClaudeMapping
from sidecar.providers.claude.mapping.config import servers_of
from sidecar.providers.claude.mcp import read_server, read_servers
from sidecar.providers.claude.options import ClaudeOptions
from sidecar.providers.shapes import a_map, maps, text

PLAN: Final = "plan"


class Settings:
    """The settings of one session. `emit` says what is in force after a change."""

    def __init__(
        self,
        mapping: ClaudeMapping,
        emit: Callable[[Sequence[Draft]], None],
        options: ClaudeOptions,
        deadlines: Deadlines,
    ) -> None:
        self._mapping = mapping
        self._emit = emit
        self._options = options
        self._deadlines = deadlines
        self._servers = read_servers(options.mcp_servers)
        self._link: ClaudeLink | None = None
        self._usual_mode = "default"
        self._model: str | None = None
        self._effort: str | None = None

    def attach(self, link: ClaudeLink, mode: str, model: str | None, effort: str | None) -> None:
        """Take the process that the settings are of, and what it was started with."""
        self._link = link
        self._model = model
        self._effort = effort
        self._mapping.permission_mode = mode
        self._usual_mode = "default" if mode == PLAN else mode

    async def begin(self) -> None:
        """Say what the command line does not: thinking and MCP servers. Raises as `set`."""
        if self._options.max_thinking_tokens is not None:
            await self._call(
                "set_max_thinking_tokens", max_thinking_tokens=self._options.max_thinking_tokens
            )
        if self._servers:
            try:
                await self._set_servers()
            except ProviderRequestFailed as error:  # a slow server is no reason to have no Claude
                words = f"Claude was not given its MCP servers: {error.message}"
                self._emit(self._mapping.conversation.warning(words, {"kind": "mcp"}))

    async def set(self, key: str, value: Json) -> dict[str, Json]:
        """Set `key` and return what is then in force.

        Raises Unsupported for an unknown key, ValidationFailed for a value of the wrong type and
        ProviderRequestFailed when Claude refuses.
        """
        if key == "maxThinkingTokens":
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise ValidationFailed(f"{key} is a number of tokens", key=key)
            await self._call("set_max_thinking_tokens", max_thinking_tokens=value)
            return self._say({key: value})
        wanted = text(value)
        if key not in ("model", "permissionMode", "mode", "effort"):
            raise Unsupported(f"Claude has no setting {key!r}", key=key)
        if wanted is None:
            raise ValidationFailed(f"{key} is a word", key=key)
        if key == "model":
            return await self._set_model(wanted)
        if key == "effort":
            return await self._set_effort(wanted)
        await self._set_mode(wanted)
        if wanted != PLAN:
            self._usual_mode = wanted
        return {key: wanted}

    async def for_turn(self, params: SendTurnParams) -> None:
        """Set what a turn asks for. Raises as `set`."""
        selection = params.model_selection
        if selection is not None and selection.model != self._model:
            await self._set_model(selection.model)
        effort = text((selection.options or {}).get("effort")) if selection else None
        if effort is not None and effort != self._effort:
            await self._set_effort(effort)
        if params.interaction_mode == PLAN and self._mapping.permission_mode != PLAN:
            self._usual_mode = self._mapping.permission_mode or self._usual_mode
            await self._set_mode(PLAN)
        elif params.interaction_mode == "default" and self._mapping.permission_mode == PLAN:
            await self._set_mode(self._usual_mode)

    async def mcp(self, verb: str, name: str | None, config: Json) -> list[dict[str, Any]]:
        """Carry out mcp.<verb>; return the servers. Raises as `set`."""
        if verb == "status":
            return await self._status()
        if name is None:
            raise ValidationFailed(f"mcp.{verb} needs the name of a server")
        if verb == "add":
            known, server = read_server(name, config)
            before = dict(self._servers)
            self._servers[known] = server
            try:
                await self._set_servers()
            except ProviderRequestFailed:
                self._servers = before
                raise
        elif verb == "disconnect":
            await self._call("mcp_toggle", serverName=name, enabled=False)
        else:
            await self._connect(name)
        return await self._status()

    async def _connect(self, name: str) -> None:
        states = {server["name"]: server["state"] for server in await self._status()}
        if states.get(name) == "disabled":
            await self._call("mcp_toggle", serverName=name, enabled=True)
        elif states.get(name) != "connected":
            await self._call("mcp_reconnect", serverName=name)

    async def _status(self) -> list[dict[str, Any]]:
        answer = await self._call("mcp_status")
        servers = servers_of(answer.get("mcpServers"))
        self._emit(self._mapping.servers(_standing(servers)))
        return servers

    async def _set_servers(self) -> None:
        """Give Claude the session's servers; what cannot be connected is warned of."""
        answer = await self._call("mcp_set_servers", servers=self._servers)
        for name, error in a_map(answer.get("errors")).items():
            words = f"The MCP server {text(name) or '?'} is not connected: {text(error) or 'why?'}"
            self._emit(self._mapping.conversation.warning(words, {"kind": "mcp"}))

    async def _set_model(self, model: str) -> dict[str, Json]:
        await self._call("set_model", model=model)
        self._model = model
        return self._say({"model": model})

    async def _set_effort(self, effort: str) -> dict[str, Json]:
        await self._call("apply_flag_settings", settings={"effortLevel": effort})
        self._effort = effort
        return self._say({"effort": effort})

    async def _set_mode(self, mode: str) -> None:
        await self._call("set_permission_mode", mode=mode)
        self._mapping.permission_mode = mode
        self._say({"permissionMode": mode})

    async def _call(self, subtype: str, **fields: Json) -> dict[str, Any]:
        if self._link is None:
            raise ProviderProcessFailed("Claude is not up")
        is_mcp = subtype.startswith("mcp_")
        wait_s = self._deadlines.mcp_s if is_mcp else self._deadlines.setting_s
        return await self._link.call(subtype, wait_s, **fields)

    def _say(self, config: dict[str, Json]) -> dict[str, Json]:
        self._emit(self._mapping.configured(config))
        return config


def _standing(servers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return servers as an init message has them, to be compared with the next."""
    return [{"name": row["name"], "state": row["state"]} for row in maps(servers)]
