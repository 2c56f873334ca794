"""Settings are read strictly, typos are found, and what may be secret is not shown."""

import msgspec
import pytest

from sidecar.supervisor.settings import parse_settings, redacted, unknown_settings


def test_defaults_are_enough() -> None:
    settings = parse_settings(None)
    assert (settings.agents, settings.instances, settings.env.allow) == ({}, {}, None)
    assert settings.env.login_shell


def test_a_bad_agent_is_no_bad_setting() -> None:
    assert parse_settings({"agents": {"a": 5}}).agents == {"a": 5}


@pytest.mark.parametrize(
    ("name", "value"), [("hostBeatMs", 0), ("hostBeatMs", 99), ("stallMs", -1), ("idleMs", 0.5)]
)
def test_a_watchdog_s_time_that_makes_no_sense_is_refused_by_its_name(
    name: str, value: float
) -> None:
    with pytest.raises(msgspec.ValidationError, match=name):
        parse_settings({name: value})


def test_watchdogs_are_turned_off_by_nought() -> None:
    settings = parse_settings({"stallMs": 0, "idleMs": 0})
    assert (settings.stall_ms, settings.idle_ms) == (0, 0)


def test_an_instance_needs_a_provider_and_a_name() -> None:
    with pytest.raises(msgspec.ValidationError, match="provider"):
        parse_settings({"instances": {"work": {}}})
    with pytest.raises(msgspec.ValidationError):
        parse_settings({"instances": {"../up": {"provider": "codex"}}})


def test_typos_are_found_at_any_depth() -> None:
    assert unknown_settings(None) == []
    assert unknown_settings(
        {
            "stopMs": 1,
            "stopms": 1,
            "env": {"deny": [], "denny": []},
            "instances": {"work": {"provider": "codex", "hom": "/x"}, "odd": 5},
            "agents": {"mine": {"anything": 1}},
            "providers": {"codex": {"anything": 1}},
        }
    ) == ["stopms", "env.denny", "instances.work.hom"]


def test_what_may_be_secret_is_not_shown() -> None:
    settings = parse_settings(
        {
            "providers": {"codex": {"key": "s3cret"}},
            "agents": {"mine": {"env": {"K": "s3cret"}}},
            "instances": {
                "work": {"provider": "codex", "env": {"K": "s3cret"}, "options": {"k": "s3cret"}}
            },
        }
    )
    shown = msgspec.json.encode(redacted(settings)).decode()
    assert "s3cret" not in shown
    assert "work" in shown
    assert "mine" in shown


@pytest.mark.parametrize("whose", ["session", "total"])
def test_a_soft_budget_above_the_hard_one_is_refused_by_name(whose: str) -> None:
    memory = {f"{whose}SoftBytes": 2, f"{whose}HardBytes": 1}
    with pytest.raises(msgspec.ValidationError, match=rf"{whose}SoftBytes \(2\).*memory"):
        parse_settings({"memory": memory})
    assert parse_settings({"memory": {"hostBytes": None}}).memory.host_bytes is None
