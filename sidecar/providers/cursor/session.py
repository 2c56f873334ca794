"""A session with Cursor's CLI, which speaks ACP with extensions of its own.

Start options are those of ACP; `command` and `args` only for a CLI that is not where it should be.
"""

import os
from typing import Any, Final

import msgspec

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.acp.extension import Extension
from sidecar.providers.acp.handshake import Handshake
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.acp.options import AcpOptions, read_options
from sidecar.providers.acp.session import AcpSession
from sidecar.providers.base import ProviderCommand
from sidecar.providers.cursor.command import LOGIN_HINT, NOT_INSTALLED, find_cli, search_path
from sidecar.providers.cursor.mapping import CursorExtension

LOGIN_METHOD: Final = "cursor_login"


class CursorSession(AcpSession):
    """An AcpSession with Cursor's command, login and extensions."""

    def read_options(self, options: dict[str, Any] | None) -> AcpOptions:
        """Return the start options, with Cursor's own hint for the login."""
        found = read_options(options)
        hint = found.auth_hint or LOGIN_HINT
        return msgspec.structs.replace(found, auth_hint=hint)

    def command(self) -> ProviderCommand:
        """Return `cursor-agent acp`, or what the options or an older version make of it."""
        spec = self.context.spec
        layers = (self._options.env, spec.start.env or {}, spec.base_env, os.environ)
        path = search_path(*(dict(layer) for layer in layers))
        cli = find_cli(path, self._options.command)
        if cli is None:
            raise ProviderProcessFailed(NOT_INSTALLED)
        own_args = self._options.args
        argv = [cli.program, *own_args] if own_args else cli.call("acp")
        return ProviderCommand(argv=argv, cwd=self.cwd(), env=dict(self._options.env))

    def auth_method(self, handshake: Handshake) -> str | None:
        """Return Cursor's login when it is on offer: it answers at once if there is an account."""
        offered = LOGIN_METHOD if LOGIN_METHOD in handshake.auth_methods else None
        return self._options.auth_method or offered

    def client_meta(self) -> dict[str, Json]:
        """Ask for a model's parameters as config options."""
        return {"parameterizedModelPicker": True}

    def extension(self, mapping: AcpMapping) -> Extension | None:
        """Return the mapping of `cursor/…`."""
        return CursorExtension(mapping)
