"""An ACP agent that keeps a diary of what it wrote: `diary_agent.py DIARY NAME SENTINEL`.

Standard library alone. The diary is the other side's account of a run: a line `PID NAME asked
WORD` as a prompt comes, `PID NAME said WORD INDEX` behind each delta that the pipe took whole.

A prompt is `WORD COUNT DELAY_MS BYTES [ask]`: COUNT deltas `WORD:INDEX;` of BYTES, DELAY_MS apart;
with `ask` it asks for permission after the first one and goes on once it is answered. A
conversation can be loaded.
"""

import json
import os
import sys
import threading
from typing import Any

DIARY, NAME, SENTINEL = sys.argv[1:4]
PID = os.getpid()
DIARY_FD = os.open(DIARY, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
OPTIONS = [
    {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
]
WRITING = threading.Lock()
CANCELLED = threading.Event()
ANSWERS: set[str] = set()
ANSWERED = threading.Condition()


def note(*words: object) -> None:
    """Write a line of the diary, whole."""
    os.write(DIARY_FD, (" ".join(map(str, (PID, NAME, *words))) + "\n").encode())


def send(message: dict[str, Any]) -> None:
    """Write a message whole; ends when nobody reads any more."""
    view = memoryview(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
    with WRITING:
        while view:
            try:
                view = view[os.write(1, view) :]
            except OSError:
                os._exit(0)


def say(word: str, index: int, size: int) -> None:
    text = f"{word}:{index};".ljust(size, "x")
    update = {
        "sessionUpdate": "agent_message_chunk",
        "content": {"type": "text", "text": text},
    }
    send({"method": "session/update", "params": {"sessionId": NAME, "update": update}})
    note("said", word, index)


def ask(word: str) -> None:
    call = {"toolCallId": f"call-{word}", "title": word, "kind": "execute", "status": "pending"}
    params = {"sessionId": NAME, "toolCall": call, "options": OPTIONS}
    send({"id": word, "method": "session/request_permission", "params": params})
    with ANSWERED:
        ANSWERED.wait_for(lambda: word in ANSWERS)


def prompt(request_id: Any, text: str) -> None:
    word, count, delay_ms, size, *more = text.split()
    note("asked", word)
    for index in range(int(count)):
        if CANCELLED.wait(int(delay_ms) / 1000):
            break
        say(word, index, int(size))
        if index == 0 and more:
            ask(word)
    reason = "cancelled" if CANCELLED.is_set() else "end_turn"
    send({"id": request_id, "result": {"stopReason": reason}})


def answer(method: str) -> dict[str, Any]:
    if method == "initialize":
        return {"protocolVersion": 1, "agentCapabilities": {"loadSession": True}}
    return {"sessionId": NAME} if method == "session/new" else {}


def take(message: dict[str, Any]) -> None:
    method, params = message.get("method"), message.get("params") or {}
    if method is None:
        with ANSWERED:
            ANSWERS.add(message["id"])
            ANSWERED.notify_all()
    elif method == "session/cancel":
        CANCELLED.set()
    elif method == "session/prompt":
        CANCELLED.clear()
        text = params["prompt"][0]["text"]
        threading.Thread(target=prompt, args=(message["id"], text), daemon=True).start()
    elif "id" in message:
        send({"id": message["id"], "result": answer(method)})


if __name__ == "__main__":
    for line in sys.stdin.buffer:
        take(json.loads(line))
    os._exit(0)
