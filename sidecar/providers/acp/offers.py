"""What an agent can be set to while it runs: modes, models, config options. Pure.

Agents offer models and modes each on their own (`models`, `modes`), or as config options of the
category `model` or `mode`, or not at all.
"""

from typing import Any, NamedTuple

from sidecar.contract.base import Json
from sidecar.providers.acp.mapping.shapes import a_map, maps, text

PLAN_MODE = "plan"
"""The id of the mode in which agents that have one plan without acting."""


class Call(NamedTuple):
    """A request that carries a setting out."""

    method: str
    params: dict[str, Json]


class Offers:
    """What the answer to session/new or session/load offers, and what is in force."""

    def __init__(self, session_id: str, result: dict[str, Any]) -> None:
        self._session_id = session_id
        self._modes = _named(a_map(result.get("modes")).get("availableModes"), "id")
        self._models = _named(a_map(result.get("models")).get("availableModels"), "modelId")
        self._options = maps(result.get("configOptions"))
        self._model = text(a_map(result.get("models")).get("currentModelId"))
        self._mode = text(a_map(result.get("modes")).get("currentModeId"))

    @property
    def model(self) -> str | None:
        """The model in force, as far as the agent tells."""
        return self._model or _value(self._option("model"))

    @property
    def mode(self) -> str | None:
        """The mode in force, as far as the agent tells."""
        return self._mode or _value(self._option("mode"))

    def setting(self, key: str, value: Json) -> Call | None:
        """Return the request that sets `key` to `value`, or None if the agent offers no such key.

        `model` and `mode` work however the agent offers them; other keys are ids or categories of
        config options. A model may be named as people do: by its name, or without its variant.
        """
        session = {"sessionId": self._session_id}
        if key == "model" and self._models:
            found = _meant(value, self._models)
            return Call("session/set_model", {**session, "modelId": found})
        if key == "mode" and self._modes:
            return Call("session/set_mode", {**session, "modeId": _meant(value, self._modes)})
        option = self._option(key)
        if option is None:
            return None
        params = {**session, "configId": option.get("id")}
        if isinstance(value, bool):
            return Call("session/set_config_option", {**params, "type": "boolean", "value": value})
        meant = _meant(value, _values(option))
        return Call("session/set_config_option", {**params, "value": meant})

    def current(self, key: str) -> Json:
        """Return what is in force for a key; None if the agent does not tell."""
        if key in ("model", "mode"):
            return self.model if key == "model" else self.mode
        return a_map(self._option(key)).get("currentValue")

    def took(self, key: str, value: Json) -> None:
        """Note that the agent has accepted a setting."""
        option = self._option(key)
        if key == "model" and self._models:
            self._model = text(value)
        elif key == "mode" and self._modes:
            self._mode = text(value)
        elif option is not None:
            option["currentValue"] = value

    def heard(self, said: dict[str, Any]) -> None:
        """Note what the agent itself says to be in force."""
        self._model = text(said.get("currentModelId")) or self._model
        self._mode = text(said.get("currentModeId")) or self._mode
        if isinstance(said.get("configOptions"), list):
            self._options = maps(said["configOptions"])

    def plan_mode(self) -> str | None:
        """Return the id of the agent's plan mode, if it has one."""
        known = {**_values(self._option("mode")), **self._modes}
        return PLAN_MODE if PLAN_MODE in known else None

    def _option(self, key: str) -> dict[str, Any] | None:
        """Return the config option with an id, else the first of a category."""
        for attribute in ("id", "category"):
            for option in self._options:
                if option.get(attribute) == key and isinstance(option.get("id"), str):
                    return option
        return None


def _value(option: dict[str, Any] | None) -> str | None:
    return text(a_map(option).get("currentValue"))


def _values(option: dict[str, Any] | None) -> dict[str, str]:
    """Return the values of a select option, which may stand in groups, with their names."""
    rows = maps(a_map(option).get("options"))
    grouped = [row for group in rows for row in maps(group.get("options"))]
    return _named([*rows, *grouped], "value")


def _named(rows: object, key: str) -> dict[str, str]:
    """Return the ids of rows with their names."""
    return {row[key]: str(row.get("name")) for row in maps(rows) if isinstance(row.get(key), str)}


def _meant(value: Json, known: dict[str, str]) -> Json:
    """Return the id that is meant: itself, the one of that name, or the one with a variant.

    Ids with a variant look like `gpt-5[effort=high]`. What is not known goes to the agent as it is.
    """
    if not isinstance(value, str) or value in known:
        return value
    wanted = value.casefold()
    for id_, name in known.items():
        if wanted in (id_.casefold(), name.casefold(), id_.partition("[")[0].casefold()):
            return id_
    return value
