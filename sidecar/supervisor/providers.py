"""Providers as the supervisor sees them: what a start of one needs, and what is known of each.

Joins catalog, instances, environment and probes. Imports no provider's code.
"""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from sidecar.contract.errors import ValidationFailed
from sidecar.contract.frames import SessionSpec
from sidecar.contract.methods import ProviderParams, SessionStartParams
from sidecar.contract.probes import ProbeOp, ProbeRequest
from sidecar.contract.results import ModelList, ProviderStatus
from sidecar.core.environment import is_text
from sidecar.observe.log import Log
from sidecar.providers.base import Finding, ProviderInfo
from sidecar.providers.catalog import Catalog
from sidecar.providers.status import (
    NOT_LOOKED_AT,
    problem_status,
    provider_status,
    read_finding,
    read_models,
    unprobed,
)
from sidecar.supervisor.environment import Environment
from sidecar.supervisor.instances import Instance, Instances
from sidecar.supervisor.launch import HostLauncher
from sidecar.supervisor.probes import Found, Key, ProbeDesk, ProbeRunner
from sidecar.supervisor.settings import Settings

MODELS_TIMES = 2
"""For models a probe gets so many times the deadline of a status: some CLIs ask their vendor."""

LONGEST_S = 24.0
"""What a call waits for its probes, queue included: inside the 30 s of its method's deadline."""

SHELL_S = 5.0
"""What a probe waits for the login shell: without its PATH it would find nothing."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session of one provider and instance is started with, beside its own params."""

    info: ProviderInfo
    instance: Instance
    settings: Mapping[str, Any]

    def options(self, own: Mapping[str, Any] | None) -> dict[str, Any]:
        """Lay what the client asks for over what the instance and the manifest say.

        Of `env` each variable is laid over by itself, everything else as a whole.
        """
        layers = [self.info.options, self.instance.options, own or {}]
        merged = {key: value for layer in layers for key, value in layer.items()}
        envs = [layer["env"] for layer in layers if isinstance(layer.get("env"), Mapping)]
        if len(envs) > 1 and isinstance(merged.get("env"), Mapping):
            merged["env"] = {name: value for env in envs for name, value in env.items()}
        return merged

    def environment(self) -> dict[str, str]:
        """Return the variables that the instance adds: where its home is, then its own."""
        home = self.instance.home
        pointers = {
            variable: str(Path(home, folder)) if folder else home
            for variable, folder in (self.info.home_env.items() if home else ())
        }
        return {**pointers, **self.instance.env}


