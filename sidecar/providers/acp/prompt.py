"""From session.sendTurn to the content blocks of session/prompt, attachments read and bounded."""

import asyncio
import base64
import stat
from pathlib import Path
from typing import Any

from sidecar.contract.errors import LimitExceeded, Unsupported, ValidationFailed
from sidecar.contract.limits import ATTACHMENT_BYTES, ATTACHMENTS, ATTACHMENTS_TOTAL_BYTES
from sidecar.contract.methods import Attachment, SendTurnParams

READ_DEADLINE_S = 10.0
"""Reading one attachment: a file on a network share that is gone must not hold the session."""


async def prompt_blocks(params: SendTurnParams, *, takes_images: bool) -> list[dict[str, Any]]:
    """Return the content blocks of a turn.

    Raises ValidationFailed for an empty turn or an unreadable file, Unsupported for images that the
    agent does not take, LimitExceeded for what is over the contract's bounds.
    """
    blocks: list[dict[str, Any]] = []
    if params.input is not None:
        blocks.append({"type": "text", "text": params.input})
    attachments = params.attachments or []
    if attachments and not takes_images:
        raise Unsupported("This agent takes no images")
    if len(attachments) > ATTACHMENTS:
        raise LimitExceeded(f"A turn takes at most {ATTACHMENTS} attachments", limit=ATTACHMENTS)
    total_bytes = 0
    for attachment in attachments:
        data = await _read(attachment)
        total_bytes += len(data)
        if total_bytes > ATTACHMENTS_TOTAL_BYTES:
            raise LimitExceeded(
                f"A turn takes at most {ATTACHMENTS_TOTAL_BYTES} bytes of attachments",
                limit=ATTACHMENTS_TOTAL_BYTES,
            )
        encoded = base64.b64encode(data).decode()
        blocks.append({"type": "image", "mimeType": attachment.mime_type, "data": encoded})
    if not blocks:
        raise ValidationFailed("Cannot start a turn: it has neither input nor attachments")
    return blocks


async def _read(attachment: Attachment) -> bytes:
    """Return the bytes of an image, from the message or from its file."""
    if attachment.data is not None:
        data = attachment.data
    elif attachment.path is not None:
        try:
            async with asyncio.timeout(READ_DEADLINE_S):
                data = await asyncio.to_thread(_read_file, Path(attachment.path))
        except (OSError, TimeoutError) as error:
            raise ValidationFailed(f"Cannot read {attachment.path}: {error}") from error
    else:
        raise ValidationFailed("Cannot start a turn: an attachment has neither data nor path")
    if len(data) > ATTACHMENT_BYTES:
        raise LimitExceeded(
            f"An attachment takes at most {ATTACHMENT_BYTES} bytes", limit=ATTACHMENT_BYTES
        )
    return data


def _read_file(path: Path) -> bytes:
    """Read a regular file, at most one byte over the bound; a FIFO would block for ever."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("it is no regular file")
    with path.open("rb") as file:
        return file.read(ATTACHMENT_BYTES + 1)
