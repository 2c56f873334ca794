"""Start options of an ACP session: `command`, `args`, `env`, `authMethod`."""

from typing import Any

import msgspec

from sidecar.contract.base import NonBlank, Wire
from sidecar.contract.errors import ValidationFailed


class AcpOptions(Wire, frozen=True):
    """What a client may set. `env` is for what is no secret: secrets go into the session's env."""

    command: NonBlank | None = None
    args: list[str] = []  # noqa: RUF012 - msgspec copies an empty default
    env: dict[str, str] = {}  # noqa: RUF012 - the same
    auth_method: NonBlank | None = None


def read_options(options: dict[str, Any] | None) -> AcpOptions:
    """Return the options. Raises ValidationFailed with the path of the bad one."""
    try:
        return msgspec.convert(options or {}, AcpOptions)
    except msgspec.ValidationError as error:
        raise ValidationFailed(f"Cannot start the agent: option {error}") from None
