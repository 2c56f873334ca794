"""The harness itself, with the demo agent: what it must not let pass does not pass."""

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.agents.app import Refused
from tests.agents.conftest import StartAgent
from tests.agents.harness import SENTINEL, AgentProfile, LiveAgent, LiveSession, Place, poll
from tests.support import observer


def start(_: Place) -> dict[str, Any]:
    return {}


PROFILE = AgentProfile(name="demo", provider="demo", packages=(), start=start)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


@pytest.fixture
def session(agent: LiveAgent) -> LiveSession:
    return agent.session("harness")


@pytest.fixture
def shell(session: LiveSession) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a shell that a session's tool has, as far as anybody can see."""
    with subprocess.Popen(["sleep", session.tool_word()]) as process:
        yield process
        process.kill()


def test_a_session_that_ends_well_is_judged_well(session: LiveSession) -> None:
    with session:
        assert session.run("hello")["state"] == "completed"


def test_a_shell_that_outlives_its_session_fails_the_scenario(
    session: LiveSession, shell: "subprocess.Popen[bytes]"
) -> None:
    with pytest.raises(AssertionError, match=r"alive when session\.exited arrived"), session:
        pass
    (seen,) = session.arrived()[-1].alive or []
    assert seen.startswith(f"{shell.pid} sleep")
    assert shell.wait(20) == -9, "the harness leaves nothing to the next scenario"


def test_the_provider_is_found_by_its_environment(session: LiveSession) -> None:
    with session:
        (pid,) = session.provider_pids()
        assert [seen.pid for seen in session.alive()] == [pid]
        session.kill_provider()
        session.until_generation(2)
        assert session.provider_pids() != [pid]


def test_a_process_below_the_provider_is_no_provider(session: LiveSession) -> None:
    word = f"{SENTINEL}={session.place.sentinel}"
    argv = ["env", word, "sh", "-c", "sleep 600; exit 0"]
    with subprocess.Popen(argv) as process:
        seen = observer.seen_with_env
        poll(lambda: len(seen(session.place.sentinel)) == 2, "shell and its sleep")
        assert session.provider_pids() == [process.pid]
        session._clean_up()


def test_an_error_is_raised_by_its_word(session: LiveSession) -> None:
    with pytest.raises(Refused) as refusal:
        session.request("session.readThread")
    assert refusal.value.key == "session_not_found"


def test_an_invalid_event_fails_the_scenario(session: LiveSession) -> None:
    with pytest.raises(AssertionError, match=r"turn\.started\.model is blank"), session:
        session.run("hello")
        session.until("turn.started")["payload"]["model"] = " "


def test_a_turn_without_an_end_fails_the_scenario(session: LiveSession) -> None:
    with pytest.raises(AssertionError, match=r"never ended: turn\.started"), session:
        session.run("hello")
        session.app.arrived.remove(
            next(a for a in session.arrived() if a.event["type"] == "turn.completed")
        )
