"""The Claude Agent SDK against the fake LLM, called by electron-glue's runner in Node."""

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent
from tests.agents.profiles.agentsdk import PROFILE
from tests.agents.scenarios import Scenario, common_scenarios, marks_of

pytestmark = marks_of(PROFILE)


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent) -> LiveAgent:
    return start_agent(PROFILE)


@common_scenarios(PROFILE)
def test_scenario(agent: LiveAgent, scenario: Scenario) -> None:
    scenario(agent)
