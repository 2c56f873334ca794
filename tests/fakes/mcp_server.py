"""An MCP server on stdio with one tool, `say`. Arguments are marks to recognise it by."""

import json
import sys
from typing import Any

SAY = {"name": "say", "description": "says it", "inputSchema": {"type": "object", "properties": {}}}


def answer(method: str) -> dict[str, Any]:
    """Return the result of a request."""
    if method == "initialize":
        return {
            "protocolVersion": "2025-06-18",
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "fake", "version": "1"},
        }
    if method == "tools/list":
        return {"tools": [SAY]}
    return {"content": [{"type": "text", "text": "said"}]} if method == "tools/call" else {}


for line in sys.stdin:
    message = json.loads(line)
    if "id" in message:
        reply = {"jsonrpc": "2.0", "id": message["id"], "result": answer(message["method"])}
        print(json.dumps(reply), flush=True)
