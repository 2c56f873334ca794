"""Which session hears which event of a server's stream; sub-agents' sessions belong to their root.

Pure but for the inboxes. Owns the map from a sub-agent's session to the session that began it.
"""

from collections import OrderedDict
from typing import Final

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.opencode.inbox import Inbox
from sidecar.providers.opencode.wire import Event
from sidecar.providers.shapes import a_map

CHILDREN: Final = 4096
"""Sub-agents' sessions remembered on one server; the oldest beyond it is heard no more."""

FOR_ALL: Final = frozenset({"mcp.tools.changed", "server.instance.disposed", "global.disposed"})
"""Events of no session that change something for each."""


class Switchboard:
    """The inboxes of the sessions that use one server."""

    def __init__(self) -> None:
        self._inboxes: dict[str, Inbox] = {}
        self._roots: OrderedDict[str, str] = OrderedDict()

    def attach(self, session_id: str) -> Inbox:
        """Give a session its inbox. Raises ProviderProcessFailed when it already has one."""
        self.must_be_free(session_id)
        inbox = self._inboxes[session_id] = Inbox()
        return inbox

    def must_be_free(self, session_id: str) -> None:
        """Raise ProviderProcessFailed when somebody has the session's inbox."""
        if session_id in self._inboxes:
            raise ProviderProcessFailed(
                f"The OpenCode session {session_id} is in use by another session of this host"
            )

    def detach(self, session_id: str) -> None:
        """Forget a session and its sub-agents."""
        self._inboxes.pop(session_id, None)
        for child in [child for child, root in self._roots.items() if root == session_id]:
            del self._roots[child]

    def adopt(self, child_id: str, parent_id: str) -> None:
        """Remember whose sub-agent a session is; nothing for one of nobody here."""
        root = parent_id if parent_id in self._inboxes else self._roots.get(parent_id)
        if root is None or child_id in self._inboxes:
            return
        self._roots[child_id] = root
        self._roots.move_to_end(child_id)
        if len(self._roots) > CHILDREN:
            self._roots.popitem(last=False)

    def deliver(self, event: Event) -> None:
        """Put an event where it belongs; what is for nobody here is dropped."""
        if event.type in FOR_ALL:
            for inbox in self._inboxes.values():
                inbox.put(event)
            return
        info = a_map(event.properties.get("info"))
        if event.type in ("session.created", "session.updated"):
            child_id, parent_id = info.get("id"), info.get("parentID")
            if isinstance(child_id, str) and isinstance(parent_id, str):
                self.adopt(child_id, parent_id)
        session_id = event.properties.get("sessionID", info.get("sessionID"))
        if not isinstance(session_id, str):
            return
        found = self._inboxes.get(self._roots.get(session_id, session_id))
        if found is not None:
            found.put(event)

    def resync(self, reason: str) -> None:
        """Tell every session that events may be missing."""
        for inbox in self._inboxes.values():
            inbox.resync(reason)

    def close(self, reason: str) -> None:
        """Tell every session that the server is gone."""
        for inbox in self._inboxes.values():
            inbox.close(reason)