class Providers:
    """Use: start, then plan, spec, listed, status, models; stop."""

    def __init__(
        self, settings: Settings, data_dir: Path, launcher: HostLauncher, log: Log
    ) -> None:
        self._settings = settings
        self.catalog = Catalog(data_dir, settings.agents, log)
        self.instances = Instances(data_dir, settings.instances)
        self._runner = ProbeRunner(launcher, log)
        self.environment = Environment(settings.env, self._runner.run, log)
        self._desk = ProbeDesk(self._runner.run)

    def start(self) -> None:
        """Ask the login shell; nobody waits for it here. The launcher has been started."""
        self.environment.start()

    async def stop(self) -> None:
        """End every probe."""
        await self.environment.stop()
        await self._desk.stop()
        await self._runner.close()

    # Starting a session

    def plan(self, provider: str, instance_id: str | None) -> Plan:
        """Return what a start needs. Raises ValidationFailed for what there is not."""
        info = self.catalog.info(provider)
        return self._plan(info, instance_id, self.catalog.known())

    def _plan(self, info: ProviderInfo, instance_id: str | None, known: Collection[str]) -> Plan:
        instance = self.instances.find(info.name, instance_id, known)
        settings = self._settings.providers.get(info.name, {})
        if instance.home:
            settings = {k: v for k, v in settings.items() if k not in info.home_settings}
        return Plan(info, instance, settings)

    def prepare(self, params: SessionStartParams) -> tuple[SessionStartParams, Plan]:
        """Return a session's params, its instance named in them, and its plan; its home is made."""
        params = with_instance(params)
        plan = self.plan(params.provider, params.provider_instance_id)
        self.instances.make_home(plan.instance)
        return params, plan

    def complete(self, spec: SessionSpec, plan: Plan) -> SessionSpec:
        """Add to a session's spec what its plan says and what the environment is now."""
        options = plan.options(spec.start.options)
        return msgspec.structs.replace(
            spec,
            start=msgspec.structs.replace(spec.start, options=options or None),
            base_env={**self.environment.changes(), **plan.environment()},
            provider_settings=dict(plan.settings),
            instance_home=plan.instance.home,
            module=plan.info.module,
            session_class=plan.info.session_class,
            package_dir=plan.info.package_dir,
        )

    def sharing_module(self, provider: str) -> str | None:
        """Return the module that knows a provider's sharing key, if it shares hosts."""
        info = self.catalog.rows().get(provider)
        return info.sharing_module if info else None

    # What is known

    def listed(self, params: ProviderParams) -> list[ProviderStatus]:
        """Return what is known without looking: the rows, and what was last found of each."""
        plans, problems = self._asked(params)
        rows = [self._row(plan, self._remembered(plan, "status")) for plan in plans]
        return [*rows, *problems]

    async def status(self, params: ProviderParams) -> list[ProviderStatus]:
        """Look at what was asked for, all side by side; what comes too late is told as that."""
        await self.environment.known(SHELL_S)
        plans, problems = self._asked(params)
        rows = await asyncio.gather(
            *(self._looked_at(plan, refresh=params.refresh) for plan in plans)
        )
        return [*rows, *problems]

    async def models(self, params: ProviderParams) -> ModelList:
        """Return a provider's models. Raises ValidationFailed when none is named."""
        if params.provider is None:
            raise ValidationFailed("provider.models needs a provider: models belong to one")
        await self.environment.known(SHELL_S)
        plan = self.plan(params.provider, params.provider_instance_id)
        if plan.info.probe_module is None:
            return ModelList(models=[], reason="its models are known once a session is started")
        before = self._remembered(plan, "models")
        found = await self._find(plan, "models", refresh=params.refresh)
        if found is None:
            return ModelList(models=[], reason=f"no answer within {LONGEST_S:g} s; it goes on")
        if found.answer.models is None:
            last = before.answer.models if before else None
            return ModelList(models=read_models(last or []), reason=found.answer.error)
        return ModelList(models=read_models(found.answer.models))

    def _asked(self, params: ProviderParams) -> tuple[list[Plan], list[ProviderStatus]]:
        """Return the plans that the params mean, and rows for manifests that cannot be used."""
        rows, problems = self.catalog.rows(), self.catalog.known_problems()
        name, own = params.provider, params.provider_instance_id
        if name is not None and name in problems:
            return [], [problem_status(*problems[name])]
        if own is not None:
            if name is None:
                raise ValidationFailed("providerInstanceId needs the provider whose instance it is")
            return [self.plan(name, own)], []
        infos = list(rows.values()) if name is None else [self.catalog.info(name)]
        plans: list[Plan] = []
        bad: list[ProviderStatus] = []
        for info in infos:
            for instance in (None, *self.instances.of_provider(info.name)):
                try:
                    plans.append(self._plan(info, instance, rows))
                except ValidationFailed as error:
                    bad.append(_unusable(info, instance, error))
        return plans, [*bad, *(problem_status(*p) for p in problems.values() if name is None)]

    async def _looked_at(self, plan: Plan, *, refresh: bool) -> ProviderStatus:
        try:
            found = await self._find(plan, "status", refresh=refresh)
        except ValidationFailed as error:  # its home cannot be made
            return _unusable(plan.info, plan.instance.id, error)
        return self._row(plan, found, late=True)

    def _row(self, plan: Plan, found: Found | None, *, late: bool = False) -> ProviderStatus:
        name = plan.instance.display_name
        instance = plan.instance.id if plan.instance.id != plan.info.name else None
        if plan.info.probe_module is None:
            return provider_status(
                plan.info, unprobed(plan.info), instance=instance, instance_name=name
            )
        if found is None:
            reason = f"no answer within {LONGEST_S:g} s; it goes on" if late else NOT_LOOKED_AT
            finding = Finding(installed=False, reason=reason)
            return provider_status(plan.info, finding, instance=instance, instance_name=name)
        if found.answer.error is not None:
            finding = Finding(installed=False, reason=found.answer.error)
        else:
            finding = read_finding(found.answer.finding)
        return provider_status(
            plan.info,
            finding,
            instance=instance,
            instance_name=name,
            checked_at=_iso(found.wall_s),
        )

    def _remembered(self, plan: Plan, op: ProbeOp) -> Found | None:
        return self._desk.remembered(_key(plan, op), plan)

    async def _find(self, plan: Plan, op: ProbeOp, *, refresh: bool) -> Found | None:
        if plan.info.probe_module is None:
            return None
        self.instances.make_home(plan.instance)
        request = self._request(plan, op)
        return await self._desk.find(_key(plan, op), plan, request, LONGEST_S, refresh=refresh)

    def _request(self, plan: Plan, op: ProbeOp) -> ProbeRequest:
        env = {**self.environment.full(), **plan.environment()}
        own = {**plan.info.probe_settings, **plan.settings, **plan.options(None)}
        return ProbeRequest(
            op=op,
            deadline_ms=self._settings.probe_ms * (MODELS_TIMES if op == "models" else 1),
            provider=plan.info.name,
            module=plan.info.probe_module or "",
            probe_class=plan.info.probe_class or "",
            package_dir=plan.info.package_dir,
            settings=own,
            env={name: value for name, value in env.items() if is_text(value)},
            instance_home=plan.instance.home or None,
        )


def with_instance(params: SessionStartParams) -> SessionStartParams:
    """Take the instance from the model's selection when the start names none.

    Raises ValidationFailed when they name two.
    """
    selected = params.model_selection.instance_id if params.model_selection else None
    own = params.provider_instance_id
    if selected is None or selected == own:
        return params
    if own is not None:
        raise ValidationFailed(
            f"The session is to use instance {own!r}, and its model instance {selected!r}",
            providerInstanceId=own,
        )
    return msgspec.structs.replace(params, provider_instance_id=selected)


def _unusable(info: ProviderInfo, instance: str | None, error: ValidationFailed) -> ProviderStatus:
    """Return the row of an instance that cannot be used as it is set, beside those that can."""
    return provider_status(info, Finding(installed=False, reason=error.message), instance=instance)


def _key(plan: Plan, op: str) -> Key:
    return plan.info.name, plan.instance.id or "", op


def _iso(wall_s: float) -> str:
    stamp = datetime.fromtimestamp(wall_s, UTC).isoformat(timespec="milliseconds")
    return stamp.replace("+00:00", "Z")
