"""A fake ACP agent that says on stderr all that it should keep to itself. Standard library alone.

On a prompt it writes its environment's secrets, what it got for its MCP servers and a URL with a
password: whole, cut over several writes, in a traceback, behind other words. Then it answers with
the prompt; `crash` in a prompt ends it instead. BLABBER_SENTINEL in argv[1] is for the observer.
"""

import json
import os
import sys
import time
from typing import Any

SESSION = "blabber"
PREFIX = "PLANTED_"
servers: list[dict[str, Any]] = []


def send(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
    sys.stdout.flush()


def say(data: bytes) -> None:
    os.write(2, data)


def in_pieces(text: str) -> None:
    """Write so that no read of the pipe sees the whole."""
    for start in range(0, len(text), 5):
        say(text[start : start + 5].encode())
        time.sleep(0.01)
    say(b"\n")


def blab() -> None:
    planted = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    for name, value in planted.items():
        say(f"{name}={value}\n".encode())
        in_pieces(f"in pieces {value}")
        try:
            raise RuntimeError(f"cannot log in with {value}")
        except RuntimeError:
            sys.excepthook(*sys.exc_info())
            sys.stderr.flush()
    say(f"servers {json.dumps(servers)}\n".encode())
    say(f"GET https://user:{os.environ['PLANTED_IN_URL']}@example.com/v1\n".encode())
    say(b"x" * 5000 + planted[f"{PREFIX}PLAIN"].encode() + b"y" * 9000 + b"\n")
    say(b"the last words of the blabber\n")


def prompt(message: dict[str, Any]) -> None:
    text = message["params"]["prompt"][0]["text"]
    blab()
    if "crash" in text:
        os._exit(9)
    content = {"type": "text", "text": f"you said {text}"}
    update = {"sessionUpdate": "agent_message_chunk", "content": content}
    send({"method": "session/update", "params": {"sessionId": SESSION, "update": update}})
    send({"id": message["id"], "result": {"stopReason": "end_turn"}})


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        method, number = message.get("method"), message.get("id")
        if method == "initialize":
            capabilities = {"loadSession": True, "mcpCapabilities": {"http": True}}
            send(
                {"id": number, "result": {"protocolVersion": 1, "agentCapabilities": capabilities}}
            )
        elif method in ("session/new", "session/load"):
            servers[:] = message["params"].get("mcpServers") or []
            send({"id": number, "result": {"sessionId": SESSION}})
        elif method == "session/prompt":
            prompt(message)
        elif number is not None and method is not None:
            send({"id": number, "result": {}})


main()
