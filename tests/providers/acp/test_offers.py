"""A setting is set however the agent offers it, or not at all."""

from typing import Any

import pytest

from sidecar.providers.acp.offers import Call, Offers

MODELS = {"models": {"availableModels": [{"modelId": "m1"}, {"x": 1}], "currentModelId": "m1"}}
MODES = {"modes": {"availableModes": [{"id": "ask"}, {"id": "plan"}], "currentModeId": "ask"}}
OPTIONS = {"configOptions": [{"id": "llm", "category": "model"}, {"id": "effort"}]}


@pytest.mark.parametrize(
    ("offered", "key", "call"),
    [
        (MODELS, "model", Call("session/set_model", {"sessionId": "s", "modelId": "v"})),
        (MODES, "mode", Call("session/set_mode", {"sessionId": "s", "modeId": "v"})),
        (
            OPTIONS,
            "model",
            Call("session/set_config_option", {"sessionId": "s", "configId": "llm", "value": "v"}),
        ),
        (
            OPTIONS,
            "effort",
            Call(
                "session/set_config_option", {"sessionId": "s", "configId": "effort", "value": "v"}
            ),
        ),
        (OPTIONS, "mode", None),
        ({}, "model", None),
        ({"models": 7, "modes": [], "configOptions": "x"}, "mode", None),
    ],
)
def test_a_setting_becomes_the_request_that_sets_it(
    offered: dict[str, Any], key: str, call: Call | None
) -> None:
    assert Offers("s", offered).setting(key, "v") == call


def test_what_is_in_force_is_known_and_follows_a_change() -> None:
    offers = Offers("s", MODELS | MODES)
    assert (offers.current("model"), offers.current("mode")) == ("m1", "ask")
    offers.took("model", "m2")
    offers.took("mode", "plan")
    offers.took("effort", "high")
    assert (offers.current("model"), offers.current("mode")) == ("m2", "plan")
    assert offers.current("effort") is None


def test_the_plan_mode_is_found_by_its_id() -> None:
    assert Offers("s", MODES).plan_mode() == "plan"
    assert Offers("s", {}).plan_mode() is None
