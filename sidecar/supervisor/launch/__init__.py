"""Launching hosts: by zygote on Linux, by exec elsewhere. Who launches also learns of the end.

Names are imported when they are first used: `zygote_process` runs before asyncio is imported.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sidecar.supervisor.launch.base import HostExit, HostLauncher, HostProcess
    from sidecar.supervisor.launch.choice import make_launcher
    from sidecar.supervisor.launch.exec_launcher import ExecLauncher
    from sidecar.supervisor.launch.zygote_launcher import ZygoteLauncher
    from sidecar.supervisor.launch.zygote_process import ZygoteHandle, start_zygote

_HOME_OF = {
    "ExecLauncher": "exec_launcher",
    "HostExit": "base",
    "HostLauncher": "base",
    "HostProcess": "base",
    "ZygoteHandle": "zygote_process",
    "ZygoteLauncher": "zygote_launcher",
    "make_launcher": "choice",
    "start_zygote": "zygote_process",
}

__all__ = [
    "ExecLauncher",
    "HostExit",
    "HostLauncher",
    "HostProcess",
    "ZygoteHandle",
    "ZygoteLauncher",
    "make_launcher",
    "start_zygote",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
