"""The attachments of a turn, read and bounded before a provider gets them."""

import asyncio
import stat
from pathlib import Path
from typing import NamedTuple

from sidecar.contract.errors import LimitExceeded, ValidationFailed
from sidecar.contract.limits import ATTACHMENT_BYTES, ATTACHMENTS, ATTACHMENTS_TOTAL_BYTES
from sidecar.contract.methods import Attachment

READ_DEADLINE_S = 10.0
"""Reading one attachment: a file on a network share that is gone must not hold the session."""


class Image(NamedTuple):
    """An image of a turn, whole."""

    mime_type: str
    data: bytes


async def read_images(attachments: list[Attachment] | None) -> list[Image]:
    """Return the images of a turn, from its message or from their files.

    Raises ValidationFailed for an unreadable file and LimitExceeded for what is over the contract's
    bounds.
    """
    wanted = attachments or []
    if len(wanted) > ATTACHMENTS:
        raise LimitExceeded(f"A turn takes at most {ATTACHMENTS} attachments", limit=ATTACHMENTS)
    images: list[Image] = []
    total_bytes = 0
    for attachment in wanted:
        data = await _read(attachment)
        total_bytes += len(data)
        if total_bytes > ATTACHMENTS_TOTAL_BYTES:
            raise LimitExceeded(
                f"A turn takes at most {ATTACHMENTS_TOTAL_BYTES} bytes of attachments",
                limit=ATTACHMENTS_TOTAL_BYTES,
            )
        images.append(Image(attachment.mime_type, data))
    return images


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
