"""The agent's end of the wire: JSON-RPC lines out, a request to the client and its answer.

Thread-safe: one thread reads stdin, each prompt runs in its own.
"""

import json
import os
import threading
from typing import Any

from tests.scorecard.agent.writelog import WriteLog


class Peer:
    """Writes messages, and notes each piece of text before and after."""

    def __init__(self, out_fd: int, log: WriteLog) -> None:
        self.deaf = False
        self._out_fd = out_fd
        self._log = log
        self._lock = threading.Lock()
        self._changed = threading.Condition()
        self._asked = 0
        self._answers: dict[int, dict[str, Any]] = {}

    def send(self, message: dict[str, Any]) -> None:
        """Write a message whole."""
        self.send_raw(_line(message))

    def send_raw(self, data: bytes) -> None:
        """Write any bytes whole."""
        with self._lock:
            self._write(data)

    def update(self, session_id: str, update_kind: str, /, **fields: Any) -> None:
        """Send a session/update."""
        self.send(_update(session_id, update_kind, fields))

    def poison(self, session_id: str, kind: str, megabytes: float) -> None:
        """Send the message at which faulty session code fails."""
        params = {"sessionId": session_id, "kind": kind, "megabytes": megabytes}
        self.send({"method": "_scorecard/poison", "params": params})

    def piece(self, session_id: str, size: int = 0, words: str = "") -> None:
        """Stream the next piece of text: its id, words, padding up to `size` characters."""
        with self._lock:
            piece_id = self._log.begin()
            self._write(_piece(session_id, piece_id, words, size))
            self._log.done(piece_id)

    def pieces(self, session_id: str, count: int, size: int) -> None:
        """Stream the next pieces by one write."""
        with self._lock:
            ids = [self._log.begin() for _ in range(count)]
            self._write(b"".join(_piece(session_id, piece_id, "", size) for piece_id in ids))
            for piece_id in ids:
                self._log.done(piece_id)

    def note_started(self, pid: int) -> None:
        """Note a process that nobody would know for this agent's."""
        self._log.note_started(pid)

    def ask(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its result; {} for an error."""
        with self._changed:
            self._asked += 1
            request_id = self._asked
        self.send({"id": request_id, "method": method, "params": params})
        with self._changed:
            self._changed.wait_for(lambda: request_id in self._answers)
            result = self._answers.pop(request_id).get("result")
        return result if isinstance(result, dict) else {}

    def answered(self, message: dict[str, Any]) -> None:
        """Take the client's response."""
        with self._changed:
            self._answers[message["id"]] = message
            self._changed.notify_all()

    def _write(self, data: bytes) -> None:
        """Wait while the pipe is full; a reader that is gone ends the agent, but a deaf one."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._out_fd, view) :]
            except BrokenPipeError:
                if not self.deaf:
                    os._exit(0)
                return


def _line(message: dict[str, Any]) -> bytes:
    return json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n"


def _piece(session_id: str, piece_id: str, words: str, size: int) -> bytes:
    content = {"type": "text", "text": f"[[{piece_id}]] {words}".ljust(size, "x")}
    return _line(_update(session_id, "agent_message_chunk", {"content": content}))


def _update(session_id: str, kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    params = {"sessionId": session_id, "update": {"sessionUpdate": kind, **fields}}
    return {"method": "session/update", "params": params}
