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


VARIANTS = {
    "configOptions": [
        {"id": "mode", "category": "mode", "options": [{"options": [{"value": "plan"}]}]},
        {
            "id": "llm",
            "category": "model",
            "currentValue": "gpt-5[effort=low]",
            "options": [{"value": "gpt-5[effort=low]", "name": "GPT 5"}, {"value": "default[]"}],
        },
        {"id": "web", "type": "boolean", "currentValue": False},
        {"category": "effort"},
    ]
}


@pytest.mark.parametrize(
    ("named", "meant"),
    [
        ("gpt-5[effort=low]", "gpt-5[effort=low]"),
        ("GPT 5", "gpt-5[effort=low]"),
        ("gpt-5", "gpt-5[effort=low]"),
        ("default", "default[]"),
        ("another", "another"),
        (7, 7),
    ],
)
def test_a_model_is_named_by_its_id_its_name_or_without_its_variant(named: Any, meant: Any) -> None:
    call = Offers("s", VARIANTS).setting("model", named)
    assert call is not None
    assert call.params["value"] == meant


def test_a_switch_is_set_as_one() -> None:
    call = Offers("s", VARIANTS).setting("web", value=True)
    assert call is not None
    assert call.params == {"sessionId": "s", "configId": "web", "type": "boolean", "value": True}


def test_config_options_tell_model_and_mode_and_follow_what_is_heard() -> None:
    offers = Offers("s", VARIANTS)
    assert (offers.model, offers.mode) == ("gpt-5[effort=low]", None)
    assert offers.plan_mode() == "plan"
    assert offers.current("web") is False
    offers.took("web", value=True)
    offers.took("nothing", value=True)
    assert offers.current("web") is True
    offers.heard({"configOptions": [{"id": "llm", "category": "model", "currentValue": "x"}]})
    assert (offers.model, offers.plan_mode(), offers.current("web")) == ("x", None, None)
    offers.heard({"configOptions": "x"})
    assert offers.model == "x"


def test_an_option_without_an_id_cannot_be_set() -> None:
    assert Offers("s", VARIANTS).setting("effort", "high") is None
