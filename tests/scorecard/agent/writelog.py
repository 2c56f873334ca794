"""What the agent wrote, by its own word; tests/scorecard/model.py says what the lines mean.

    + <thread>:<pid>:<n> <monotonic_ns>     piece n is about to be written
    = <thread>:<pid>:<n> <monotonic_ns>     write(2) has returned for the whole of it
    ^ <pid> <monotonic ns>                  the first moment of its program
    @ <pid> <others>                        who else of this thread lived when it started
    ! <pid> <start ticks>                   what it has started that hides its words

A line is one write(2) with O_APPEND: a kill leaves whole lines, and files may be shared.
"""

import os
import time

TAIL_BYTES = 1024 * 1024
"""How far back the history is looked for."""


class WriteLog:
    """Names pieces of text and appends to the log."""

    def __init__(self, path: str, thread: str) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self._fd = os.open(path, flags, 0o600)
        self._thread = thread
        self._prefix = f"{thread}:{os.getpid()}:"
        self._count = 0

    def begin(self) -> str:
        """Return the next piece's id and note that it is about to be written."""
        self._count += 1
        piece_id = f"{self._prefix}{self._count}"
        self._append("+", piece_id)
        return piece_id

    def done(self, piece_id: str) -> None:
        """Note that a piece was written whole."""
        self._append("=", piece_id)

    def note_start(self) -> None:
        """Note that its program begins: its process may be older than that."""
        self._append("^", str(os.getpid()))

    def note_others(self, count: int) -> None:
        """Note how many processes of this thread were alive beside this one."""
        os.write(self._fd, f"@ {os.getpid()} {count}\n".encode())

    def note_started(self, pid: int) -> None:
        """Note a process by its identity."""
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123
            ticks = file.read().rpartition(b")")[2].split()[19].decode()
        os.write(self._fd, f"! {pid} {ticks}\n".encode())

    def close(self) -> None:
        """Close the log; an agent never does."""
        os.close(self._fd)

    def history(self, most: int) -> list[str]:
        """Return the ids of the last pieces that this thread has written whole, oldest first."""
        size = os.fstat(self._fd).st_size
        data = os.pread(self._fd, TAIL_BYTES, max(0, size - TAIL_BYTES))
        start = f"= {self._thread}:"
        lines = data.decode().split("\n")[1 if size > len(data) else 0 :]
        return [line.split(" ")[1] for line in lines if line.startswith(start)][-most:]

    def _append(self, what: str, piece_id: str) -> None:
        os.write(self._fd, f"{what} {piece_id} {time.monotonic_ns()}\n".encode())
