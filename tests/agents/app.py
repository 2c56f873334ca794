"""The app of the live tests: drive.mjs in a process of its own, spoken to without an event loop.

Owns the Node process, its lines and the events that arrived. Knows nothing of agents.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[2]
GLUE = ROOT / "electron-glue"
DRIVER = Path(__file__).with_name("drive.mjs")

WAIT_S = 60.0
"""How long a test waits for one thing that must come: far above what a loaded machine needs."""
READY_S = 60.0
STOP_S = 40.0
LOG_CHARS = 6_000


class Refused(RuntimeError):  # noqa: N818 - reads as what happened
    """Raised when the sidecar answers a request with an error; `key` is its word."""

    def __init__(self, method: str, error: dict[str, Any]) -> None:
        super().__init__(f"{method}: {error['key']}: {error['message']}")
        self.key: str = error["key"]
        self.message: str = error["message"]
        self.data: dict[str, Any] = error["data"]


class Arrived(NamedTuple):
    """An event as Node got it; `alive` is what a watch saw at that moment, None without a watch."""

    seq: int
    event: dict[str, Any]
    alive: list[str] | None


@dataclass
class Launch:
    """How the app starts its sidecar. `options` are further ones of electron-glue's launch."""

    data_dir: Path
    binary: str
    binary_args: Sequence[str] = ()
    settings: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    env: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return electron-glue's launch options."""
        options = {
            "binary": self.binary,
            "binaryArgs": list(self.binary_args),
            "dataDir": str(self.data_dir),
            "settings": self.settings,
        }
        return json.dumps(options | self.options)


class App:
    """A running Node process with a sidecar below it. Use it as a context manager."""

    def __init__(self, launch: Launch) -> None:
        self._launch = launch
        self._ids = count(1)
        self._changed = threading.Condition()
        self._answers: dict[int, dict[str, Any]] = {}
        self.arrived: list[Arrived] = []
        self.notices: list[Any] = []
        self.ready: dict[str, Any] | None = None
        self._over = False

    def end_sessions(self) -> None:
        """Stop what runs, with the host that waits for the next session; nothing once it is over.

        For apps that several tests share.
        """
        if not self._over and self._process.poll() is None:
            self.request("session.stopAll", idempotencyKey=f"stop-{next(self._ids)}")

    @property
    def data_dir(self) -> Path:
        """The sidecar's data folder."""
        return self._launch.data_dir

    def __enter__(self) -> "App":
        self._log = (self._launch.data_dir.parent / "app.log").open("w+b")
        self._process = subprocess.Popen(
            ["node", str(DRIVER), str(GLUE), self._launch.as_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env=os.environ | self._launch.env,
        )
        self._reader = threading.Thread(target=self._read, name="app-reader", daemon=True)
        self._reader.start()
        try:
            self._wait(lambda: self.ready, "ready line", READY_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        try:
            if not self._over:
                self._ask({"op": "stop"}, STOP_S)
                self._process.wait(STOP_S)
        finally:
            self._process.kill()
            self._process.wait()
            self._reader.join(STOP_S)
            for stream in (self._process.stdin, self._process.stdout, self._log):
                if stream is not None:
                    stream.close()

    def request(self, method: str, deadline_s: float = WAIT_S, **params: Any) -> Any:
        """Call a method of the bridge by its wire names. Raises Refused."""
        command: dict[str, Any] = {"op": "request", "method": method, "params": params}
        command["deadlineMs"] = int(deadline_s * 1000)
        answer = self._ask(command, deadline_s + WAIT_S)
        if "error" in answer:
            raise Refused(method, answer["error"])
        return answer["result"]

    def watch(self, thread_id: str, type_: str, word: str) -> None:
        """Let Node look for `word` in argv whenever such an event arrives."""
        self._ask({"op": "watch", "threadId": thread_id, "type": type_, "word": word}, WAIT_S)

    def until(self, look: Callable[[], Any], what: str, deadline_s: float = WAIT_S) -> Any:
        """Return what `look` returns once it is true; it is asked after each thing that arrives."""
        return self._wait(look, what, deadline_s)

    def log_tail(self) -> str:
        """Return the end of what Node and the sidecar logged."""
        if self._log.closed:
            return ""
        return Path(self._log.name).read_text("utf-8", "replace")[-LOG_CHARS:]

    def _ask(self, command: dict[str, Any], deadline_s: float) -> dict[str, Any]:
        number = next(self._ids)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"id": number} | command).encode() + b"\n")
        self._process.stdin.flush()
        what = f"answer to {command.get('method', command['op'])}"
        self._wait(lambda: number in self._answers, what, deadline_s)
        return self._answers.pop(number)

    def _wait(self, look: Callable[[], Any], what: str, deadline_s: float) -> Any:
        end = time.monotonic() + deadline_s
        with self._changed:
            while not (found := look()):
                if self._over or time.monotonic() > end:
                    why = "the app is gone" if self._over else f"not within {deadline_s:.0f} s"
                    raise TimeoutError(f"no {what}: {why}\n{self.log_tail()}")
                self._changed.wait(max(0.0, end - time.monotonic()))
        return found

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._take(json.loads(line))
        with self._changed:
            self._over = True
            self._changed.notify_all()

    def _take(self, said: dict[str, Any]) -> None:
        with self._changed:
            if "event" in said:
                self.arrived.append(Arrived(said["seq"], said["event"], said.get("alive")))
            elif "id" in said:
                self._answers[said["id"]] = said
            elif "ready" in said:
                self.ready = said["ready"] or {}
                self.ready.setdefault("event", "ready")
            else:
                self.notices.append(said["notice"])
            self._changed.notify_all()
