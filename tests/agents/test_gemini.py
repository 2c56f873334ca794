"""gemini-cli, an ACP agent that nobody here wrote, against the fake LLM; some of it frozen too."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent
from tests.agents.profiles.gemini import PROFILE
from tests.agents.scenarios import (
    Scenario,
    common_scenarios,
    interrupt_in_stream,
    marks_of,
    plain,
    tool_accepted,
    tool_declined,
)

pytestmark = marks_of(PROFILE)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


@common_scenarios(PROFILE)
def test_scenario(agent: LiveAgent, scenario: Scenario) -> None:
    scenario(agent)


def test_a_file_is_read_and_written_through_the_client(agent: LiveAgent) -> None:
    with agent.session("files") as session:
        made = session.place.work / "made.txt"
        turn_id = session.send(f"@@write {made} through the client@@")
        request = session.until("request.opened", turn_id)
        assert request["payload"]["requestType"] == "file_change_approval"
        assert not made.exists()
        session.respond(request, "accept")
        assert session.finish(turn_id, "accept")["state"] == "completed"
        assert made.read_text().strip() == "through the client"
        done = [e["payload"] for e in session.of("item.completed", turn_id)]
        assert ("file_change", "completed") in [(p["itemType"], p["status"]) for p in done]


FROZEN = (plain, tool_accepted, tool_declined, interrupt_in_stream)


@pytest.fixture(scope="module")
def frozen_agent(start_agent: StartAgent, frozen_binary: Callable[[str], Path]) -> LiveAgent:
    return start_agent(PROFILE, frozen_binary("onefile"))


@pytest.mark.frozen
@pytest.mark.parametrize("scenario", FROZEN, ids=[s.__name__ for s in FROZEN])
def test_scenario_of_the_frozen_binary(frozen_agent: LiveAgent, scenario: Scenario) -> None:
    scenario(frozen_agent)
