"""Which providers there are, by name, without importing any of their packages.

Owns the names and the lazy import. Never starts anything.
"""

import importlib

from sidecar.contract.errors import ValidationFailed
from sidecar.providers.base import ProviderInfo, ProviderSession, SessionContext

_ACP_CAPABILITIES = {
    **ProviderInfo.CAPABILITY_DEFAULTS,
    "sessionModelSwitch": "in-session",
    "supportsFileChangeApproval": True,
    "resume": "basic",
    "attachments": "basic",
    "mcpConfig": "basic",
}

PROVIDERS: dict[str, ProviderInfo] = {
    info.name: info
    for info in (
        ProviderInfo(
            name="acp",
            display_name="ACP agent",
            module="sidecar.providers.acp.session",
            session_class="AcpSession",
            capabilities=_ACP_CAPABILITIES,
        ),
        ProviderInfo(
            name="cursor",
            display_name="Cursor",
            module="sidecar.providers.cursor.session",
            session_class="CursorSession",
            capabilities={**_ACP_CAPABILITIES, "supportsUserInput": True},
            probe_module="sidecar.providers.cursor.probe",
            probe_class="CursorProbe",
        ),
        ProviderInfo(
            name="demo",
            display_name="Demo agent",
            module="sidecar.providers.demo.session",
            session_class="DemoSession",
            capabilities={**_ACP_CAPABILITIES, "attachments": "none", "resume": "full"},
        ),
    )
}
"""Every provider that is built in."""


def provider_info(name: str) -> ProviderInfo:
    """Return what is known of a provider. Raises ValidationFailed for an unknown name."""
    info = PROVIDERS.get(name)
    if info is None:
        known = sorted(PROVIDERS)
        raise ValidationFailed(
            f"There is no provider {name!r}; known are {', '.join(known)}",
            provider=name,
            known=known,
        )
    return info


def create_session(name: str, context: SessionContext) -> ProviderSession:
    """Import the provider's package and make a session of it; nothing is started yet."""
    info = provider_info(name)
    session_class = getattr(importlib.import_module(info.module), info.session_class)
    session: ProviderSession = session_class(context)
    return session
