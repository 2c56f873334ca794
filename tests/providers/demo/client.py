"""A bare ACP client for the demo agent: lines over real stdio, nothing of the provider code."""

import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[3]
WAIT_S = 20.0
"""How long a test waits for what must come."""

Map = dict[str, Any]


class Client:
    """`with Client(flags…) as client`: the agent runs; it is killed after."""

    def __init__(self, *flags: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sidecar", "demo-agent", *flags],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: queue.Queue[bytes | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._next_id = 0
        self.seen: list[Map] = []
        self.bad: list[bytes] = []

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join(WAIT_S)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    @property
    def pid(self) -> int:
        return self._process.pid

    def ended(self) -> int:
        """Wait for the end of the process and return its status."""
        return self._process.wait(WAIT_S)

    def runs(self) -> bool:
        return self._process.poll() is None

    def stderr(self) -> str:
        assert self._process.stderr is not None
        return self._process.stderr.read().decode()

    def close_stdin(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def terminate(self) -> None:
        self._process.terminate()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put(None)

    def send(self, message: Map) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self._process.stdin.flush()

    def send_raw(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()

    def next(self) -> Map | None:
        """Return the next message, None at the end; lines that are no JSON go to `bad`."""
        while True:
            line = self._lines.get(timeout=WAIT_S)
            if line is None:
                return None
            try:
                message = json.loads(line)
            except ValueError:
                self.bad.append(line)
                continue
            if not isinstance(message, dict):
                self.bad.append(line)
                continue
            self.seen.append(message)
            return message

    def request(self, method: str, params: Map) -> int:
        self._next_id += 1
        self.send({"id": self._next_id, "method": method, "params": params})
        return self._next_id

    def response(self, request_id: int, option: str | None = None) -> Map:
        """Return the response; permissions on the way are answered with `option`."""
        while (message := self.next()) is not None:
            if message.get("method") == "session/request_permission":
                outcome = (
                    {"outcome": "selected", "optionId": option}
                    if option
                    else {"outcome": "cancelled"}
                )
                self.send({"id": message["id"], "result": {"outcome": outcome}})
            elif message.get("id") == request_id and "method" not in message:
                return message
        raise AssertionError("the agent ended before it answered")

    def call(self, method: str, params: Map) -> Map:
        return self.response(self.request(method, params))

    def open(self) -> str:
        """Shake hands and open a session; return its id."""
        self.call("initialize", {"protocolVersion": 1})
        session_id = self.call("session/new", {"cwd": "/", "mcpServers": []})["result"]["sessionId"]
        assert isinstance(session_id, str)
        return session_id

    def start_prompt(self, session_id: str, text: str) -> int:
        block = {"type": "text", "text": text}
        return self.request("session/prompt", {"sessionId": session_id, "prompt": [block]})

    def prompt(self, session_id: str, text: str, option: str | None = None) -> str:
        """Run a prompt to its end; return its stop reason."""
        answer = self.response(self.start_prompt(session_id, text), option)
        return str(answer["result"]["stopReason"])

    def until_update(self, kind: str) -> Map:
        """Return the next update of a kind."""
        while (message := self.next()) is not None:
            update = message.get("params", {}).get("update", {})
            if update.get("sessionUpdate") == kind:
                return dict(update)
        raise AssertionError(f"the agent ended without {kind}")

    def updates(self, kind: str) -> list[Map]:
        found = [m["params"]["update"] for m in self.seen if m.get("method") == "session/update"]
        return [update for update in found if update.get("sessionUpdate") == kind]

    def pieces(self, kind: str = "agent_message_chunk") -> list[str]:
        return [update["content"]["text"] for update in self.updates(kind)]

    def text(self, kind: str = "agent_message_chunk") -> str:
        return "".join(self.pieces(kind))


def argv_of(pid: int) -> list[str]:
    """Return a process' command line; [] if it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")[:-1]
    except OSError:
        return []


def session_of(pid: int) -> int:
    return os.getsid(pid)
