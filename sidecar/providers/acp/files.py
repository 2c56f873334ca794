"""fs/read_text_file and fs/write_text_file, within the session's directory alone.

A path is taken with its symlinks resolved, so that none leads out. This keeps an agent that errs in
its place; an agent that means harm runs as the same user anyway, and needs no client to do it.
"""

import asyncio
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from sidecar.contract.base import Json
from sidecar.contract.limits import MIB
from sidecar.providers.acp.mapping.shapes import count, text
from sidecar.providers.acp.serving import Handler, Refused
from sidecar.providers.acp.wire import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND
from sidecar.providers.text import whole

T = TypeVar("T")

CONTENT_BYTES = 8 * MIB
"""Content of one read or write. Twice a large source file's size is far below it; what is more is
no text that a model reads, and would be held in memory several times over."""

SKIPPED_BYTES = 256 * MIB
"""How far into a file `line` may reach: what is read and thrown away to find a line."""

FILE_DEADLINE_S = 10.0
"""One read or write: a file on a network share that is gone must not hold the agent for ever."""

_NEW_FILE_MODE = 0o666


class Files:
    """The file methods of one session. `root` is its directory."""

    def __init__(self, root: str) -> None:
        self._root = Path(root)
        self._turn = asyncio.Lock()

    def handlers(self, *, writes: bool) -> dict[str, Handler]:
        """Return the methods; without `writes` only those that change nothing."""
        methods: dict[str, Handler] = {"fs/read_text_file": self._read}
        if writes:
            methods["fs/write_text_file"] = self._write
        return methods

    async def _read(self, params: dict[str, Any]) -> Json:
        first, most = _lines_of(params)
        try:
            content = await self._do(lambda: read_text(self._within(params), first, most))
        except FileNotFoundError:
            content = (
                ""  # as in an editor: agents that cannot tell this error ask before they write
            )
        return {"content": content}

    async def _write(self, params: dict[str, Any]) -> Json:
        content = params.get("content")
        if not isinstance(content, str):
            raise Refused(INVALID_PARAMS, "content is no string")
        data = whole(content).encode()
        if len(data) > CONTENT_BYTES:
            raise Refused(INVALID_PARAMS, f"content is longer than {CONTENT_BYTES} bytes")
        try:
            await self._do(lambda: write_whole(self._within(params), data))
        except FileNotFoundError as error:
            raise Refused(RESOURCE_NOT_FOUND, _in_words(error)) from None
        return {}

    async def _do(self, work: Callable[[], T]) -> T:
        """Work in a thread, in the order in which the agent asked; an OS error is refused."""
        try:
            async with asyncio.timeout(FILE_DEADLINE_S), self._turn:
                return await asyncio.to_thread(work)
        except TimeoutError:
            words = f"The file system did not answer within {FILE_DEADLINE_S:g} s"
            raise Refused(INTERNAL_ERROR, words) from None
        except FileNotFoundError:
            raise
        except OSError as error:
            raise Refused(INTERNAL_ERROR, _in_words(error)) from None

    def _within(self, params: dict[str, Any]) -> Path:
        """Return the real path that is asked for. Raises Refused for one outside the root."""
        return within(self._root, params.get("path"))


def within(root: Path, asked: object) -> Path:
    """Return `asked` with its symlinks resolved. Raises Refused unless it is in `root`."""
    if not isinstance(asked, str) or not asked or "\0" in asked:
        raise Refused(INVALID_PARAMS, "path is no path")
    path = Path(whole(asked))
    if not path.is_absolute():
        raise Refused(INVALID_PARAMS, f"{text(asked)} is not an absolute path")
    real = Path(os.path.realpath(path))
    if not real.is_relative_to(os.path.realpath(root)):
        raise Refused(INVALID_PARAMS, f"{text(asked)} is outside the session's directory {root}")
    return real


def read_text(path: Path, first: int, most: int | None) -> str:
    """Return the lines from `first` (1 is the first), at most `most`, with their newlines.

    Raises Refused for what is no file, no UTF-8 text or over CONTENT_BYTES, and OSError.
    """
    taken: list[bytes] = []
    taken_bytes = skipped_bytes = 0
    number = 1
    with os.fdopen(_open(path, os.O_RDONLY), "rb") as file:
        while piece := file.readline(CONTENT_BYTES + 1):
            if number < first:
                skipped_bytes += len(piece)
            elif most is None or number < first + most:
                taken.append(piece)
                taken_bytes += len(piece)
            else:
                break
            if skipped_bytes > SKIPPED_BYTES:
                raise Refused(INVALID_PARAMS, f"line {first} is too far into {path}")
            if taken_bytes > CONTENT_BYTES:
                words = f"{path} has more than {CONTENT_BYTES} bytes: read it by line and limit"
                raise Refused(INVALID_PARAMS, words)
            number += piece.endswith(b"\n")
    try:
        return b"".join(taken).decode()
    except UnicodeDecodeError:
        raise Refused(INVALID_PARAMS, f"{path} is no UTF-8 text") from None


def write_whole(path: Path, data: bytes) -> None:
    """Write a file and the folders that it needs; the old content stays until the new is whole.

    Raises Refused for what is no file, and OSError.
    """
    mode: int | None = None
    try:
        found = path.stat()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        _regular(path, found.st_mode)
        mode = stat.S_IMODE(found.st_mode)
    part = path.with_name(f".agent-sidecar-{secrets.token_hex(8)}")
    try:
        with os.fdopen(_open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as file:
            file.write(data)
        if mode is not None:
            part.chmod(mode)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _open(path: Path, flags: int) -> int:
    """Open a regular file; a FIFO would block for ever, and a device would never end."""
    safe: Final = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    descriptor = os.open(path, flags | safe | getattr(os, "O_BINARY", 0), _NEW_FILE_MODE)
    try:
        _regular(path, os.fstat(descriptor).st_mode)
    except Refused:
        os.close(descriptor)
        raise
    return descriptor


def _regular(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise Refused(INVALID_PARAMS, f"{path} is no regular file")


def _lines_of(params: dict[str, Any]) -> tuple[int, int | None]:
    """Return the first line and how many; None for all. 0 is taken for 1, as some agents count."""
    line, limit = params.get("line"), params.get("limit")
    first = 1 if line is None else count(line)
    most = None if limit is None else count(limit)
    if first is None or (limit is not None and most is None):
        raise Refused(INVALID_PARAMS, "line and limit are no line numbers")
    return max(first, 1), most


def _in_words(error: OSError) -> str:
    words = error.strerror or "the system refused it"
    return f"Cannot use {error.filename}: {words}" if error.filename else words
