"""Picks the launcher that a setting and the platform ask for."""

from sidecar.observe.log import Log
from sidecar.process.platform import IS_LINUX
from sidecar.supervisor.launch.base import HostLauncher
from sidecar.supervisor.launch.exec_launcher import ExecLauncher
from sidecar.supervisor.launch.zygote_launcher import ZygoteLauncher
from sidecar.supervisor.launch.zygote_process import ZygoteHandle


def make_launcher(kind: str, handle: ZygoteHandle | None, log: Log | None = None) -> HostLauncher:
    """Return a launcher. `kind` is "zygote", "exec" or "auto" (zygote where there is one).

    `handle` is a zygote that was started in good time, if one was; one that `kind` has no use for
    is ended.
    """
    if kind == "zygote" or (kind == "auto" and IS_LINUX):
        return ZygoteLauncher(handle, log=log)
    if handle is not None:
        handle.close()
    return ExecLauncher(log=log)
