"""Which providers there are, by name, without importing any of their packages.

Owns the names and the lazy import. Never starts anything.
"""

import importlib
import os
import sys
from pathlib import Path
from typing import Any

from sidecar.contract.errors import ProviderProcessFailed, ValidationFailed
from sidecar.providers.base import ProviderInfo, ProviderSession, SessionContext

_ACP_CAPABILITIES = {
    **ProviderInfo.CAPABILITY_DEFAULTS,
    "sessionModelSwitch": "in-session",
    "supportsFileChangeApproval": True,
    "resume": "basic",
    "attachments": "basic",
    "mcpConfig": "basic",
}

ACP_HOME_ENV = {
    "HOME": "",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
    **(
        {"USERPROFILE": "", "APPDATA": "AppData/Roaming", "LOCALAPPDATA": "AppData/Local"}
        if sys.platform == "win32"
        else {}
    ),
}
"""Where an instance of an agent of which nothing else is known keeps what it keeps."""

_AGENT_CAPABILITIES = {
    **ProviderInfo.CAPABILITY_DEFAULTS,
    "sessionModelSwitch": "in-session",
    "supportsUserInput": True,
    "supportsFileChangeApproval": True,
    "resume": "full",
    "subagents": "full",
    "attachments": "basic",
    "mcpConfig": "full",
}
"""What agents can whose own protocol we speak."""

PROVIDERS: dict[str, ProviderInfo] = {
    info.name: info
    for info in (
        ProviderInfo(
            name="acp",
            display_name="ACP agent",
            module="sidecar.providers.acp.session",
            session_class="AcpSession",
            capabilities=_ACP_CAPABILITIES,
            home_env=ACP_HOME_ENV,
        ),
        ProviderInfo(
            name="claudeAgent",
            display_name="Claude",
            module="sidecar.providers.claude.session",
            session_class="ClaudeSession",
            capabilities=_AGENT_CAPABILITIES,
            probe_module="sidecar.providers.claude.probe",
            probe_class="ClaudeProbe",
            home_env={"CLAUDE_CONFIG_DIR": ""},
        ),
        ProviderInfo(
            name="codex",
            display_name="Codex",
            module="sidecar.providers.codex.session",
            session_class="CodexSession",
            capabilities={**_AGENT_CAPABILITIES, "supportsRollback": True},
            probe_module="sidecar.providers.codex.probe",
            probe_class="CodexProbe",
            home_settings=("codexHome",),
        ),
        ProviderInfo(
            name="cursor",
            display_name="Cursor",
            module="sidecar.providers.cursor.session",
            session_class="CursorSession",
            capabilities={**_ACP_CAPABILITIES, "supportsUserInput": True},
            probe_module="sidecar.providers.cursor.probe",
            probe_class="CursorProbe",
            home_env=ACP_HOME_ENV,
        ),
        ProviderInfo(
            name="demo",
            display_name="Demo agent",
            module="sidecar.providers.demo.session",
            session_class="DemoSession",
            capabilities={**_ACP_CAPABILITIES, "attachments": "none", "resume": "full"},
            home_env=ACP_HOME_ENV,
        ),
        ProviderInfo(
            name="opencode",
            display_name="OpenCode",
            module="sidecar.providers.opencode.session",
            session_class="OpencodeSession",
            capabilities={**_AGENT_CAPABILITIES, "supportsRollback": True},
            probe_module="sidecar.providers.opencode.probe",
            probe_class="OpencodeProbe",
            home_env={
                "XDG_CACHE_HOME": "cache",
                "XDG_CONFIG_HOME": "config",
                "XDG_DATA_HOME": "data",
                "XDG_STATE_HOME": "state",
            },
            sharing_module="sidecar.providers.opencode.sharing",
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


def sharing_module(name: str) -> str | None:
    """Return the module that tells which sessions of a provider share a host, if it has one.

    Of those that are built in alone: the supervisor runs nobody else's code.
    """
    info = PROVIDERS.get(name)
    return info.sharing_module if info else None


def create_session(name: str, context: SessionContext) -> ProviderSession:
    """Import the provider's package and make a session of it; nothing is started yet.

    Raises ProviderProcessFailed for a drop-in that cannot be imported.
    """
    spec = context.spec
    if spec.module:
        session_class = load_class(spec.module, spec.session_class, spec.package_dir)
    else:
        info = provider_info(name)
        session_class = load_class(info.module, info.session_class, info.package_dir)
    session: ProviderSession = session_class(context)
    return session


def load_class(module: str, name: str, package_dir: str = "") -> Any:
    """Import a provider's class, a drop-in's from its own folder.

    In hosts and probes alone: the supervisor runs no provider code. The folder goes to the end of
    the path, so that a drop-in shadows nothing. Raises ProviderProcessFailed when what a drop-in
    brings cannot be imported, for whatever reason.
    """
    if package_dir and package_dir not in sys.path:
        sys.path.append(package_dir)
    try:
        found = importlib.import_module(module)
        if package_dir and not _is_from(found, package_dir):
            raise ImportError(f"{module} is already the name of another module")
        return getattr(found, name)
    except Exception as error:
        if not package_dir:
            raise
        raise ProviderProcessFailed(
            f"Cannot import {name} of {module} from {package_dir}: {error!r}", module=module
        ) from error


def _is_from(module: Any, package_dir: str) -> bool:
    """Tell whether a drop-in's module is its own, or one of this program that it may use."""
    file = getattr(module, "__file__", None) or ""
    own = Path(os.path.realpath(file)).is_relative_to(os.path.realpath(package_dir))
    return own or module.__name__.partition(".")[0] == "sidecar"
