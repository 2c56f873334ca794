"""The terminal/… methods: commands that the agent lets its client run, within the session's tree.

Owns the processes and what they have said. Which item shows a terminal is the mapping's to know.
"""

import asyncio
import os
import re
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.limits import MIB
from sidecar.providers.acp.crew import Crew
from sidecar.providers.acp.files import within
from sidecar.providers.acp.mapping.shapes import count, maps
from sidecar.providers.acp.serving import Handler, Refused
from sidecar.providers.acp.tail import OutputTail
from sidecar.providers.acp.voice import Voice
from sidecar.providers.acp.wire import INTERNAL_ERROR, INVALID_PARAMS
from sidecar.providers.base import ProcessEnd, ProviderCommand, ToolProcess
from sidecar.providers.text import whole

TERMINALS = 32
"""Terminals that an agent may hold; it is told to release some. As many as a host runs."""

OUTPUT_BYTES = MIB
"""Output kept of a terminal whose agent names no outputByteLimit."""

MOST_OUTPUT_BYTES = 8 * MIB
"""Output kept at most, whatever outputByteLimit says: TERMINALS of them must fit into a host."""

KILL_DEADLINE_S = 5.0
"""From a kill to the death of everything below the command; /proc is read every few ms."""

LAST_WORDS_S = 0.5
"""How long the exit of a command may wait for the end of its output, which a background process
that it left behind may hold open for ever."""

_SHELL: Final = ("cmd", "/d", "/s", "/c") if os.name == "nt" else ("/bin/sh", "-c")
_SHELL_WORDS: Final = re.compile(r"[\s;&|<>$`*?(){}\"'~#]")


