"""Reading a session's state over HTTP: after events were lost, and for the conversation itself.

Owns the requests; what they mean is the mapping's. A sub-agent's messages are read as far as its
task is open.
"""

from collections.abc import Callable, Iterable
from typing import Any, Final
from urllib.parse import quote

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed, ValidationFailed
from sidecar.providers.opencode.http import HttpClient
from sidecar.providers.opencode.mapping import history
from sidecar.providers.opencode.wire import Event
from sidecar.providers.shapes import a_map, maps

RESYNC_S: Final = 15.0
"""One request after a loss."""

MESSAGES_READ: Final = 50
"""Last messages of a session read after a loss: steps of the running turn."""

AGENTS_READ: Final = 16
"""Sub-agents read after a loss; more at once are unheard of."""


async def missed(
    http: HttpClient, session_id: str, agents: Iterable[str], adopt: Callable[[str], None]
) -> list[Event]:
    """Return, as events, how the running turn of a session and its sub-agents stands.

    They say again what was heard before, which changes nothing. `adopt` is told of each sub-agent
    before anything else is read, so that what it says from then on is heard. Raises what
    HttpClient.call raises.
    """
    children = maps(await http.call("GET", f"/session/{session_id}/children", None, RESYNC_S))
    for info in children:
        if isinstance(child_id := info.get("id"), str):
            adopt(child_id)
    found = [
        Event("session.updated", {"sessionID": info.get("id"), "info": info}) for info in children
    ]
    found += await _messages(http, session_id)
    for agent_id in list(agents)[:AGENTS_READ]:
        found += await _messages(http, agent_id)
    found += [
        Event(kind, row)
        for path, kind in (("/permission", "permission.asked"), ("/question", "question.asked"))
        for row in maps(await http.call("GET", path, None, RESYNC_S))
    ]
    status = await status_of(http, session_id)
    found.append(Event("session.status", {"sessionID": session_id, "status": status}))
    return found


async def status_of(http: HttpClient, session_id: str) -> dict[str, Any]:
    """Return a session's status; the server lists those that are busy alone."""
    answer = a_map(await http.call("GET", "/session/status", None, RESYNC_S))
    return a_map(answer.get(session_id)) or {"type": "idle"}


async def conversation(http: HttpClient, session_id: str) -> list[dict[str, Any]]:
    """Return the messages of a session that were not rolled back."""
    info = a_map(await http.call("GET", f"/session/{session_id}"))
    return history.kept(
        await http.call("GET", f"/session/{session_id}/message"), info.get("revert")
    )


async def roll_back(http: HttpClient, session_id: str, num_turns: int) -> None:
    """Drop the last turns, and what they did to the files where opencode keeps snapshots.

    Raises ValidationFailed when there are not so many.
    """
    turns = history.turns(await conversation(http, session_id))
    if num_turns > len(turns):
        raise ValidationFailed(
            f"Cannot drop {num_turns} turns: there are {len(turns)}", turns=len(turns)
        )
    body = {"messageID": turns[-num_turns]["id"]}
    await http.call("POST", f"/session/{session_id}/revert", body)


async def _messages(http: HttpClient, session_id: str) -> list[Event]:
    path = f"/session/{quote(session_id, safe='')}/message?limit={MESSAGES_READ}"
    try:
        answer: Json = await http.call("GET", path, None, RESYNC_S)
    except ProviderRequestFailed:
        return []
    found: list[Event] = []
    for row in history.running(history.kept(answer, None)):
        properties = {"sessionID": session_id, "info": row["info"]}
        found.append(Event("message.updated", properties))
        found += [
            Event("message.part.updated", {"sessionID": session_id, "part": part})
            for part in maps(row.get("parts"))
        ]
    return found
