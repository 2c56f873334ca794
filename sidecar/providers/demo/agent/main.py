"""The demo agent's protocol: reads requests on the main thread, runs each prompt on its own."""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sidecar.providers.demo.agent import tricks
from sidecar.providers.demo.agent.directives import parse
from sidecar.providers.demo.agent.peer import Peer
from sidecar.providers.demo.agent.store import REPLAYED, Store

MODELS = ("demo-small", "demo-large")
MODES = ("default", "plan")

METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
NOT_FOUND = -32002
"""ACP's code for a resource, here a session, that does not exist."""


class RefusedError(Exception):
    """Raised by a method that answers with an error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Agent:
    """All sessions of one agent process."""

    def __init__(self, peer: Peer, store: Store, flags: argparse.Namespace) -> None:
        self._peer = peer
        self._store = store
        self._flags = flags
        self._prompts: dict[str, int] = {}
        self._allowed: dict[str, set[str]] = {}
        self._turns: dict[str, tricks.Turn] = {}
        self._lock = threading.Lock()
        self._methods: dict[str, Callable[[dict[str, Any]], Any]] = {
            "initialize": self._initialize,
            "authenticate": lambda _params: {},
            "session/new": self._new,
            "session/load": self._load,
            "session/set_model": self._set_model,
            "session/set_mode": self._set_mode,
        }

    def take(self, line: bytes) -> None:
        """Handle one line of the client."""
        try:
            message = json.loads(line)
        except ValueError:
            sys.stderr.write("demo agent: a line of the client is no JSON\n")
            return
        method, params = message.get("method"), message.get("params") or {}
        if method is None:
            self._peer.answered(message)
        elif method == "session/cancel":
            self._cancel(params)
        elif method == "session/prompt":
            self._prompt(message["id"], params)
        elif "id" in message:
            self._answer(message["id"], method, params)

    def _answer(self, request_id: Any, method: str, params: dict[str, Any]) -> None:
        handler = self._methods.get(method)
        try:
            if handler is None:
                raise RefusedError(METHOD_NOT_FOUND, f"Method not found: {method}")
            self._peer.send({"id": request_id, "result": handler(params)})
        except RefusedError as refused:
            self._refuse(request_id, refused)

    def _refuse(self, request_id: Any, refused: RefusedError) -> None:
        error = {"code": refused.code, "message": refused.message}
        self._peer.send({"id": request_id, "error": error})

    def _initialize(self, _params: dict[str, Any]) -> dict[str, Any]:
        time.sleep(self._flags.start_delay_ms / 1000)
        return {
            "protocolVersion": 1,
            "agentInfo": {"name": "demo-agent", "title": "Demo agent", "version": "1"},
            "agentCapabilities": {
                "loadSession": self._store.keeps,
                "promptCapabilities": {"image": False},
            },
            "authMethods": [],
        }

    def _new(self, _params: dict[str, Any]) -> dict[str, Any]:
        session_id = self._store.create()
        self._prompts[session_id] = 0
        return {"sessionId": session_id, **_offers()}

    def _load(self, params: dict[str, Any]) -> dict[str, Any]:
        session_id = str(params.get("sessionId"))
        said = self._store.load(session_id)
        if said is None:
            raise RefusedError(NOT_FOUND, f"Resource not found: session {session_id}")
        self._prompts[session_id] = sum(role == "user" for role, _ in said)
        for role, text in said[-REPLAYED:]:
            kind = "user_message_chunk" if role == "user" else "agent_message_chunk"
            self._peer.say(session_id, text, kind)
        return _offers()

    def _set_model(self, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("modelId") not in MODELS:
            raise RefusedError(INVALID_PARAMS, f"There is no model {params.get('modelId')}")
        return {}

    def _set_mode(self, params: dict[str, Any]) -> dict[str, Any]:
        if params.get("modeId") not in MODES:
            raise RefusedError(INVALID_PARAMS, f"There is no mode {params.get('modeId')}")
        mode = params["modeId"]
        self._peer.update(str(params["sessionId"]), "current_mode_update", currentModeId=mode)
        return {}

    def _prompt(self, request_id: Any, params: dict[str, Any]) -> None:
        session_id = str(params.get("sessionId"))
        if session_id not in self._prompts:
            refused = RefusedError(NOT_FOUND, f"Resource not found: session {session_id}")
            self._refuse(request_id, refused)
            return
        blocks = params.get("prompt") or []
        prompt = "".join(str(block.get("text", "")) for block in blocks)
        self._prompts[session_id] += 1
        self._store.add(session_id, "user", prompt)
        turn = tricks.Turn(
            session_id=session_id,
            prompt=prompt,
            remembered=self._prompts[session_id],
            peer=self._peer,
            sentinel=self._flags.sentinel,
            ignore_stop=self._flags.ignore_stop,
            allowed=self._allowed.setdefault(session_id, set()),
        )
        with self._lock:
            self._turns[session_id] = turn
        threading.Thread(target=self._run, args=(request_id, turn), daemon=True).start()

    def _run(self, request_id: Any, turn: tricks.Turn) -> None:
        """Carry a prompt out and answer it, whatever comes."""
        try:
            tricks.perform(turn, parse(turn.prompt))
            self._store.add(turn.session_id, "agent", f"(answered prompt {turn.remembered})")
        except OSError as error:
            self._refuse(request_id, RefusedError(INTERNAL_ERROR, str(error)))
            return
        finally:
            with self._lock:
                if self._turns.get(turn.session_id) is turn:
                    del self._turns[turn.session_id]
        reason = "cancelled" if turn.cancelled.is_set() else "end_turn"
        self._peer.send({"id": request_id, "result": {"stopReason": reason}})

    def _cancel(self, params: dict[str, Any]) -> None:
        with self._lock:
            turn = self._turns.get(str(params.get("sessionId")))
        if turn is not None:
            turn.cancelled.set()


def _offers() -> dict[str, Any]:
    return {
        "models": {
            "availableModels": [{"modelId": model, "name": model} for model in MODELS],
            "currentModelId": MODELS[0],
        },
        "modes": {
            "availableModes": [{"id": mode, "name": mode.title()} for mode in MODES],
            "currentModeId": MODES[0],
        },
    }


def _flags(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser("demo-agent", description=__doc__, add_help=False)
    parser.add_argument("--state-dir", type=Path)
    parser.add_argument("--start-delay-ms", type=int, default=0)
    parser.add_argument("--ignore-stop", action="store_true")
    parser.add_argument("--sentinel", default="")
    return parser.parse_known_args(argv)[0]


def main(argv: Sequence[str]) -> int:
    """Serve stdin until its end; argv are the words behind `demo-agent`. Returns the exit status.

    With --ignore-stop the end of stdin and SIGTERM change nothing, as with some real agents.
    """
    flags = _flags(argv)
    if flags.ignore_stop:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    peer = Peer(sys.stdout.fileno())
    agent = Agent(peer, Store(flags.state_dir), flags)
    for line in sys.stdin.buffer:
        if line.strip():
            agent.take(line)
    peer.close()
    while flags.ignore_stop:
        time.sleep(tricks.HANG_S)
    sys.stdout.flush()
    os._exit(0)  # a prompt's thread may be in the middle of a write: it must not hold the end
