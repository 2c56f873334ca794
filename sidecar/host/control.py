"""The zygote's end of its control socket: small JSON messages, descriptors beside them.

SOCK_SEQPACKET keeps each message and its descriptors together. Never blocks: what the supervisor
does not read waits in `outbox`, one answer a request and one end a host, so hosts bound it.
"""

import json
import os
import socket
from collections import deque
from contextlib import suppress
from typing import Any

MESSAGE_BYTES = 4096
FDS = 4


class Control:
    """Sends and receives. `receive` raises EOFError when the supervisor is gone."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        self._socket = sock
        self.outbox: deque[tuple[bytes, int | None]] = deque()

    def fileno(self) -> int:
        """Return the descriptor to poll."""
        return self._socket.fileno()

    def receive(self) -> tuple[dict[str, Any], list[int]] | None:
        """Return the next message and its descriptors, None when there is none now."""
        try:
            data, fds, _, _ = socket.recv_fds(self._socket, MESSAGE_BYTES, FDS)
        except BlockingIOError:
            return None
        except OSError as error:
            raise EOFError from error
        if not data:
            raise EOFError
        return json.loads(data), fds

    def send(self, message: dict[str, Any], fd: int | None = None) -> None:
        """Send a message; `fd` goes with it and is closed here once it has."""
        self.outbox.append((json.dumps(message).encode(), fd))
        self.flush()

    def flush(self) -> None:
        """Send what waits, as far as the socket takes it; to a dead supervisor, into the void."""
        while self.outbox:
            data, fd = self.outbox[0]
            if not self._taken(data, fd):
                return
            self.outbox.popleft()
            if fd is not None:
                os.close(fd)

    def _taken(self, data: bytes, fd: int | None) -> bool:
        """Hand one message to the socket; False while it has no room."""
        try:
            socket.send_fds(self._socket, [data], [] if fd is None else [fd])
        except BlockingIOError:
            return False
        except OSError:  # the supervisor is gone: nobody is left to miss it
            return True
        return True

    def forget(self) -> None:
        """Let go of the descriptors without closing them: a forked child closes by number."""
        with suppress(OSError):
            self._socket.detach()
        self.outbox.clear()
