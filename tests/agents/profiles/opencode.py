"""opencode: a server for HTTP and server-sent events, which sessions may share."""

import json
from pathlib import Path
from typing import Any

from tests.agents.harness import AgentProfile, Place

MODEL = "fake/fake-model"
VERSION = "1.18.33"


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
    _look_installed(folder)
    return {
        "options": {"command": place.bin("opencode"), "maxRetries": 1, "idleMs": 500},
        "env": {
            "HOME": str(place.home),
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
        },
    }


def _look_installed(folder: Path) -> None:
    """Have opencode believe that its own npm package is there: it would fetch it, and wait."""
    wanted = {"dependencies": {"@opencode-ai/plugin": VERSION}}
    (folder / "node_modules").mkdir(exist_ok=True)
    (folder / "package.json").write_text(json.dumps(wanted))
    (folder / "package-lock.json").write_text(json.dumps({"packages": {"": wanted}}))


PROFILE = AgentProfile(
    name="opencode",
    provider="opencode",
    packages=(f"opencode-ai@{VERSION}",),
    start=start,
    long=True,
    busy="queues",
    resumes=True,
    subagents=True,
    lingers=True,
)
