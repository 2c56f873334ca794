"""How the agent carries each order out, while a turn runs."""

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from tests.scorecard.agent.below import eat
from tests.scorecard.agent.orders import Order
from tests.scorecard.agent.peer import Peer

BELOW = __file__.replace("deeds.py", "below.py")
CRASH_STATUS = 70
FOREVER_S = 86_400.0
LEAK_EVERY_S = 0.1
GATE_LOOK_S = 0.01

_OPTIONS = [
    {"optionId": "yes", "name": "Allow", "kind": "allow_once"},
    {"optionId": "no", "name": "Reject", "kind": "reject_once"},
]
_MALFORMED = (
    b"this line is no JSON\n",
    b"\x00\x01\xfe\xff\x80\x81 binary \xc3\x28\n",
    b'{"jsonrpc": "2.0", "method": \n',
    b"[1, 2, 3]\n",
    b'{"jsonrpc": "2.0", "id": 999999, "result": {}}\n',
    b'{"jsonrpc": "2.0", "method": "session/update", "params": {"update": "turn"}}\n',
)


class Turn:
    """One prompt under way.

    `marks` stand in the argv of what it starts; `remembered` counts the conversation's prompts.
    """

    def __init__(
        self, session_id: str, peer: Peer, marks: tuple[str, str], remembered: int
    ) -> None:
        self.session_id = session_id
        self.peer = peer
        sentinel, thread = marks
        self.words = ("--sentinel", sentinel, "--thread", thread)
        self.remembered = remembered
        self.cancelled = threading.Event()

    def say(self, words: str) -> None:
        """Stream words."""
        self.peer.piece(self.session_id, words=words)


def carry_out(turn: Turn, orders: list[Order]) -> None:
    """Carry orders out in their order, until the turn is cancelled."""
    for order in orders:
        if not turn.cancelled.is_set():
            _DEEDS[order.name](turn, order)


def _say(turn: Turn, order: Order) -> None:
    """A slow reader delays a piece; those that follow keep to their time."""
    count, every_ms, size = order.numbers
    due = time.monotonic()
    for _ in range(count):
        due += every_ms / 1000
        if turn.cancelled.wait(max(0.0, due - time.monotonic())):
            return
        turn.peer.piece(turn.session_id, size)


def _flood(turn: Turn, order: Order) -> None:
    count, size = order.numbers
    for _ in range(count):
        if turn.cancelled.is_set():
            return
        turn.peer.piece(turn.session_id, size)


def _burst(turn: Turn, order: Order) -> None:
    count, size = order.numbers
    turn.peer.pieces(turn.session_id, count, size)


def _quiet(turn: Turn, order: Order) -> None:
    turn.cancelled.wait(order.numbers[0] / 1000)


def _gate(turn: Turn, order: Order) -> None:
    while not os.path.exists(order.words):  # noqa: PTH110 - pathlib costs a start 5 ms
        if turn.cancelled.wait(GATE_LOOK_S):
            return


def _hang(turn: Turn, _order: Order) -> None:
    turn.cancelled.wait(FOREVER_S)


def _crash(_turn: Turn, order: Order) -> None:
    sys.stderr.write(f"{order.words or 'crashing, as it was told'}\n")
    sys.stderr.flush()
    os._exit(CRASH_STATUS)


def _leak(turn: Turn, order: Order) -> None:
    mb_per_s, most_mb = order.numbers
    eat(mb_per_s, most_mb, turn.cancelled)


def _leak_below(turn: Turn, order: Order) -> None:
    _start_daemon(turn, [str(number) for number in order.numbers])


def _daemon(turn: Turn, _order: Order) -> None:
    _start_daemon(turn, [])


def _masked(turn: Turn, _order: Order) -> None:
    """Whatever it will look like, its pid is noted before anything else happens."""
    turn.peer.note_started(_start_daemon(turn, [], "masked"))


def _start_daemon(turn: Turn, numbers: list[str], kind: str = "daemon") -> int:
    import subprocess  # noqa: PLC0415 - its import costs each start of an agent 6 ms

    argv = [sys.executable, "-I", "-S", BELOW, *turn.words, kind, *numbers]
    pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
    told = subprocess.run(argv, stdin=nothing, stdout=pipe, stderr=nothing, env={}, check=True)
    return int(told.stdout)


def _tool(turn: Turn, _order: Order) -> None:
    """Whoever waits for it is this agent: killed without it, it is an orphan."""
    import subprocess  # noqa: PLC0415 - see _start_daemon

    argv = [sys.executable, "-I", "-S", BELOW, *turn.words, "tool"]
    nothing = subprocess.DEVNULL
    child = subprocess.Popen(argv, stdin=nothing, stdout=nothing, stderr=nothing)
    threading.Thread(target=child.wait, daemon=True).start()


def _ask(turn: Turn, _order: Order) -> None:
    call = {
        "toolCallId": f"call-{time.monotonic_ns()}",
        "title": "a command",
        "kind": "execute",
        "status": "pending",
        "rawInput": {"command": "true"},
    }
    params: dict[str, Any] = {"sessionId": turn.session_id, "toolCall": call, "options": _OPTIONS}
    turn.peer.update(turn.session_id, "tool_call", **call)
    outcome = turn.peer.ask("session/request_permission", params).get("outcome") or {}
    allowed = outcome.get("optionId") == "yes"
    done = {"toolCallId": call["toolCallId"], "status": "completed" if allowed else "failed"}
    turn.peer.update(turn.session_id, "tool_call_update", **done)
    if not turn.cancelled.is_set():
        turn.say(f"answered={'yes' if allowed else 'no'}")


def _poison(turn: Turn, order: Order) -> None:
    """A leak goes on in shares until the turn is over; of the others one is enough."""
    kind, _, number = order.words.partition(" ")
    megabytes = float(number or 0)
    if kind != "leak":
        turn.peer.poison(turn.session_id, kind, megabytes)
        turn.cancelled.wait(FOREVER_S)
    while not turn.cancelled.wait(LEAK_EVERY_S):
        turn.peer.poison(turn.session_id, kind, megabytes * LEAK_EVERY_S)


def _malformed(turn: Turn, _order: Order) -> None:
    turn.peer.send_raw(b"".join(_MALFORMED))


def _recall(turn: Turn, _order: Order) -> None:
    turn.say(f"recall={turn.remembered}")


def _nothing(_turn: Turn, _order: Order) -> None:
    """What the main thread has done already."""


_DEEDS: dict[str, Callable[[Turn, Order], None]] = {
    "say": _say,
    "flood": _flood,
    "burst": _burst,
    "quiet": _quiet,
    "gate": _gate,
    "hang": _hang,
    "crash": _crash,
    "leak": _leak,
    "leak-below": _leak_below,
    "daemon": _daemon,
    "masked": _masked,
    "tool": _tool,
    "deaf": _nothing,
    "ask": _ask,
    "poison": _poison,
    "malformed": _malformed,
    "recall": _recall,
}
