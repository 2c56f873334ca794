"""What a turn has started, so that nothing of it runs on when it is reported interrupted.

Codex ends an interrupted turn and lets its shells run. So the tree is noted when a turn starts, and
what came since is killed when it is interrupted. What must live on:

- MCP servers and background terminals from before the turn stand in the note.
- An MCP server that starts lazily in the turn: as long as the turn has run no command, a server's
  "ready" renews the note. The new one counts once the next message shows that no command was
  started meanwhile. A server that gets ready later is killed with the commands, as nothing tells
  the two apart, and Codex is then told to start its servers again.
- Sub-agents of earlier turns go on; a command that one of them has started since is killed, which
  the sub-agent sees as a command that has failed.
"""

from typing import Any, Final

from sidecar.providers.base import SessionContext, TreeNote
from sidecar.providers.shapes import a_map

_COMMANDS: Final = frozenset({"commandExecution", "dynamicToolCall", "mcpToolCall"})
"""Items that may start processes."""


class TurnGuard:
    """The process tree of one session, as its running turn found it."""

    def __init__(self, context: SessionContext) -> None:
        self._context = context
        self._note: TreeNote | None = None
        self._candidate: TreeNote | None = None
        self._wants_note = False
        self._runs_commands = False
        self.hit_servers = False
        """Whether the last stop may have killed an MCP server."""
        self._late_servers = False

    async def note(self) -> None:
        """Take note of the tree, right before a turn starts."""
        self._note = await self._context.note_tree()
        self._candidate = None
        self._wants_note = self._runs_commands = self._late_servers = False

    def heard(self, method: str, params: dict[str, Any]) -> None:
        """Take a notification, in order, before renew."""
        starts = method == "item/started" and a_map(params.get("item")).get("type") in _COMMANDS
        self._runs_commands = self._runs_commands or starts
        if self._candidate is not None:
            self._note = self._note if starts else self._candidate
            self._candidate = None
        if method == "mcpServer/startupStatus/updated" and params.get("status") == "ready":
            self._wants_note = self._note is not None and not self._runs_commands
            self._late_servers = self._late_servers or self._runs_commands

    async def renew(self) -> None:
        """Take a new note if a server has got ready before any command."""
        if self._wants_note and not self._runs_commands:
            self._candidate = await self._context.note_tree()
        self._wants_note = False

    async def stop(self, deadline_s: float) -> None:
        """Kill what the turn has started. Raises ProviderProcessFailed at the deadline."""
        note, self._note = self._note, None
        if note is None:
            return
        killed = await self._context.stop_since(note, deadline_s)
        self.hit_servers = killed > 0 and self._late_servers
        if killed:
            self._context.log("info", "codex.turn-stopped", killed=killed)
