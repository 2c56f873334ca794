"""The real opencode, through the sidecar and the Node app, against the fake LLM."""

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent
from tests.agents.profiles.opencode import PROFILE
from tests.agents.scenarios import Scenario, common_scenarios, marks_of

pytestmark = marks_of(PROFILE)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


@common_scenarios(PROFILE)
def test_scenario(agent: LiveAgent, scenario: Scenario) -> None:
    scenario(agent)
