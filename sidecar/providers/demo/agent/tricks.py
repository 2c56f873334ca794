"""What the demo agent does on each directive, while a turn runs.

Every trick that takes time looks at `turn.cancelled`, but `hang`, which is there to ignore it.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sidecar.providers.demo.agent.directives import Directive
from sidecar.providers.demo.agent.peer import Peer

TOOL_OUTPUT_BYTES = 1024 * 1024
"""Output of one command that is kept and sent."""

LEAK_MOST_BYTES = 4 * 1024**3
"""Where a leak stops growing, so that a forgotten demo does not take the machine."""

CRASH_STATUS = 70
"""Exit status of @@crash: EX_SOFTWARE of sysexits.h."""

HANG_S = 86_400.0

_PERMISSION_OPTIONS = [
    {"optionId": "demo-once", "name": "Allow once", "kind": "allow_once"},
    {"optionId": "demo-always", "name": "Allow for this session", "kind": "allow_always"},
    {"optionId": "demo-no", "name": "Reject", "kind": "reject_once"},
]
_GARBAGE = (
    b"this line is no JSON\n",
    b"\x00\x01\xfe\xff\x80\x81 binary \xc3\x28\n",
    b'{"jsonrpc": "2.0", "method": \n',
    b"[1, 2, 3]\n",
    b'{"jsonrpc": "2.0", "id": 999999, "result": {}}\n',
    b'{"jsonrpc": "2.0", "method": "session/update", "params": {"update": {"toolCallId": 7}}}\n',
)


@dataclass(slots=True)
class Turn:
    """One prompt under way."""

    session_id: str
    prompt: str
    remembered: int
    peer: Peer
    sentinel: str = ""
    ignore_stop: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event)
    allowed: set[str] = field(default_factory=set)
    """The session's set of allowed tool kinds; shared by its turns."""

    def say(self, text: str) -> None:
        """Stream a piece of the answer."""
        self.peer.say(self.session_id, text)


def perform(turn: Turn, directives: list[Directive]) -> None:
    """Carry directives out in their order, until the turn is cancelled; greet without any."""
    if not directives:
        _greet(turn)
    for directive in directives:
        if not turn.cancelled.is_set():
            _TRICKS[directive.name](turn, directive)


def _greet(turn: Turn) -> None:
    """Answer with several deltas that echo the prompt."""
    pieces = ["Hello! ", "I am the demo agent. ", f"You said: {turn.prompt.strip()} "]
    pieces.append(f"(I remember {turn.remembered} prompts of this conversation.)")
    for piece in pieces:
        if turn.cancelled.wait(0.01):
            return
        turn.say(piece)


def _stream(turn: Turn, directive: Directive) -> None:
    """Each delta begins with its index and CLOCK_MONOTONIC in ns as it is written, to measure."""
    count, delay_ms, size_bytes = directive.numbers
    for index in range(count):
        if turn.cancelled.wait(delay_ms / 1000) if delay_ms else turn.cancelled.is_set():
            return
        turn.say(f"{index} {time.monotonic_ns()} ".ljust(size_bytes, "x")[:size_bytes] or "x")


def _flood(turn: Turn, directive: Directive) -> None:
    for index in range(directive.numbers[0]):
        if turn.cancelled.is_set():
            return
        turn.say(f"{index} ")


def _tool(turn: Turn, directive: Directive) -> None:
    call = {
        "toolCallId": f"call-{time.time_ns()}",
        "title": directive.word,
        "kind": "execute",
        "status": "pending",
        "rawInput": {"command": directive.word},
    }
    turn.peer.update(turn.session_id, "tool_call", **call)
    if "execute" not in turn.allowed and not _permitted(turn, call):
        if not turn.cancelled.is_set():
            _tool_update(turn, call, "failed")
            turn.say("The command was not allowed. ")
        return
    _tool_update(turn, call, "in_progress")
    _run_command(turn, call, directive.word)


def _permitted(turn: Turn, call: dict[str, Any]) -> bool:
    params = {"sessionId": turn.session_id, "toolCall": call, "options": _PERMISSION_OPTIONS}
    result = turn.peer.ask("session/request_permission", params) or {}
    outcome = result.get("outcome") or {}
    chosen = outcome.get("optionId") if outcome.get("outcome") == "selected" else None
    if chosen == "demo-always":
        turn.allowed.add("execute")
    return chosen in ("demo-once", "demo-always")


def _tool_update(
    turn: Turn, call: dict[str, Any], status: str, output: str | None = None, **fields: Any
) -> None:
    if output is not None:
        fields["content"] = [{"type": "content", "content": {"type": "text", "text": output}}]
    turn.peer.update(
        turn.session_id, "tool_call_update", toolCallId=call["toolCallId"], status=status, **fields
    )


