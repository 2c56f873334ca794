"""ACP content blocks: what of them is text to stream, and what is data to pass on."""

from collections.abc import Mapping
from typing import Any

from sidecar.providers.acp.mapping.shapes import a_map, maps


def block_text(block: object) -> str:
    """Return the text of one content block as the agent sent it, "" if it has none.

    Lone surrogates stay: their other half may come in the next block. A link becomes Markdown.
    """
    content = a_map(block)
    kind = content.get("type")
    if kind == "text":
        found = content.get("text")
    elif kind == "resource":
        found = a_map(content.get("resource")).get("text")
    elif kind == "resource_link" and isinstance(content.get("uri"), str):
        found = f"[{content.get('name') or content['uri']}]({content['uri']})"
    else:
        found = None
    return found if isinstance(found, str) else ""


def tool_text(content: object) -> str:
    """Return the texts of a tool call's content, joined."""
    return "".join(
        block_text(entry.get("content"))
        for entry in maps(content)
        if entry.get("type") == "content"
    )


def only_text(content: object) -> bool:
    """Tell whether a tool call's content is nothing but text that tool_text returns."""
    return isinstance(content, list) and all(
        a_map(entry).get("type") == "content" and block_text(a_map(entry).get("content"))
        for entry in content
    )


def terminal_ids(content: object) -> list[str]:
    """Return the terminals that a tool call shows."""
    found = [e.get("terminalId") for e in maps(content) if e.get("type") == "terminal"]
    return [terminal_id for terminal_id in found if isinstance(terminal_id, str)]


def paths(update: Mapping[str, Any]) -> list[str]:
    """Return the paths that a tool call touches, from its locations and diffs, each once."""
    entries = [*maps(update.get("locations")), *maps(update.get("content"))]
    found = [entry["path"] for entry in entries if isinstance(entry.get("path"), str)]
    return list(dict.fromkeys(found))
