"""How the server is started: its command line, its environment, and the names that these use."""

import json
from pathlib import Path
from typing import Any, Final

from sidecar.contract.errors import ValidationFailed
from sidecar.contract.frames import SessionSpec
from sidecar.providers.base import ProviderCommand
from sidecar.providers.opencode import mcp
from sidecar.providers.opencode.options import DEFAULT_COMMAND, OpencodeOptions, asked
from sidecar.providers.shapes import a_map

PASSWORD_VARIABLE: Final = "OPENCODE_SERVER_PASSWORD"  # noqa: S105 - a variable's name

MARK_KEY: Final = "agentSidecarMark"
"""Under which a session's metadata hold its mark."""

_QUIET: Final[dict[str, str | None]] = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_SERVER_USERNAME": None,
    "OPENCODE_ENABLE_QUESTION_TOOL": "1",
}
"""An update would replace the program under its sessions; the user name is ours to know; questions
are left out for clients that opencode does not know."""


def working_directory(spec: SessionSpec) -> str:
    """Return the absolute directory to work in; the user's home by default.

    Raises ValidationFailed when it is none.
    """
    path = Path(spec.start.cwd) if spec.start.cwd else Path.home()
    if not path.is_absolute() or not path.is_dir():
        raise ValidationFailed(f"Cannot start OpenCode: cwd {path} is no absolute directory")
    return str(path)


def server_command(
    spec: SessionSpec, options: OpencodeOptions, password: str, plugin: str | None
) -> ProviderCommand:
    """Return what to run. The password is in the environment alone; no port is asked for by number.

    `--port 0` takes 4096 when that is free: the banner tells which it was.
    """
    argv = [
        options.command or DEFAULT_COMMAND,
        *options.args,
        "serve",
        *("--port", "0", "--hostname", "127.0.0.1"),
    ]
    layers: dict[str, str | None] = {**spec.base_env, **(spec.start.env or {}), **options.env}
    layers |= _QUIET
    layers[PASSWORD_VARIABLE] = password
    config = server_config(options, layers.get("OPENCODE_CONFIG_CONTENT"), plugin)
    if config:
        layers["OPENCODE_CONFIG_CONTENT"] = json.dumps(config)
    permission = asked(options, spec.start.runtime_mode)
    if permission:
        layers["OPENCODE_PERMISSION"] = json.dumps(permission)
    return ProviderCommand(argv=argv, cwd=working_directory(spec), env=layers)


def server_config(
    options: OpencodeOptions, inherited: str | None, plugin: str | None
) -> dict[str, Any]:
    """Return what is laid over the user's configuration: the client's, its MCP servers, our plugin.

    `inherited` is what the session's environment already has there. Raises ValidationFailed when
    that is no map.
    """
    try:
        config = json.loads(inherited) if inherited else {}
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise ValidationFailed("Cannot start OpenCode: OPENCODE_CONFIG_CONTENT is no JSON map")
    config |= options.config
    if options.mcp_servers:
        ours = {name: mcp.server_config(name, row) for name, row in options.mcp_servers.items()}
        config["mcp"] = {**a_map(config.get("mcp")), **ours}
    if plugin is not None:
        plugins = config.get("plugin")
        config["plugin"] = [*(plugins if isinstance(plugins, list) else []), plugin]
    return config
