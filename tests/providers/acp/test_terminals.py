"""terminal/… runs commands in the session's directory, and tells how they went."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.providers.acp import terminals as module
from sidecar.providers.acp.session import AcpSession
from sidecar.providers.acp.terminals import argv_of
from sidecar.providers.acp.wire import INTERNAL_ERROR, INVALID_PARAMS
from sidecar.providers.base import ProcessEnd, ProviderCommand
from tests.providers.acp.puppets import (
    answered,
    ask,
    begin,
    opened,
    pumped,
    puppet_session,
    refused,
    update,
)
from tests.providers.context import WAIT_S, FakeContext, Puppet, turn, until_true


class Agent:
    """An agent with a session, in a turn."""

    def __init__(self, session: AcpSession, context: FakeContext, puppet: Puppet) -> None:
        self.session = session
        self.context = context
        self.puppet = puppet

    async def create(self, command: str, *args: str, **params: Any) -> str:
        answer = await self.ask("create", command=command, args=list(args), **params)
        return str(answer["terminalId"])

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        return await ask(self.puppet, f"terminal/{method}", **params)

    async def refused(self, method: str, **params: Any) -> tuple[int, str]:
        return await refused(self.puppet, f"terminal/{method}", **params)

    async def ended(self, terminal: str) -> dict[str, Any]:
        return await self.ask("wait_for_exit", terminalId=terminal)

    async def said(self, terminal: str, words: str) -> dict[str, Any]:
        """Wait until a terminal has said so much."""
        async with asyncio.timeout(WAIT_S):
            while (said := await self.output(terminal))["output"] != words:
                await asyncio.sleep(0.01)
        return said

    async def output(self, terminal: str) -> dict[str, Any]:
        return await self.ask("output", terminalId=terminal)


class HeldOpen:
    """A command that has ended, and left its output to a process in the background."""

    pid = 1
    stderr_tail = ""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self._said = [b"started\n"]

    def write(self, data: bytes) -> None:
        raise NotImplementedError

    async def drain(self) -> None:
        raise NotImplementedError

    def close_stdin(self) -> None:
        pass

    async def read(self) -> bytes:
        if self._said:
            return self._said.pop()
        await self.closed.wait()
        return b""

    async def ended(self) -> ProcessEnd:
        return ProcessEnd(0, None)

    async def stop(self, deadline_s: float) -> None:
        self.closed.set()


@pytest.fixture
async def agent(tmp_path: Path) -> AsyncIterator[Agent]:
    session, context, puppet = puppet_session(
        cwd=str(tmp_path), options={"env": {"OF_THE_AGENT": "yes"}}
    )
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        yield Agent(session, context, puppet)


async def test_a_command_runs_and_tells_output_and_exit_code(agent: Agent, tmp_path: Path) -> None:
    code = "import os; print(os.getcwd(), os.environ['OF_THE_AGENT'], os.environ['V'], flush=True)"
    env = [{"name": "V", "value": "v"}]
    terminal = await agent.create(sys.executable, "-c", code, env=env)
    assert await agent.ended(terminal) == {"exitCode": 0, "signal": None}
    assert await agent.output(terminal) == {
        "output": f"{tmp_path} yes v\n",
        "truncated": False,
        "exitStatus": {"exitCode": 0, "signal": None},
    }


async def test_a_whole_line_in_command_goes_to_a_shell(agent: Agent) -> None:
    terminal = await agent.create("echo out; echo err >&2; exit 3")
    assert await agent.ended(terminal) == {"exitCode": 3, "signal": None}
    assert (await agent.output(terminal))["output"] == "out\nerr\n"


def test_a_program_is_run_as_it_is_and_a_line_by_a_shell(tmp_path: Path) -> None:
    program = tmp_path / "my program"
    program.touch()
    assert argv_of("ls", []) == ["ls"]
    assert argv_of("git", ["log; rm"]) == ["git", "log; rm"]
    assert argv_of(str(program), []) == [str(program)]
    assert argv_of("npm test", [])[-1] == "npm test"
    assert len(argv_of("npm test", [])) > 1


async def test_a_line_or_a_directory_may_be_longer_than_a_path(agent: Agent) -> None:
    words = "long " * 1000
    terminal = await agent.create(f"echo {words}")
    assert (await agent.ended(terminal))["exitCode"] == 0
    assert (await agent.output(terminal))["output"].split() == words.split()
    far = str(Path(agent.session.cwd(), "d" * 300))
    code, _ = await agent.refused("create", command="ls", cwd=far)
    assert code == INVALID_PARAMS


async def test_a_running_command_has_no_exit_status_until_it_is_killed(agent: Agent) -> None:
    terminal = await agent.create("echo up; exec sleep 600")
    await until_true(lambda: agent.context.processes)
    waiting = begin(agent.puppet, "terminal/wait_for_exit", terminalId=terminal)
    assert await agent.said(terminal, "up\n") == {"output": "up\n", "truncated": False}
    assert await agent.ask("kill", terminalId=terminal) == {}
    killed = {"exitCode": None, "signal": "SIGKILL"}
    assert (await answered(agent.puppet, waiting))["result"] == killed
    assert (await agent.output(terminal))["exitStatus"] == killed
    assert await agent.ask("kill", terminalId=terminal) == {}, "a killed one may be killed"


async def test_output_is_cut_at_the_front_at_a_character(agent: Agent) -> None:
    terminal = await agent.create("printf 'aaaa😀b'", outputByteLimit=3)
    await agent.ended(terminal)
    said = await agent.output(terminal)
    assert (said["output"], said["truncated"]) == ("b", True)


async def test_a_background_process_does_not_hold_the_exit_up(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LAST_WORDS_S", 0.05)
    held = HeldOpen()

    async def spawn_tool(_: ProviderCommand) -> HeldOpen:
        return held

    monkeypatch.setattr(agent.context, "spawn_tool", spawn_tool)
    terminal = await agent.create("sleep 600 & echo started")
    assert await agent.ended(terminal) == {"exitCode": 0, "signal": None}
    assert (await agent.output(terminal))["output"] == "started\n"
    held.closed.set()


async def test_a_released_terminal_is_dead_and_unknown(agent: Agent) -> None:
    terminal = await agent.create("sleep 600")
    assert await agent.ask("release", terminalId=terminal) == {}
    assert (await agent.context.processes[0].ended()).signal == 9
    for method in ("output", "wait_for_exit", "kill", "release"):
        assert await agent.refused(method, terminalId=terminal) == (
            INVALID_PARAMS,
            "there is no such terminal",
        )


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"command": None}, "no command"),
        ({"command": " "}, "no command"),
        ({"command": "a\0b"}, "no command"),
        ({"command": "ls", "args": "x"}, "no list of strings"),
        ({"command": "ls", "args": [7]}, "no list of strings"),
        ({"command": "ls", "env": [{"name": "A=B", "value": "x"}]}, "no list of {name, value}"),
        ({"command": "ls", "env": [{"name": "A"}]}, "no list of {name, value}"),
        ({"command": "ls", "cwd": "/"}, "outside the session's directory"),
        ({"command": "ls", "cwd": "relative"}, "not an absolute path"),
        ({"command": "ls", "outputByteLimit": -1}, "no number of bytes"),
    ],
)
async def test_bad_params_are_refused(agent: Agent, params: Any, words: str) -> None:
    code, message = await agent.refused("create", **params)
    assert code == INVALID_PARAMS
    assert words in message


async def test_a_cwd_must_be_a_directory_within(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    terminal = await agent.create("pwd", cwd=str(tmp_path / "below"))
    await agent.ended(terminal)
    assert (await agent.output(terminal))["output"] == f"{tmp_path / 'below'}\n"
    _, message = await agent.refused("create", command="pwd", cwd=str(tmp_path / "none"))
    assert "is no directory" in message


async def test_a_program_that_is_not_there_is_refused(agent: Agent) -> None:
    code, message = await agent.refused("create", command="/no/such/program")
    assert code == INTERNAL_ERROR
    assert "/no/such/program" in message


async def test_terminals_are_bounded(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TERMINALS", 1)
    terminal = await agent.create("true")
    assert "release some" in (await agent.refused("create", command="true"))[1]
    await agent.ask("release", terminalId=terminal)
    await agent.create("true")


async def test_an_unknown_signal_is_told_by_its_number() -> None:
    assert module._status(ProcessEnd(None, 99)) == {"exitCode": None, "signal": "signal 99"}
    assert module._status(None) == {"exitCode": None, "signal": None}


async def test_a_kill_that_does_not_succeed_is_logged(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = await agent.create("exec sleep 600")
    process = agent.context.processes[0]

    async def lives_on(deadline_s: float) -> None:
        raise TimeoutError(f"alive after {deadline_s}")

    with monkeypatch.context() as patch:
        patch.setattr(process, "stop", lives_on)
        assert await agent.ask("kill", terminalId=terminal) == {}
    assert ("error", "acp.terminal_lives") in [log[:2] for log in agent.context.logs]
    await agent.ask("release", terminalId=terminal)


# What a person sees


async def test_a_tool_call_shows_its_terminal_from_the_beginning(agent: Agent) -> None:
    terminal = await agent.create("printf 'before '; exec sleep 600")
    await agent.said(terminal, "before ")
    content = [{"type": "terminal", "terminalId": terminal}]
    agent.puppet.say(update("tool_call", toolCallId="c", kind="execute", content=content))
    await agent.context.until(lambda: agent.context.text("command_output") == "before ")
    assert agent.context.of("item.started")[0].payload.item_type == "command_execution"


async def test_a_cancelled_turn_kills_its_terminals_at_once(agent: Agent) -> None:
    terminal = await agent.create("exec sleep 600")
    waiting = begin(agent.puppet, "terminal/wait_for_exit", terminalId=terminal)
    await agent.session.interrupt(None)
    answer = await answered(agent.puppet, waiting)
    assert answer["result"]["signal"] == "SIGKILL"
    prompt = await agent.puppet.asked("session/prompt")
    agent.puppet.say({"id": prompt, "result": {"stopReason": "cancelled"}})
    done = await agent.context.first("turn.completed")
    assert done.payload.state == "interrupted"
