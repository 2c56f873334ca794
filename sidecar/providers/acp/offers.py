"""What an agent can be set to while it runs: modes, models, config options. Pure.

Agents offer models as `models`, as a config option of category `model`, or not at all.
"""

from typing import Any, NamedTuple

from sidecar.contract.base import Json
from sidecar.providers.acp.mapping.shapes import a_map, maps, text


class Call(NamedTuple):
    """A request that carries a setting out."""

    method: str
    params: dict[str, Json]


class Offers:
    """What the answer to session/new or session/load offers."""

    def __init__(self, session_id: str, result: dict[str, Any]) -> None:
        self._session_id = session_id
        self._modes = _ids(a_map(result.get("modes")).get("availableModes"), "id")
        self._models = _ids(a_map(result.get("models")).get("availableModels"), "modelId")
        self._options = maps(result.get("configOptions"))
        self.model = text(a_map(result.get("models")).get("currentModelId"))
        self.mode = text(a_map(result.get("modes")).get("currentModeId"))

    def setting(self, key: str, value: Json) -> Call | None:
        """Return the request that sets `key` to `value`, or None if the agent offers no such key.

        `model` and `mode` work however the agent offers them; other keys are config option ids.
        """
        session = {"sessionId": self._session_id}
        if key == "model" and self._models:
            return Call("session/set_model", {**session, "modelId": value})
        if key == "mode" and self._modes:
            return Call("session/set_mode", {**session, "modeId": value})
        for option in self._options:
            if key in (option.get("id"), option.get("category")):
                params = {**session, "configId": option.get("id"), "value": value}
                return Call("session/set_config_option", params)
        return None

    def current(self, key: str) -> str | None:
        """Return the model or mode in force; None for other keys."""
        return {"model": self.model, "mode": self.mode}.get(key)

    def took(self, key: str, value: Json) -> None:
        """Note that the agent has accepted a setting."""
        if key == "model":
            self.model = text(value)
        elif key == "mode":
            self.mode = text(value)

    def plan_mode(self) -> str | None:
        """Return the id of the agent's plan mode, if it has one."""
        return "plan" if "plan" in self._modes else None


def _ids(rows: object, key: str) -> list[str]:
    return [row[key] for row in maps(rows) if isinstance(row.get(key), str)]
