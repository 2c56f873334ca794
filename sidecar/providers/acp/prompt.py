"""From session.sendTurn to the content blocks of session/prompt."""

import base64
from typing import Any

from sidecar.contract.errors import Unsupported, ValidationFailed
from sidecar.contract.methods import SendTurnParams
from sidecar.providers.attachments import read_images


async def prompt_blocks(params: SendTurnParams, *, takes_images: bool) -> list[dict[str, Any]]:
    """Return the content blocks of a turn.

    Raises ValidationFailed for an empty turn or an unreadable file, Unsupported for images that the
    agent does not take, LimitExceeded for what is over the contract's bounds.
    """
    blocks: list[dict[str, Any]] = []
    if params.input is not None:
        blocks.append({"type": "text", "text": params.input})
    if params.attachments and not takes_images:
        raise Unsupported("This agent takes no images")
    for image in await read_images(params.attachments):
        data = base64.b64encode(image.data).decode()
        blocks.append({"type": "image", "mimeType": image.mime_type, "data": data})
    if not blocks:
        raise ValidationFailed("Cannot start a turn: it has neither input nor attachments")
    return blocks
