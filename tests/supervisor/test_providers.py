"""What a start needs is laid together from manifest, instance and client."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ValidationFailed
from sidecar.contract.frames import SessionSpec
from sidecar.contract.methods import ModelSelection, ProviderParams, SessionStartParams
from sidecar.contract.probes import ProbeAnswer, ProbeRequest
from sidecar.contract.results import ProviderStatus
from sidecar.observe.log import null_log
from sidecar.process import new_mark
from sidecar.supervisor.launch import ExecLauncher
from sidecar.supervisor.probes import ProbeDesk
from sidecar.supervisor.providers import Providers, with_instance
from sidecar.supervisor.settings import parse_settings

AGENT = {"command": "agent", "args": ["-a"], "env": {"A": "manifest", "B": "manifest"}}
WORK = {"provider": "mine", "env": {"KEY": "k"}, "options": {"env": {"B": "work", "C": "work"}}}


def providers(tmp_path: Path, **settings: Any) -> Providers:
    settings = {"agents": {"mine": AGENT}, "instances": {"work": WORK}} | settings
    return Providers(parse_settings(settings), tmp_path, ExecLauncher(), null_log())


def start(provider: str = "mine", **more: Any) -> SessionStartParams:
    return SessionStartParams(
        idempotency_key="k",
        thread_id="t",
        provider=provider,
        runtime_mode="full-access",
        **more,
    )


def spec_of(known: Providers, params: SessionStartParams) -> SessionSpec:
    params, plan = known.prepare(params)
    spec = SessionSpec(
        thread_id="t", generation=1, provider=params.provider, mark=new_mark(), start=params
    )
    return known.complete(spec, plan)


def test_the_clients_options_lie_over_the_instances_over_the_manifests(tmp_path: Path) -> None:
    options = {"args": ["-z"], "env": {"C": "client"}}
    spec = spec_of(providers(tmp_path), start(options=options, provider_instance_id="work"))
    assert spec.start.options == {
        "command": "agent",
        "args": ["-z"],
        "env": {"A": "manifest", "B": "work", "C": "client"},
    }


def test_a_host_is_told_where_the_session_comes_from(tmp_path: Path) -> None:
    spec = spec_of(providers(tmp_path, providers={"mine": {"x": 1}}), start())
    assert (spec.module, spec.session_class) == ("sidecar.providers.acp.session", "AcpSession")
    assert spec.provider_settings == {"x": 1}
    assert (spec.instance_home, spec.base_env) == ("", {})


def test_an_instances_home_and_variables_are_in_the_environment(tmp_path: Path) -> None:
    spec = spec_of(providers(tmp_path), start(provider_instance_id="work"))
    home = str(tmp_path / "instances" / "work")
    assert spec.instance_home == home
    assert spec.base_env["HOME"] == home
    assert spec.base_env["XDG_CONFIG_HOME"] == f"{home}/.config"
    assert spec.base_env["KEY"] == "k"


def test_an_instance_may_be_named_by_the_models_selection(tmp_path: Path) -> None:
    selection = ModelSelection(model="m", instance_id="work")
    spec = spec_of(providers(tmp_path), start(model_selection=selection))
    assert spec.start.provider_instance_id == "work"
    both = start(model_selection=selection, provider_instance_id="other")
    with pytest.raises(ValidationFailed, match="'other', and its model instance 'work'"):
        with_instance(both)


def test_options_that_make_no_sense_are_left_to_the_provider(tmp_path: Path) -> None:
    spec = spec_of(providers(tmp_path), start(options={"env": "no map"}))
    assert spec.start.options is not None
    assert spec.start.options["env"] == "no map"


def test_a_list_has_instances_and_problems_in_it(tmp_path: Path) -> None:
    known = providers(tmp_path, agents={"mine": AGENT, "bad": {}})
    rows = known.listed(ProviderParams())
    assert [(r.provider, r.provider_instance_id) for r in rows][-3:] == [
        ("mine", None),
        ("mine", "work"),
        ("bad", None),
    ]
    only = known.listed(ProviderParams(provider="mine", provider_instance_id="work"))
    assert [r.provider_instance_id for r in only] == ["work"]
    with pytest.raises(ValidationFailed, match="needs the provider"):
        known.listed(ProviderParams(provider_instance_id="work"))
    with pytest.raises(ValidationFailed, match="no provider"):
        known.listed(ProviderParams(provider="nobody"))
    assert not (tmp_path / "instances").exists()  # a list makes nothing


async def test_an_instance_that_cannot_be_used_hides_no_other(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    twin = {"provider": "mine", "home": str(tmp_path / "home")}
    barred = {"provider": "mine", "home": str(tmp_path / "file" / "home")}
    instances = {"one": twin, "two": twin, "barred": barred}
    known = providers(tmp_path, instances=instances, env={"loginShell": False})
    for rows in (known.listed(ProviderParams(provider="mine")), await looked_at(known)):
        told = {r.provider_instance_id: r.reason or "" for r in rows}
        assert set(told) == {None, "one", "two", "barred"}
        assert "the same home" in told["one"]
        assert "the same home" in told["two"]
    assert "Cannot make the home" in told["barred"]


async def looked_at(known: Providers) -> list[ProviderStatus]:
    async def found(request: ProbeRequest) -> ProbeAnswer:
        return ProbeAnswer(finding={"installed": True})

    known._desk = ProbeDesk(found)
    return await known.status(ProviderParams(provider="mine"))


def test_the_home_of_the_providers_settings_is_no_instances(tmp_path: Path) -> None:
    settings = {"codexHome": "/home/me/.codex", "effort": "high"}
    for name in ("codex", "mine"):
        agents = {"mine": {"extends": "codex"}}
        work = {"provider": name}
        known = providers(
            tmp_path, agents=agents, providers={name: settings}, instances={"work": work}
        )
        assert known.plan(name, None).settings == settings
        assert known.plan(name, "work").settings == {"effort": "high"}


def test_a_probe_looks_at_what_a_session_would_use(tmp_path: Path) -> None:
    work = {"provider": "codex", "options": {"binaryPath": "/work/codex"}}
    settings = {"codex": {"binaryPath": "/own/codex", "effort": "high"}}
    known = providers(tmp_path, providers=settings, instances={"work": work})
    asked = known._request(known.plan("codex", "work"), "status").settings
    assert asked == {"binaryPath": "/work/codex", "effort": "high"}
    assert known._request(known.plan("codex", None), "status").settings == settings["codex"]


def test_sharing_follows_what_is_extended(tmp_path: Path) -> None:
    known = providers(tmp_path, agents={"mine": {"extends": "opencode"}})
    assert known.sharing_module("mine") == known.sharing_module("opencode")
    assert known.sharing_module("nobody") is None
