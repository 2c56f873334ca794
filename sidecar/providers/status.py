"""What can be said of each provider without starting it: provider.list and provider.status.

The two built-in providers need no probe: `demo` is part of this program, and `acp` runs whatever
command a session names.
"""

import msgspec

from sidecar import __version__
from sidecar.contract.results import Capabilities, ProviderStatus
from sidecar.providers.base import ProviderInfo
from sidecar.providers.registry import PROVIDERS, provider_info


def provider_statuses(name: str | None) -> list[ProviderStatus]:
    """Return one provider, or all. Raises ValidationFailed for an unknown name."""
    infos = [provider_info(name)] if name is not None else list(PROVIDERS.values())
    return [_status(info) for info in infos]


def _status(info: ProviderInfo) -> ProviderStatus:
    built_in = info.name == "demo"
    return ProviderStatus(
        provider=info.name,
        display_name=info.display_name,
        installed=True,
        auth="ok" if built_in else "unknown",
        capabilities=msgspec.convert(dict(info.capabilities), Capabilities),
        version=__version__ if built_in else None,
        reason=None if built_in else "runs the command that session.start names",
    )
