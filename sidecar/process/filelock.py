"""An exclusive lock on a file, held as long as its descriptor is open; the kernel drops it with us.

The holder's pid stands in the file for messages alone: the lock itself is what counts.
"""

import os
from pathlib import Path

if os.name == "posix":
    import fcntl

    def _try_lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)

else:  # pragma: no cover - never run here
    import msvcrt

    def _try_lock(fd: int) -> None:
        os.lseek(fd, LOCK_OFFSET, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]  # Windows alone


LOCK_OFFSET = 1 << 30
"""Where Windows locks a byte: beyond the text, which others may then still read."""

HOLDER_BYTES = 32


class FileLock:
    """One lock file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self) -> bool:
        """Take the lock without waiting; False when another process holds it.

        Raises OSError when the file cannot be opened.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _try_lock(fd)
        except OSError:
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self._fd = fd
        return True

    def holder(self) -> int | None:
        """Return the pid that the holder wrote, None when it cannot be read."""
        try:
            return int(self._path.read_bytes()[:HOLDER_BYTES])
        except (OSError, ValueError):
            return None

    def release(self) -> None:
        """Give the lock back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None
