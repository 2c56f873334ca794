"""What provider.list, provider.status and provider.models answer, made of what probes found.

Pure: rows and findings in, results out. A probe's words are not trusted: what does not fit is left
out, and nothing blank gets through.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.contract.base import NonBlank
from sidecar.contract.results import Capabilities, Model, ProviderStatus
from sidecar.core.conversation import nonblank
from sidecar.providers.base import Finding, ProviderInfo

MODELS_MAX = 2_000
"""OpenCode with every vendor configured lists some hundreds."""

REASON_CHARS = 2_000

NOT_LOOKED_AT = "not looked at yet: provider.status looks"


def unprobed(info: ProviderInfo) -> Finding:
    """Return what is known of a provider that has no probe."""
    if info.name == "demo":
        return Finding(installed=True, auth="ok", version=__version__)
    if info.name == "acp":
        return Finding(installed=True, reason="runs the command that session.start names")
    return Finding(installed=True, reason="nothing is known before a session is started")


def read_finding(value: Any) -> Finding:
    """Return a probe's finding; one that does not fit is a finding too."""
    try:
        return msgspec.convert(value, Finding, strict=False)
    except msgspec.ValidationError as error:
        return Finding(installed=False, reason=f"its probe's answer does not fit: {error}")


def provider_status(
    info: ProviderInfo,
    finding: Finding,
    *,
    instance: str | None = None,
    instance_name: str | None = None,
    checked_at: str | None = None,
) -> ProviderStatus:
    """Return one row of provider.list."""
    shown = info.display_name + (f" ({instance_name or instance})" if instance else "")
    return ProviderStatus(
        provider=info.name,
        display_name=shown,
        installed=finding.installed,
        auth=finding.auth,
        capabilities=msgspec.convert(dict(info.capabilities), Capabilities),
        version=_words(finding.version),
        path=_words(finding.path),
        reason=_words(finding.reason),
        provider_instance_id=instance,
        account=finding.account,
        checked_at=checked_at,
    )


def problem_status(name: str, where: str, reason: str) -> ProviderStatus:
    """Return the row of a manifest that cannot be used."""
    return ProviderStatus(
        provider=name,
        display_name=name,
        installed=False,
        auth="unknown",
        capabilities=Capabilities(),
        reason=_words(f"{where}: {reason}"),
    )


def read_models(values: Iterable[Any]) -> list[Model]:
    """Return those of a probe's models that are models, each slug once."""
    models: dict[str, Model] = {}
    for value in values:
        try:
            model = msgspec.convert(value, Model)
        except msgspec.ValidationError:
            continue
        models.setdefault(model.slug, model)
        if len(models) >= MODELS_MAX:
            break
    return list(models.values())


def _words(text: str | None) -> NonBlank | None:
    return nonblank(text[:REASON_CHARS]) if text else None
