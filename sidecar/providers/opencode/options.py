"""Start options of an OpenCode session, and what its server is run with.

Sessions share a server when all that it is started with is the same: see `sharing`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from sidecar.contract.base import Count, NonBlank, Wire
from sidecar.contract.errors import ValidationFailed
from sidecar.contract.vocabulary import RuntimeMode

DEFAULT_COMMAND = "opencode"

RETRIES = 4
"""Retries of one model request that are waited for. OpenCode never gives up by itself and waits 2,
4, 8 … s in between, so this is half a minute; then the turn fails with what the model's server
said. A user who wants to wait out a rate limit sets `maxRetries`."""

IDLE_MS = 30_000
"""How long a server stays up without a session: the next one starts in 0.1 s instead of 2.5, at
the price of 350 MB."""

_ASKED = ("bash", "edit", "webfetch", "websearch", "codesearch", "external_directory", "doom_loop")
"""What OpenCode does unasked unless it is told to ask, or denies when nobody is there to ask."""


class OpencodeOptions(Wire, frozen=True):
    """What a client may set. `env` is for what is no secret: secrets go into the session's env.

    `command` is the program: a path, or a name that is looked for in the session's PATH; `args`
    stand between it and `serve`. `config` is laid over the user's opencode.json, `mcpServers` in
    its shape (`{name: {type: local, command: […]} | {type: remote, url}}`) over its `mcp`.
    `permission` replaces what is asked in the modes that ask, in the shape of opencode.json.
    """

    command: NonBlank | None = None
    args: list[str] = []  # noqa: RUF012 - msgspec copies an empty default
    env: dict[str, str] = {}  # noqa: RUF012 - the same
    config: dict[str, Any] = {}  # noqa: RUF012 - the same
    mcp_servers: dict[str, Any] = {}  # noqa: RUF012 - the same
    permission: dict[str, Any] | None = None
    agent: NonBlank | None = None
    variant: NonBlank | None = None
    max_retries: Count = RETRIES
    idle_ms: Count = IDLE_MS


def read_options(settings: Mapping[str, Any], options: Mapping[str, Any] | None) -> OpencodeOptions:
    """Return the options of a start, laid over those of the settings.

    Raises ValidationFailed with the path of the bad one.
    """
    try:
        return msgspec.convert({**settings, **(options or {})}, OpencodeOptions)
    except msgspec.ValidationError as error:
        raise ValidationFailed(f"Cannot start OpenCode: option {error}") from None


def asked(options: OpencodeOptions, mode: RuntimeMode) -> dict[str, Any]:
    """Return the permissions that the server asks for; {} leaves it to the user's own config.

    It is the server that asks, not the session: rules of a session do not reach its sub-agents.
    """
    if mode in ("auto", "full-access"):
        return {}
    if options.permission is not None:
        return options.permission
    names = (*_ASKED, *(f"{name}_*" for name in options.mcp_servers))
    return dict.fromkeys(names, "ask")