def _run_command(turn: Turn, call: dict[str, Any], command: str) -> None:
    """Run in a shell of its own session, as every real agent does, and stream its output."""
    argv = ["/bin/sh", "-c", command, "demo-tool"] + ([turn.sentinel] if turn.sentinel else [])
    shell = subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    done = threading.Event()
    killer = threading.Thread(target=_kill_when_cancelled, args=(turn, shell, done), daemon=True)
    killer.start()
    output = b""
    with shell:
        while piece := _read(shell):
            output = (output + piece)[:TOOL_OUTPUT_BYTES]
            _tool_update(turn, call, "in_progress", output.decode("utf-8", "replace"))
    done.set()
    status = "completed" if shell.returncode == 0 else "failed"
    text = output.decode("utf-8", "replace")
    _tool_update(turn, call, status, text, rawOutput={"exitCode": shell.returncode})
    if not turn.cancelled.is_set():
        turn.say(f"The command ended with {shell.returncode}. ")


def _read(shell: subprocess.Popen[bytes]) -> bytes:
    return os.read(shell.stdout.fileno(), 65_536) if shell.stdout else b""


def _kill_when_cancelled(turn: Turn, shell: subprocess.Popen[bytes], done: threading.Event) -> None:
    while not done.is_set():
        if turn.cancelled.wait(0.05):
            with suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
            return


def _daemon(turn: Turn, directive: Directive) -> None:
    """Start what outlives every parent: its own session, re-parented, deaf to SIGHUP.

    The outer shell backgrounds the inner and ends: that is the second fork. `tail` waits without
    CPU and carries the sentinel in its own argv.
    """
    word = directive.word or turn.sentinel or "demo-daemon"
    deaf = "HUP TERM" if turn.ignore_stop else "HUP"
    script = f'trap "" {deaf}; tail -f /dev/null "$0" </dev/null >/dev/null 2>&1 & echo $!'
    outer = subprocess.run(
        ["/bin/sh", "-c", script, word],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        check=False,
    )
    turn.say(f"Started a daemon with pid {outer.stdout.decode().strip()}. ")


def _crash(_turn: Turn, _directive: Directive) -> None:
    sys.stderr.write("demo agent: crashing, as it was told\n")
    sys.stderr.flush()
    os._exit(CRASH_STATUS)


def _hang(_turn: Turn, _directive: Directive) -> None:
    while True:
        time.sleep(HANG_S)


def _leak(turn: Turn, directive: Directive) -> None:
    _eat(directive.numbers[0], turn.cancelled)


def _eat(mb_per_s: int, enough: threading.Event) -> None:
    """Allocate and touch every page, a tenth of a second's share at a time."""
    eaten: list[bytearray] = []
    share_bytes = mb_per_s * 1024 * 1024 // 10
    while not enough.wait(0.1):
        if sum(map(len, eaten)) < LEAK_MOST_BYTES:
            eaten.append(bytearray(b"\x01") * share_bytes)


def _leakdaemon(turn: Turn, directive: Directive) -> None:
    """Leak in what outlives every parent: a double fork in a session of its own."""
    if not hasattr(os, "fork"):
        turn.say("There are no daemons on this platform. ")
        return
    read, write = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # no thread holds what a leak needs
        child = os.fork()
        if child == 0:
            os.setsid()
            daemon = os.fork()
            if daemon == 0:
                _become_leak(directive.numbers[0])
            os.write(write, str(daemon).encode())
            os._exit(0)
    os.waitpid(child, 0)
    turn.say(f"Started a daemon that leaks, with pid {os.read(read, 20).decode()}. ")
    os.close(read)
    os.close(write)


def _become_leak(mb_per_s: int) -> NoReturn:
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(null, descriptor)
        _eat(mb_per_s, threading.Event())
    finally:
        os._exit(1)


def _huge(turn: Turn, directive: Directive) -> None:
    turn.say("h" * directive.numbers[0])


def _surrogate(turn: Turn, _directive: Directive) -> None:
    for piece in ("An emoji cut in two: ", "\ud83d", "\ude00", " done. "):
        turn.say(piece)


def _garbage(turn: Turn, _directive: Directive) -> None:
    for line in _GARBAGE:
        turn.peer.write(line)
    turn.say("That was garbage. ")


def _think(turn: Turn, _directive: Directive) -> None:
    turn.peer.say(turn.session_id, "Let me think about that.", "agent_thought_chunk")


def _plan(turn: Turn, _directive: Directive) -> None:
    entries = [
        {"content": "Understand the request", "priority": "high", "status": "completed"},
        {"content": "Answer it", "priority": "medium", "status": "in_progress"},
    ]
    turn.peer.update(turn.session_id, "plan", entries=entries)


def _recall(turn: Turn, _directive: Directive) -> None:
    turn.say(f"I remember {turn.remembered} prompts. ")


_TRICKS: dict[str, Callable[[Turn, Directive], None]] = {
    "stream": _stream,
    "tool": _tool,
    "daemon": _daemon,
    "crash": _crash,
    "hang": _hang,
    "flood": _flood,
    "leak": _leak,
    "leakdaemon": _leakdaemon,
    "huge": _huge,
    "surrogate": _surrogate,
    "garbage": _garbage,
    "think": _think,
    "plan": _plan,
    "recall": _recall,
}
