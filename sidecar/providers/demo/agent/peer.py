"""The demo agent's end of the wire: JSON-RPC lines out, requests to the client and their answers.

Thread-safe: one thread reads stdin, each prompt runs in its own.
"""

import json
import os
import threading
from typing import Any


class Peer:
    """Writes messages; waits for answers of the client."""

    def __init__(self, out_fd: int) -> None:
        self._out_fd = out_fd
        self._lock = threading.Lock()
        self._answers: dict[int, dict[str, Any]] = {}
        self._asked = 0
        self._changed = threading.Condition()
        self._closed = False

    def write(self, data: bytes) -> None:
        """Write bytes whole, blocking while the pipe is full; gone readers are ignored."""
        with self._lock:
            view = memoryview(data)
            while view:
                try:
                    view = view[os.write(self._out_fd, view) :]
                except OSError:
                    return

    def send(self, message: dict[str, Any]) -> None:
        """Write a message. Lone surrogates go out as JSON escapes."""
        self.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def update(self, session_id: str, update_kind: str, /, **fields: Any) -> None:
        """Send a session/update."""
        update = {"sessionUpdate": update_kind, **fields}
        params = {"sessionId": session_id, "update": update}
        self.send({"method": "session/update", "params": params})

    def say(self, session_id: str, text: str, kind: str = "agent_message_chunk") -> None:
        """Stream a piece of text."""
        self.update(session_id, kind, content={"type": "text", "text": text})

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """Send a request and wait for its result; None for an error or a closed connection."""
        with self._changed:
            self._asked += 1
            request_id = self._asked
        self.send({"id": request_id, "method": method, "params": params})
        with self._changed:
            self._changed.wait_for(lambda: self._closed or request_id in self._answers)
            answer = self._answers.pop(request_id, {})
        result = answer.get("result")
        return result if isinstance(result, dict) else None

    def answered(self, message: dict[str, Any]) -> None:
        """Take the client's response."""
        with self._changed:
            if message.get("id") in range(1, self._asked + 1):
                self._answers[message["id"]] = message
                self._changed.notify_all()

    def close(self) -> None:
        """End every wait: the client is gone."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
