"""The data dir: found, made, locked by one supervisor at a time."""

import asyncio
import os
from pathlib import Path

import platformdirs

from sidecar.contract.vocabulary import StartFailure
from sidecar.process.filelock import FileLock

APP_NAME = "agent-sidecar"
LOCK_NAME = "lock"

LOCK_WAIT_S = 10.0
"""How long a start waits for a predecessor that is going down (PROTOCOL §1)."""

LOCK_POLL_S = 0.05


class CannotStart(Exception):  # noqa: N818 - it is said to the launcher in these words
    """Raised by the boot when the sidecar cannot start; becomes the failed line.

    `code` is one of PROTOCOL §1: locked, bad_bootstrap, data_dir, schema_newer, port.
    """

    def __init__(self, code: StartFailure, message: str, pid: int | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.pid = pid


def data_dir_path(given: str | None) -> Path:
    """Return where the data dir is, or would be: the given one, or this platform's."""
    wanted = Path(given).expanduser() if given else platformdirs.user_data_path(APP_NAME)
    return wanted.absolute()  # agents find their homes by it, from any working directory


def make_data_dir(given: str | None) -> Path:
    """Return the data dir, made if it is missing, readable for its user alone.

    Raises CannotStart("data_dir").
    """
    path = data_dir_path(given)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = path / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CannotStart("data_dir", f"Cannot use the data dir {path}: {error}") from error
    return path


async def lock_data_dir(data_dir: Path) -> FileLock:
    """Take the exclusive lock, waiting up to LOCK_WAIT_S.

    Raises CannotStart("locked") with the holder's pid.
    """
    lock = FileLock(data_dir / LOCK_NAME)
    deadline = asyncio.get_running_loop().time() + LOCK_WAIT_S
    while not lock.acquire():
        if asyncio.get_running_loop().time() >= deadline:
            holder = lock.holder()
            raise CannotStart(
                "locked", f"Another sidecar (pid {holder}) uses the data dir {data_dir}", holder
            )
        await asyncio.sleep(LOCK_POLL_S)
    return lock
