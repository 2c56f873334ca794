"""Start options of a Codex session, and how a runtime mode is said in Codex's words. Pure."""

from typing import Any, Final

import msgspec

from sidecar.contract.base import NonBlank, Positive, Wire
from sidecar.contract.errors import ValidationFailed
from sidecar.contract.methods import SessionStartParams
from sidecar.contract.vocabulary import ApprovalPolicy, RuntimeMode, SandboxMode


class CodexOptions(Wire, frozen=True):
    """What a client may set.

    `binaryPath` a program, or a name that is looked for in the session's PATH. `codexHome` the
    directory of account, settings and history (CODEX_HOME). `config` overrides of config.toml for
    this thread. `reconnectMs` how long a turn may go without progress once Codex has said that it
    cannot reach its model. `env` is for what is no secret: secrets go into the session's env.
    """

    binary_path: NonBlank | None = None
    codex_home: NonBlank | None = None
    env: dict[str, str] = {}  # noqa: RUF012 - msgspec copies an empty default
    effort: NonBlank | None = None
    service_tier: NonBlank | None = None
    personality: NonBlank | None = None
    base_instructions: NonBlank | None = None
    developer_instructions: NonBlank | None = None
    config: dict[str, Any] = {}  # noqa: RUF012 - the same
    reconnect_ms: Positive | None = None


class Rights(msgspec.Struct, frozen=True):
    """What Codex may do without asking, in its words."""

    approval_policy: str
    sandbox: str
    reviewer: str = "user"


_RIGHTS: Final[dict[RuntimeMode, Rights]] = {
    "approval-required": Rights("untrusted", "read-only"),
    "auto-accept-edits": Rights("on-request", "workspace-write"),
    "auto": Rights("on-request", "workspace-write", "auto_review"),
    "full-access": Rights("never", "danger-full-access"),
}
"""`untrusted` asks before each command that is not known to be harmless; in `read-only` a command
that needs more is asked for as well. `auto` leaves questions to Codex's own reviewer."""

_POLICIES: Final[dict[ApprovalPolicy, str]] = {"on-failure": "on-request"}
"""Policies that Codex no longer has, with what comes closest."""


def read_options(settings: dict[str, Any], options: dict[str, Any] | None) -> CodexOptions:
    """Return the options of a start, laid over those of the settings.

    Raises ValidationFailed with the path of the bad one.
    """
    try:
        return msgspec.convert({**settings, **(options or {})}, CodexOptions)
    except msgspec.ValidationError as error:
        raise ValidationFailed(f"Cannot start Codex: option {error}") from None


def rights_of(start: SessionStartParams) -> Rights:
    """Return the rights of a start: its runtime mode's, but for what it says itself."""
    rights = _RIGHTS[start.runtime_mode]
    policy, sandbox = rights.approval_policy, rights.sandbox
    if start.approval_policy is not None:
        policy = policy_in_codex(start.approval_policy)
    if start.sandbox_mode is not None:
        sandbox = start.sandbox_mode
    return Rights(policy, sandbox, rights.reviewer)


def policy_in_codex(policy: ApprovalPolicy) -> str:
    """Return an approval policy in Codex's words."""
    return _POLICIES.get(policy, policy)


def sandbox_policy(mode: SandboxMode) -> dict[str, Any]:
    """Return a sandbox mode as settings of a running thread want it."""
    names = {
        "read-only": "readOnly",
        "workspace-write": "workspaceWrite",
        "danger-full-access": "dangerFullAccess",
    }
    return {"type": names[mode]}
