"""A real agent through the frozen binary; everything else of it is shown from source."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent
from tests.agents.profiles.codex import PROFILE
from tests.agents.scenarios import interrupt_in_tool, tool_accepted

pytestmark = [pytest.mark.agents("codex"), pytest.mark.frozen]


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent, frozen_binary: Callable[[str], Path]) -> LiveAgent:
    return start_agent(PROFILE, frozen_binary("onefile"))


def test_an_accepted_tool_runs(agent: LiveAgent) -> None:
    tool_accepted(agent)


def test_an_interrupt_ends_the_tool(agent: LiveAgent) -> None:
    interrupt_in_tool(agent)