@dataclass(slots=True)
class Terminal:
    """One command."""

    process: ToolProcess
    tail: OutputTail
    of_turn: str | None
    end: ProcessEnd | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class Terminals:
    """The terminals of one session. `root` is its directory, `env` what the agent got itself."""

    def __init__(self, voice: Voice, crew: Crew, root: str, env: dict[str, str]) -> None:
        self._voice = voice
        self._crew = crew
        self._root = Path(root)
        self._env = env
        self._terminals: dict[str, Terminal] = {}
        self._starting = 0

    def handlers(self) -> dict[str, Handler]:
        """Return the methods."""
        return {
            "terminal/create": self._create,
            "terminal/output": self._output,
            "terminal/wait_for_exit": self._wait_for_exit,
            "terminal/kill": self._kill,
            "terminal/release": self._release,
        }

    async def stop_turn(self, turn_id: str) -> None:
        """Kill what the agent has started in a turn that is cancelled: it may be waiting for it."""
        running = [t for t in self._terminals.values() if t.of_turn == turn_id and t.end is None]
        for terminal in running:
            await self._stop(terminal)

    # Methods

    async def _create(self, params: dict[str, Any]) -> Json:
        command = self._command(params)
        if len(self._terminals) + self._starting >= TERMINALS:
            raise Refused(INTERNAL_ERROR, f"{TERMINALS} terminals are open: release some")
        self._starting += 1
        try:
            process = await self._voice.context.spawn_tool(command)
        finally:
            self._starting -= 1
        process.close_stdin()
        terminal_id = self._voice.context.new_id("term")
        turn_id = self._voice.mapping.conversation.turn_id
        terminal = Terminal(process, OutputTail(_limit_of(params)), turn_id)
        self._terminals[terminal_id] = terminal
        self._voice.mapping.terminals.open(terminal_id)
        self._crew.run(self._watch(terminal_id, terminal))
        return {"terminalId": terminal_id}

    async def _output(self, params: dict[str, Any]) -> Json:
        terminal = self._find(params)
        said = {"output": terminal.tail.text, "truncated": terminal.tail.truncated}
        return said | ({} if terminal.end is None else {"exitStatus": _status(terminal.end)})

    async def _wait_for_exit(self, params: dict[str, Any]) -> Json:
        terminal = self._find(params)
        await terminal.ended.wait()
        return _status(terminal.end)

    async def _kill(self, params: dict[str, Any]) -> Json:
        await self._stop(self._find(params))
        return {}

    async def _release(self, params: dict[str, Any]) -> Json:
        terminal = self._find(params)
        del self._terminals[str(params["terminalId"])]
        await self._stop(terminal)
        self._voice.mapping.terminals.forget(str(params["terminalId"]))
        return {}

    # Within

    def _command(self, params: dict[str, Any]) -> ProviderCommand:
        command, args = params.get("command"), params.get("args") or []
        if not isinstance(command, str) or not command.strip() or "\0" in command:
            raise Refused(INVALID_PARAMS, "command is no command")
        if not isinstance(args, list) or not all(_is_word(arg) for arg in args):
            raise Refused(INVALID_PARAMS, "args is no list of strings")
        cwd = self._root if params.get("cwd") is None else within(self._root, params["cwd"])
        if not os.path.isdir(cwd):  # noqa: PTH112 - a path that cannot be looked up is none
            raise Refused(INVALID_PARAMS, f"{cwd} is no directory")
        env: dict[str, str | None] = dict(self._env)
        for entry in maps(params.get("env")):
            name, value = entry.get("name"), entry.get("value")
            if not _is_name(name) or not _is_word(value):
                raise Refused(INVALID_PARAMS, "env is no list of {name, value}")
            env[whole(str(name))] = whole(str(value))
        argv = argv_of(whole(command), [whole(arg) for arg in args])
        return ProviderCommand(argv=argv, cwd=str(cwd), env=env, merge_stderr=True)

    def _find(self, params: dict[str, Any]) -> Terminal:
        found = params.get("terminalId")
        terminal = self._terminals.get(found) if isinstance(found, str) else None
        if terminal is None:
            raise Refused(INVALID_PARAMS, "there is no such terminal")
        return terminal

    async def _watch(self, terminal_id: str, terminal: Terminal) -> None:
        """Follow a command to its end, and its output until that has ended or is forgotten."""
        reading = asyncio.create_task(self._read(terminal_id, terminal))
        try:
            terminal.end = await terminal.process.ended()
            await asyncio.wait([reading], timeout=LAST_WORDS_S)
            terminal.ended.set()
            await reading
        finally:
            reading.cancel()

    async def _read(self, terminal_id: str, terminal: Terminal) -> None:
        data = b"-"
        while data:
            data = await terminal.process.read()
            said = terminal.tail.add(data)
            self._voice.emit(self._voice.mapping.terminals.add(terminal_id, said))
            await self._voice.context.flow()

    async def _stop(self, terminal: Terminal) -> None:
        try:
            await terminal.process.stop(KILL_DEADLINE_S)
            async with asyncio.timeout(KILL_DEADLINE_S):
                await terminal.ended.wait()
        except (TimeoutError, ProviderProcessFailed) as error:
            self._voice.context.log("error", "acp.terminal_lives", error=str(error))


def argv_of(command: str, args: list[str]) -> list[str]:
    """Return what to run: the program with its arguments, or a shell for what is a shell's line.

    Some agents put the whole line into `command`, others name a program.
    """
    is_program = os.path.isfile(command)  # noqa: PTH113 - a line may be too long for a path
    if args or is_program or not _SHELL_WORDS.search(command):
        return [command, *args]
    return [*_SHELL, command]


def _status(end: ProcessEnd | None) -> dict[str, Json]:
    number = None if end is None else end.signal
    try:
        name = None if number is None else signal.Signals(number).name
    except ValueError:
        name = f"signal {number}"
    return {"exitCode": None if end is None else end.code, "signal": name}


def _limit_of(params: dict[str, Any]) -> int:
    asked = params.get("outputByteLimit")
    limit = OUTPUT_BYTES if asked is None else count(asked)
    if limit is None:
        raise Refused(INVALID_PARAMS, "outputByteLimit is no number of bytes")
    return min(limit, MOST_OUTPUT_BYTES)


def _is_word(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_name(value: object) -> bool:
    return _is_word(value) and bool(value) and "=" not in str(value)
