"""What an ACP agent may be started with: command, login, declared quirks, MCP servers.

A manifest hands the same map in as a client's `options` do, so every key here is a key of both.
"""

from typing import Any, TypeVar

import msgspec

from sidecar.contract.base import NonBlank, Wire
from sidecar.contract.errors import ValidationFailed

O = TypeVar("O", bound=Wire)  # noqa: E741 - a type variable for options

FAILURE_TEXTS = 32
"""Beginnings that a manifest may declare as failures; real agents have one or two."""


class AcpQuirks(Wire, frozen=True, forbid_unknown_fields=True):
    """What is known of an agent that no message of it tells. Everything else follows from shapes.

    An unknown name is refused: a quirk that is spelled wrong would be silently without effect.
    """

    no_load: bool = False
    """It says that it can load or resume sessions, and never can: no cursor, and no attempt."""
    no_files: bool = False
    """It misuses the client's files (fs/…), so they are not offered to it."""
    no_terminals: bool = False
    """It misuses the client's terminals (terminal/…), so they are not offered to it."""
    failure_texts: list[NonBlank] = []  # noqa: RUF012 - msgspec copies an empty default
    """How a failure begins that it reports as a normal answer: such a turn has failed."""


class AcpOptions(Wire, frozen=True):
    """The start options. `env` is for what is no secret: secrets go into the session's env."""

    command: NonBlank | None = None
    args: list[str] = []  # noqa: RUF012 - msgspec copies an empty default
    env: dict[str, str] = {}  # noqa: RUF012 - the same
    auth_method: NonBlank | None = None
    """Which of the agent's authMethods to log in with, each time it starts."""
    auth_hint: NonBlank | None = None
    """How a person logs in, in words: shown when the agent wants a login."""
    quirks: AcpQuirks = AcpQuirks()
    mcp_servers: list[Any] = []  # noqa: RUF012 - the same
    """MCP servers in ACP's own shape (see `mcp`)."""


def read_options(options: dict[str, Any] | None) -> AcpOptions:
    """Return the options. Raises ValidationFailed with the path of the bad one."""
    return convert_options(options, AcpOptions)


def convert_options(options: dict[str, Any] | None, type_: type[O]) -> O:
    """Return the options as `type_`. Raises ValidationFailed with the path of the bad one."""
    try:
        read = msgspec.convert(options or {}, type_)
    except msgspec.ValidationError as error:
        raise ValidationFailed(f"Cannot start the agent: option {error}") from None
    quirks = getattr(read, "quirks", None)
    if isinstance(quirks, AcpQuirks) and len(quirks.failure_texts) > FAILURE_TEXTS:
        raise ValidationFailed(f"Cannot start the agent: over {FAILURE_TEXTS} failureTexts")
    return read
