"""From session.sendTurn to the input items of turn/start and turn/steer."""

import asyncio
import base64
import stat
from pathlib import Path
from typing import Any

from sidecar.contract.errors import LimitExceeded, Unsupported, ValidationFailed
from sidecar.contract.limits import ATTACHMENT_BYTES, ATTACHMENTS, ATTACHMENTS_TOTAL_BYTES
from sidecar.contract.methods import Attachment, SendTurnParams

LOOK_DEADLINE_S = 10.0
"""Looking at one file: a network share that is gone must not hold the session."""


async def input_items(params: SendTurnParams, *, takes_images: bool) -> list[dict[str, Any]]:
    """Return the input items of a turn. An image in a file is read by Codex itself.

    Raises ValidationFailed for an empty turn or a file that is none, Unsupported for images that
    the model does not take, LimitExceeded for what is over the contract's bounds.
    """
    items: list[dict[str, Any]] = []
    if params.input is not None:
        items.append({"type": "text", "text": params.input, "text_elements": []})
    attachments = params.attachments or []
    if attachments and not takes_images:
        raise Unsupported("This model takes no images")
    if len(attachments) > ATTACHMENTS:
        raise LimitExceeded(f"A turn takes at most {ATTACHMENTS} attachments", limit=ATTACHMENTS)
    total_bytes = 0
    for attachment in attachments:
        size, item = await _image(attachment)
        total_bytes += size
        if size > ATTACHMENT_BYTES or total_bytes > ATTACHMENTS_TOTAL_BYTES:
            raise LimitExceeded(
                f"An attachment takes at most {ATTACHMENT_BYTES} bytes and all of a turn "
                f"{ATTACHMENTS_TOTAL_BYTES}",
                limit=ATTACHMENT_BYTES,
            )
        items.append(item)
    if not items:
        raise ValidationFailed("Cannot start a turn: it has neither input nor attachments")
    return items


async def _image(attachment: Attachment) -> tuple[int, dict[str, Any]]:
    """Return an image's size in bytes and its input item."""
    if attachment.data is not None:
        encoded = base64.b64encode(attachment.data).decode()
        url = f"data:{attachment.mime_type};base64,{encoded}"
        return len(attachment.data), {"type": "image", "url": url}
    if attachment.path is None:
        raise ValidationFailed("Cannot start a turn: an attachment has neither data nor path")
    path = Path(attachment.path)
    if not path.is_absolute():
        raise ValidationFailed(f"Cannot read {path}: it is no absolute path")
    try:
        async with asyncio.timeout(LOOK_DEADLINE_S):
            found = await asyncio.to_thread(path.stat)
    except (OSError, TimeoutError) as error:
        raise ValidationFailed(f"Cannot read {path}: {error}") from error
    if not stat.S_ISREG(found.st_mode):
        raise ValidationFailed(f"Cannot read {path}: it is no regular file")
    return found.st_size, {"type": "localImage", "path": str(path)}
