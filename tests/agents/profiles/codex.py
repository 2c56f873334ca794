"""Codex, through its app-server; the npm wrapper is what is on PATH, as for most users."""

from typing import Any

from tests.agents.harness import AgentProfile, Place

CONFIG = """
model = "fake-model"
model_provider = "fake"
[model_providers.fake]
name = "fake"
base_url = "{url}/v1"
wire_api = "responses"
env_key = "FAKE_KEY"
request_max_retries = 1
stream_max_retries = 1
[projects."{work}"]
trust_level = "trusted"
"""


def start(place: Place) -> dict[str, Any]:
    """Write Codex's settings; return params of session.start."""
    write_config(place)
    return {
        "options": {"binaryPath": place.bin("codex")},
        "env": {"HOME": str(place.home), "FAKE_KEY": "dummy"},
    }


def write_config(place: Place, *, url: str | None = None, more: str = "") -> None:
    """Write config.toml; the model is at `url`, the fake LLM by default."""
    (place.home / ".codex").mkdir(exist_ok=True)
    config = CONFIG.format(url=url or place.llm_url, work=place.work) + more
    (place.home / ".codex" / "config.toml").write_text(config)


PROFILE = AgentProfile(
    name="codex",
    provider="codex",
    packages=("@openai/codex@0.169.0",),
    start=start,
    busy="steers",
    subagents=True,
)
