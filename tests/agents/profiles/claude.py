"""Claude Code's CLI, over its stream-json control protocol."""

from typing import Any

from tests.agents.harness import AgentProfile, Place


def environment(place: Place) -> dict[str, str]:
    """Return the environment in which Claude asks the fake LLM, and nobody else."""
    return {
        "HOME": str(place.home),
        "ANTHROPIC_BASE_URL": place.llm_url,
        "ANTHROPIC_API_KEY": "dummy",
        "ANTHROPIC_MODEL": "claude-sonnet-4-5",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "CLAUDE_CODE_MAX_RETRIES": "1",
        "DISABLE_AUTOUPDATER": "1",
    }


def start(place: Place) -> dict[str, Any]:
    """Return params of session.start."""
    return {"options": {"command": place.bin("claude")}, "env": environment(place)}


PROFILE = AgentProfile(
    name="claude",
    provider="claudeAgent",
    packages=("@anthropic-ai/claude-code@2.1.197",),
    start=start,
    busy="queues",
    # A cut stream is asked for again, whole, and the turn goes on.
    cut=frozenset({"completed"}),
    subagents=True,
)
