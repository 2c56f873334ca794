"""A thread's turns from Codex's own store, and how the last of them are dropped."""

from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed, ValidationFailed
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.shapes import a_map, maps, text
from sidecar.providers.text import portable

PAGE_TURNS = 100
PAGES = 100
"""Pages that are read: 10,000 turns, far above what a thread has before it is compacted."""


async def read_turns(link: CodexLink, thread_id: str, deadline_s: float) -> list[dict[str, Any]]:
    """Return a thread's turns {id, items, status}, oldest first.

    Raises ProviderRequestFailed when Codex does not tell them.
    """
    turns: list[dict[str, Any]] = []
    params: dict[str, Json] = {
        "threadId": thread_id,
        "itemsView": "full",
        "sortDirection": "asc",
        "limit": PAGE_TURNS,
    }
    for _ in range(PAGES):
        page = await link.result("thread/turns/list", params, deadline_s)
        turns += [turn for row in maps(page.get("data")) if (turn := _turn(row)) is not None]
        cursor = text(page.get("nextCursor"))
        if cursor is None:
            break
        params["cursor"] = cursor
    return turns


async def roll_back(
    link: CodexLink, thread_id: str, num_turns: int, deadline_s: float
) -> list[dict[str, Any]]:
    """Drop the last turns and return the others.

    Raises ValidationFailed when there are fewer, and ProviderRequestFailed.
    """
    turns = await read_turns(link, thread_id, deadline_s)
    if num_turns > len(turns):
        raise ValidationFailed(
            f"Cannot roll back {num_turns} turns: the thread has {len(turns)}",
            numTurns=num_turns,
        )
    kept = turns[: len(turns) - num_turns]
    before = {"threadId": thread_id, "beforeTurnId": turns[len(kept)]["id"]}
    try:
        await link.result("thread/revert", before, deadline_s)
    except ProviderRequestFailed as error:
        if "unknown variant" not in error.message:
            raise
        older = {"threadId": thread_id, "numTurns": num_turns}  # before 0.166 or so
        await link.result("thread/rollback", older, deadline_s)
    return kept


def _turn(row: dict[str, Any]) -> dict[str, Any] | None:
    turn_id = text(row.get("id"))
    if turn_id is None:
        return None
    items = [portable(item) for item in maps(row.get("items"))]
    status = text(row.get("status")) or text(a_map(row.get("status")).get("type"))
    return {"id": turn_id, "items": items, **({"status": status} if status else {})}
