"""Start options of a Claude session, the same for both forms."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from sidecar.contract.base import NonBlank, Positive, Wire
from sidecar.contract.errors import ValidationFailed

PermissionMode = Literal["default", "acceptEdits", "plan", "auto", "dontAsk", "bypassPermissions"]
SettingSource = Literal["user", "project", "local"]


class Runner(Wire, frozen=True):
    """What to start instead of the CLI: a program that speaks as `forms` says.

    The glue gives it; it is never guessed. `env` is for what is no secret.
    """

    command: NonBlank
    args: list[str] = []  # noqa: RUF012 - msgspec copies an empty default
    env: dict[str, str] = {}  # noqa: RUF012 - the same


class ClaudeOptions(Wire, frozen=True):
    """What a client may set. `env` is for what is no secret: secrets go into the session's env.

    `command` is the CLI: a path, or a name that is looked for in the session's PATH. `args` are put
    behind ours on its command line. With `runner` the program of the CLI is handed to the runner
    as pathToClaudeCodeExecutable when `command` is given, and `args` are not used.
    """

    command: NonBlank | None = None
    args: list[str] = []  # noqa: RUF012 - the same
    env: dict[str, str] = {}  # noqa: RUF012 - the same
    runner: Runner | None = None
    permission_mode: PermissionMode | None = None
    fallback_model: NonBlank | None = None
    effort: NonBlank | None = None
    max_thinking_tokens: int | None = None
    max_turns: Positive | None = None
    system_prompt: NonBlank | None = None
    append_system_prompt: NonBlank | None = None
    additional_directories: list[NonBlank] = []  # noqa: RUF012 - the same
    allowed_tools: list[NonBlank] = []  # noqa: RUF012 - the same
    disallowed_tools: list[NonBlank] = []  # noqa: RUF012 - the same
    setting_sources: list[SettingSource] | None = None
    agents: dict[str, Any] | None = None
    mcp_servers: Any = None
    """In Claude's own shape, a map by name, or a list in ACP's (see `mcp`)."""
    strict_mcp_config: bool = False
    include_hook_events: bool = True


def read_options(settings: Mapping[str, Any], options: Mapping[str, Any] | None) -> ClaudeOptions:
    """Return the options of a start, laid over those of the settings.

    Raises ValidationFailed with the path of the bad one.
    """
    try:
        return msgspec.convert({**settings, **(options or {})}, ClaudeOptions)
    except msgspec.ValidationError as error:
        raise ValidationFailed(f"Cannot start Claude: option {error}") from None
