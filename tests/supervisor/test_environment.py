"""The environment waits for the login shell for a bounded time, and does without it."""

import asyncio
import os

import pytest

from sidecar.contract.probes import ProbeAnswer, ProbeRequest
from sidecar.observe.log import null_log
from sidecar.supervisor.environment import Environment
from sidecar.supervisor.settings import EnvSettings

LONG_S = 60.0


class Shell:
    """A login shell that answers when the test says so."""

    def __init__(self, answer: ProbeAnswer) -> None:
        self.answer = answer
        self.answers = asyncio.Event()
        self.asked: list[ProbeRequest] = []

    async def ask(self, request: ProbeRequest) -> ProbeAnswer:
        self.asked.append(request)
        await self.answers.wait()
        return self.answer


def environment(shell: Shell, settings: EnvSettings | None = None) -> Environment:
    return Environment(settings or EnvSettings(), shell.ask, null_log())


async def test_what_the_shell_says_is_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")
    shell = Shell(ProbeAnswer(environment={"PATH": "/nvm:/usr/bin", "NEW_ONE": "1"}))
    shell.answers.set()
    known = environment(shell)
    assert known.changes() == {}
    known.start()
    await known.known(LONG_S)
    assert not known.pending
    assert known.changes() == {"PATH": "/nvm:/usr/bin", "NEW_ONE": "1"}
    assert known.full()["NEW_ONE"] == "1"


async def test_a_variable_that_changes_is_a_change_at_the_next_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_ONE", "1")
    known = environment(Shell(ProbeAnswer()), EnvSettings(deny=["SECRET_*"]))
    assert known.changes() == {"SECRET_ONE": None}
    known.changes().clear()
    assert known.changes() == {"SECRET_ONE": None}, "what a start does with it changes no other"
    monkeypatch.setenv("SECRET_TWO", "2")
    assert known.changes() == {"SECRET_ONE": None, "SECRET_TWO": None}


async def test_a_shell_that_takes_too_long_is_not_waited_for() -> None:
    shell = Shell(ProbeAnswer(environment={"NEW_ONE": "1"}))
    known = environment(shell, EnvSettings(wait_ms=1))
    known.start()
    await known.known()
    assert known.pending
    assert known.changes() == {}
    shell.answers.set()
    await known.known(LONG_S)
    assert known.changes() == {"NEW_ONE": "1"}


async def test_one_that_fails_changes_nothing() -> None:
    shell = Shell(ProbeAnswer(error="no shell"))
    shell.answers.set()
    known = environment(shell)
    known.start()
    await known.known(LONG_S)
    assert known.changes() == {}


async def test_it_is_not_asked_when_the_settings_say_so() -> None:
    shell = Shell(ProbeAnswer())
    known = environment(shell, EnvSettings(login_shell=False))
    known.start()
    await known.known()
    assert not known.pending
    assert shell.asked == []
    await known.stop()


async def test_a_stop_gives_the_shell_up() -> None:
    shell = Shell(ProbeAnswer())
    known = environment(shell)
    known.start()
    await known.stop()
    assert not known.pending


async def test_what_is_denied_is_taken_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DENIED_ONE", "x")
    known = environment(Shell(ProbeAnswer()), EnvSettings(deny=["DENIED_*"], login_shell=False))
    assert known.changes() == {"DENIED_ONE": None}
    assert "DENIED_ONE" not in known.full()


async def test_what_is_no_text_is_left_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environb, b"PATH", b"/usr/bin:/\xff")
    shell = Shell(ProbeAnswer(environment={"PATH": "/nvm:/usr/bin"}))
    shell.answers.set()
    known = environment(shell)
    known.start()
    await known.known(LONG_S)
    assert "PATH" not in known.changes()
