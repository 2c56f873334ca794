"""opencode: a server for HTTP and server-sent events, which sessions may share."""

import json
from typing import Any

from tests.agents.harness import AgentProfile, Place

MODEL = "fake/fake-model"


def start(place: Place) -> dict[str, Any]:
    """Write opencode's configuration; return params of session.start."""
    folder = place.home / ".config" / "opencode"
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model": MODEL,
        "small_model": MODEL,
        "provider": {
            "fake": {
                "npm": "@ai-sdk/openai-compatible",
                "name": "Fake",
                "options": {"baseURL": f"{place.llm_url}/v1", "apiKey": "dummy"},
                "models": {
                    "fake-model": {
                        "name": "Fake model",
                        "tool_call": True,
                        "attachment": True,
                        "limit": {"context": 100_000, "output": 8_000},
                    }
                },
            }
        },
    }
    (folder / "opencode.json").write_text(json.dumps(config))
    return {
        "options": {"command": place.bin("opencode"), "maxRetries": 1, "idleMs": 500},
        "env": {
            "HOME": str(place.home),
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        },
    }


PROFILE = AgentProfile(
    name="opencode",
    provider="opencode",
    packages=("opencode-ai@1.18.33",),
    start=start,
    long=True,
    busy="queues",
    resumes=True,
    subagents=True,
    lingers=True,
)
