"""Smoke test of a frozen binary: selftest, version, a handshake and one demo turn over WebSocket.

Runs in the virtual environment (aiohttp, msgspec): `python -m buildtool.smoke BINARY`. It imports
nothing of sidecar, so that a mistake in a shared table cannot cancel itself out. Ends with exit
code 0, or says what went wrong.
"""

import asyncio
import hashlib
import hmac
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import msgspec.msgpack

from buildtool.shell import BuildError, say
from buildtool.startup import Started, running

COMMAND_DEADLINE_S = 30.0
TURN_DEADLINE_S = 30.0
MESSAGE_BYTES = 1024 * 1024
THREAD = "smoke"
REQUEST, RESPONSE, NOTIFICATION = 0, 1, 2


class Bridge:
    """The least client of docs/PROTOCOL.md that can run one turn."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._last_id = 0
        self.events: list[dict[str, Any]] = []

    async def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a request and return its result; events that arrive before it are kept."""
        self._last_id += 1
        await self._send([REQUEST, self._last_id, method, params])
        while True:
            message = await self._receive()
            if message[0] == RESPONSE and message[1] == self._last_id:
                if message[2] is not None:
                    raise BuildError(f"{method} is refused: {message[2]}")
                return dict(message[3] or {})

    async def until(self, event_type: str) -> dict[str, Any]:
        """Return the first event of a type, of those kept or still to come."""
        checked = 0
        while True:
            for event in self.events[checked:]:
                if event["type"] == event_type:
                    return event
            checked = len(self.events)
            await self._receive()

    async def _send(self, message: list[Any]) -> None:
        await self._socket.send_bytes(msgspec.msgpack.encode(message))

    async def _receive(self) -> list[Any]:
        frame = await self._socket.receive()
        if frame.type is not aiohttp.WSMsgType.BINARY:
            raise BuildError(f"the bridge closed the socket: {frame}")
        message: list[Any] = msgspec.msgpack.decode(frame.data)
        if message[0] == NOTIFICATION and message[1] == "events":
            self.events += [msgspec.msgpack.decode(body) for _, body in message[2]["list"]]
        return message


async def one_turn(started: Started) -> str:
    """Say hello, run one turn of the demo agent and stop its session; return what it answered."""
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(
            started.ready["url"], protocols=["sidecar.v1"], max_msg_size=MESSAGE_BYTES
        ) as socket,
    ):
        bridge = Bridge(socket)
        await _hello(bridge, started)
        await bridge.call(
            "session.start",
            threadId=THREAD,
            provider="demo",
            runtimeMode="full-access",
            cwd=str(started.folder),
            idempotencyKey=secrets.token_hex(8),
        )
        await bridge.call(
            "session.sendTurn",
            threadId=THREAD,
            input="Say something.",
            idempotencyKey=secrets.token_hex(8),
        )
        ended = await bridge.until("turn.completed")
        if ended["payload"].get("state") != "completed":
            raise BuildError(f"the demo turn did not complete: {ended}")
        await bridge.call("session.stop", threadId=THREAD)
        await bridge.until("session.exited")
        deltas = [event for event in bridge.events if event["type"] == "content.delta"]
        return "".join(event["payload"]["delta"] for event in deltas)


async def _hello(bridge: Bridge, started: Started) -> None:
    nonce = secrets.token_bytes(16)
    answer = await bridge.call(
        "hello",
        protocol=[1, 1],
        nonce=nonce,
        auth=_mac(started.token, b"client" + nonce),
        client={"id": "smoke", "name": "smoke"},
    )
    instance = answer["server"]["instance"].encode()
    if answer["proof"] != _mac(started.token, b"server" + nonce + instance):
        raise BuildError("the sidecar's proof in hello is wrong")


def _mac(token: str, message: bytes) -> bytes:
    return hmac.new(token.encode(), message, hashlib.sha256).digest()


def run_command(binary: Path, *arguments: str) -> str:
    """Run a subcommand that ends by itself and return its stdout."""
    done = subprocess.run(
        [str(binary), *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=COMMAND_DEADLINE_S,
        check=False,
    )
    if done.returncode != 0:
        raise BuildError(
            f"{arguments[0]} ended with exit code {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


def smoke(binary: Path) -> None:
    """Run the whole smoke test. Raises BuildError with what is wrong."""
    say(f"version: {run_command(binary, 'version').strip()}")
    facts = json.loads(run_command(binary, "selftest"))
    say(f"selftest: {json.dumps(facts)}")
    if not facts.get("frozen"):
        raise BuildError("selftest does not know that it is frozen")
    with running(binary, dict(os.environ)) as started:
        answer = asyncio.run(asyncio.wait_for(one_turn(started), TURN_DEADLINE_S))
        if not answer:
            raise BuildError("the demo turn completed without a text")
        say(f"demo turn: {len(answer)} characters, ready after {started.ready_ms:.0f} ms")


def main() -> int:
    try:
        smoke(Path(sys.argv[1]))
    except BuildError as error:
        say(f"smoke test failed: {error}")
        return 1
    except TimeoutError:
        say(f"smoke test failed: the demo turn takes more than {TURN_DEADLINE_S} s")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
