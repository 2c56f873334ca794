"""The agent's protocol: ACP on stdio. The main thread reads, each prompt runs in its own.

python -I -S agent.py --sentinel WORD --thread NAME --log FILE --store DIR [--deaf]
                      [--start-ms N]
"""

import json
import os
import signal
import sys
import threading
import time
from typing import Any

# `python -I -S agent.py` has nothing of the clone on its path, and pathlib costs a start 5 ms.
sys.path.insert(0, os.path.abspath(__file__).rpartition("/tests/")[0])  # noqa: PTH100

from tests.scorecard.agent.deeds import Turn, carry_out
from tests.scorecard.agent.orders import parse
from tests.scorecard.agent.peer import Peer
from tests.scorecard.agent.writelog import WriteLog

REPLAYED = 50
"""Pieces of its own text that session/load replays, the last ones."""

FLAGS = ("--deaf", "--census")

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
NOT_FOUND = -32002


class RefusedError(Exception):
    """Raised by a method that answers with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Agent:
    """One agent process, which has one conversation."""

    def __init__(self, options: dict[str, str]) -> None:
        thread = options["thread"]
        self._log = WriteLog(options["log"], thread)
        self._peer = Peer(sys.stdout.fileno(), self._log)
        os.makedirs(options["store"], exist_ok=True)  # noqa: PTH103
        self._prompts = f"{options['store']}/{thread}.prompts"
        self._session_id = f"of-{thread}"
        self._marks = (options["sentinel"], thread)
        self._start_s = int(options.get("start-ms", 0)) / 1000
        self._turn: Turn | None = None
        self._methods = {
            "initialize": self._initialize,
            "session/new": self._new,
            "session/load": self._load,
        }

    def serve(self) -> None:
        """Take lines until stdin ends, and end then, but when deaf."""
        for line in sys.stdin.buffer:
            self._take(json.loads(line))
        while self._peer.deaf:
            time.sleep(60)
        os._exit(0)  # a prompt's thread may be in the middle of a write: it must not hold the end

    def note_start(self) -> None:
        """Note when it begins, and how many others have our words in their argv by then."""
        self._log.note_start()
        self._log.note_others(living(self._marks) - 1)

    def be_deaf(self) -> None:
        """Ignore from now on what should end it. Only the main thread may set a signal's action."""
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        self._peer.deaf = True

    def _take(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params") or {}
        if method is None:
            self._peer.answered(message)
        elif method == "session/cancel":
            if self._turn is not None and not self._peer.deaf:
                self._turn.cancelled.set()
        elif "id" in message:
            self._answer(message["id"], method, params)

    def _answer(self, request_id: Any, method: str, params: dict[str, Any]) -> None:
        try:
            if method == "session/prompt":
                self._begin(request_id, "".join(block["text"] for block in params["prompt"]))
            elif method in self._methods:
                self._peer.send({"id": request_id, "result": self._methods[method]()})
            else:
                raise RefusedError(METHOD_NOT_FOUND, f"Method not found: {method}")
        except RefusedError as error:
            refusal = {"code": error.code, "message": str(error)}
            self._peer.send({"id": request_id, "error": refusal})

    def _initialize(self) -> dict[str, Any]:
        time.sleep(self._start_s)
        return {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}

    def _new(self) -> dict[str, Any]:
        with open(self._prompts, "w", encoding="utf-8"):  # noqa: PTH123
            return {"sessionId": self._session_id}

    def _load(self) -> dict[str, Any]:
        for prompt in self._remembered()[-1:]:
            self._replay("user_message_chunk", prompt)
        for piece_id in self._log.history(REPLAYED):
            self._replay("agent_message_chunk", f"[[{piece_id}]] ")
        return {}

    def _replay(self, kind: str, text: str) -> None:
        self._peer.update(self._session_id, kind, content={"type": "text", "text": text})

    def _begin(self, request_id: Any, prompt: str) -> None:
        """Note a prompt before anything of its answer is sent, then carry it out."""
        try:
            orders = parse(prompt)
        except ValueError as error:
            raise RefusedError(INVALID_PARAMS, str(error)) from None
        with open(self._prompts, "a", encoding="utf-8") as file:  # noqa: PTH123
            file.write(json.dumps(prompt) + "\n")
        if any(order.name == "deaf" for order in orders):
            self.be_deaf()
        remembered = len(self._remembered())
        turn = self._turn = Turn(self._session_id, self._peer, self._marks, remembered)

        def run() -> None:
            carry_out(turn, orders)
            reason = "cancelled" if turn.cancelled.is_set() else "end_turn"
            self._peer.send({"id": request_id, "result": {"stopReason": reason}})

        threading.Thread(target=run, daemon=True).start()

    def _remembered(self) -> list[str]:
        try:
            with open(self._prompts, encoding="utf-8") as file:  # noqa: PTH123
                return [json.loads(line) for line in file]
        except FileNotFoundError:
            raise RefusedError(NOT_FOUND, "There is no such session") from None


def living(words: tuple[str, ...]) -> int:
    """Count the processes that have all of `words` in their argv; a zombie has none."""
    count = 0
    for name in filter(str.isdigit, os.listdir("/proc")):  # noqa: PTH208
        try:
            with open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                count += set(words) <= set(file.read().split("\0"))
        except OSError:
            continue
    return count


def main(argv: list[str]) -> None:
    """Read `--name value …` and serve."""
    words = iter(word for word in argv if word not in FLAGS)
    options = {word.removeprefix("--"): next(words) for word in words}
    agent = Agent(options)
    if "--census" in argv:
        agent.note_start()
    if "--deaf" in argv:
        agent.be_deaf()
    agent.serve()


if __name__ == "__main__":
    main(sys.argv[1:])
