"""From session.sendTurn to the content blocks of a prompt, and from a cursor to a session id."""

import base64
import re
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import ValidationFailed
from sidecar.contract.methods import SendTurnParams
from sidecar.providers.attachments import read_images
from sidecar.providers.shapes import a_map

_SESSION_ID: Final = re.compile(r"[0-9A-Za-z][0-9A-Za-z_-]{0,127}")


async def prompt_content(params: SendTurnParams) -> list[dict[str, Any]]:
    """Return the content blocks of a turn.

    Raises ValidationFailed for an empty turn or an unreadable file, LimitExceeded for what is over
    the contract's bounds.
    """
    content: list[dict[str, Any]] = []
    for image in await read_images(params.attachments):
        source = {
            "type": "base64",
            "media_type": image.mime_type,
            "data": base64.b64encode(image.data).decode(),
        }
        content.append({"type": "image", "source": source})
    if params.input is not None:
        content.append({"type": "text", "text": params.input})
    if not content:
        raise ValidationFailed("Cannot start a turn: it has neither input nor attachments")
    return content


def session_id_of(cursor: Json) -> str | None:
    """Return the session id in a resume cursor, None for a cursor of something else.

    `resume` is where T3 Code's own adapter keeps it.
    """
    known = a_map(cursor)
    found = known.get("sessionId", known.get("resume"))
    return found if isinstance(found, str) and _SESSION_ID.fullmatch(found) else None
