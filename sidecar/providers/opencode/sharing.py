"""Which OpenCode sessions may share one server: those that would start the very same one.

Pure and light: the supervisor calls it to decide which host a session goes to.
"""

import hashlib
import json
from typing import Any

from sidecar.contract.frames import SessionSpec
from sidecar.providers.opencode.options import asked, read_options


def sharing_key(spec: SessionSpec) -> str:
    """Return the key of the server that the session needs; it tells nothing of what is in it.

    Raises ValidationFailed for bad options.
    """
    options = read_options(spec.provider_settings, spec.start.options)
    needs: dict[str, Any] = {
        "instance": [spec.provider_instance_id, spec.instance_home],
        "program": [options.command, options.args],
        "cwd": spec.start.cwd,
        "config": options.config,
        "mcp": options.mcp_servers,
        "asked": asked(options, spec.start.runtime_mode),
        "idle": options.idle_ms,
        "env": [spec.base_env, spec.start.env or {}, options.env],
    }
    text = json.dumps(needs, sort_keys=True, default=repr)
    return "opencode-" + hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]
