"""gemini-cli: an ACP agent that nobody here wrote."""

import json
from typing import Any

from tests.agents.harness import AgentProfile, Place


def start(place: Place) -> dict[str, Any]:
    """Write gemini's settings; return params of session.start."""
    settings = {"security": {"auth": {"selectedType": "gemini-api-key"}}}
    (place.home / ".gemini").mkdir()
    (place.home / ".gemini" / "settings.json").write_text(json.dumps(settings))
    return {
        "options": {"command": place.bin("gemini"), "args": ["--acp"]},
        "env": {
            "HOME": str(place.home),
            "GEMINI_API_KEY": "dummy",
            "GOOGLE_GEMINI_BASE_URL": place.llm_url,
            "GEMINI_CLI_NO_RELAUNCH": "true",
            "GEMINI_MODEL": "gemini-2.5-flash",
            "NO_COLOR": "1",
        },
    }


PROFILE = AgentProfile(
    name="gemini",
    provider="acp",
    packages=("@google/gemini-cli@0.61.0",),
    start=start,
    long=True,
    busy="refuses",
    retries_for_ever=True,
    resumes=False,
)
