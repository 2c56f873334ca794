"""A conversation as the server keeps it: its turns, and what belongs to the running one. Pure.

A turn begins with a message of the user; what was rolled back is still in the store until
the next prompt, and is left out.
"""

from typing import Any

from sidecar.contract.base import Json
from sidecar.providers.shapes import a_map, maps, text
from sidecar.providers.text import portable

Row = dict[str, Any]


def kept(messages: Json, revert: Json) -> list[Row]:
    """Return the messages before the point that the session was rolled back to."""
    rows = [row for row in maps(messages) if text(a_map(row.get("info")).get("id"))]
    cut = a_map(revert).get("messageID")
    for index, row in enumerate(rows):
        if row["info"]["id"] == cut:
            return rows[:index]
    return rows


def turns(rows: list[Row]) -> list[Row]:
    """Return `[{id, items}]`: the user's message and all that answered it."""
    found: list[Row] = []
    for row in rows:
        if row["info"].get("role") == "user":
            found.append({"id": text(row["info"]["id"]), "items": []})
        if found:
            found[-1]["items"].append(portable(row))
    return found


def running(rows: list[Row]) -> list[Row]:
    """Return the assistant messages that answer the last message of the user."""
    asked = [row["info"]["id"] for row in rows if row["info"].get("role") == "user"]
    return [
        row
        for row in rows
        if asked
        and row["info"].get("role") == "assistant"
        and row["info"].get("parentID") == asked[-1]
    ]
