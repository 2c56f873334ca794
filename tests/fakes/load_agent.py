"""A load generator that speaks ACP: nothing but the standard library, as plain as can be.

On a prompt `load COUNT DELAY_MS BYTES` it writes COUNT text deltas of BYTES characters, one each
DELAY_MS, each beginning with `<index> <CLOCK_MONOTONIC ns of its write> `, so that whoever receives
it knows when it was written and whether one is missing.
"""

import json
import sys
import time
from typing import Any


def write(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def stream(session_id: str, count: int, delay_s: float, size: int) -> None:
    due = time.monotonic()
    for index in range(count):
        due += delay_s
        time.sleep(max(0.0, due - time.monotonic()))
        text = f"{index} {time.monotonic_ns()} "
        update = {
            "sessionUpdate": "agent_message_chunk",
            "content": {"type": "text", "text": text + "x" * (size - len(text))},
        }
        write({"method": "session/update", "params": {"sessionId": session_id, "update": update}})


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "initialize":
        return {"protocolVersion": 1, "agentCapabilities": {"loadSession": False}}
    if method == "session/new":
        return {"sessionId": "load"}
    if method == "session/prompt":
        words = params["prompt"][0]["text"].split()
        if words[:1] == ["load"]:
            stream(params["sessionId"], int(words[1]), float(words[2]) / 1000, int(words[3]))
        return {"stopReason": "end_turn"}
    return {}


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        if "id" in message:
            write({"id": message["id"], "result": answer(message["method"], message["params"])})


if __name__ == "__main__":
    main()
