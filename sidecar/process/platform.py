"""Picks the one module that speaks for this operating system.

`os_` has, on every platform: key_of, info_of, children_of, every_process, environment_of,
owner_of, send_signal, reap, set_subreaper, set_parent_death_signal, tagger, tag_of, limit_heap,
heap_bytes, heap_limit_restorer and SUBREAPER.
"""

import os
import signal
import sys
from typing import TYPE_CHECKING

NEVER_RUN_HERE: list[str] = [
    "sidecar.process.posix: macOS and other Unixes (spawn, tree kill, sampling by psutil)",
    "sidecar.process.windows: Windows (spawn, tree kill, sampling by psutil)",
    "sidecar.process.cgroup where a kernel ends something by it (no memory controller in v2 here)",
    "sidecar.process.jobs: Windows job objects (a host's kill-on-close and limit of memory)",
    "sidecar.process.shims: Windows command shims (their texts are tested, as npm writes them)",
    "sidecar.process.loginshell on macOS, and with zsh, fish, tcsh (tested with bash and dash)",
    "sidecar.supervisor.launch.exec_launcher on macOS and Windows (on Linux it is tested)",
]
"""What was written but never run on its platform; `doctor` prints it."""

IS_LINUX = sys.platform == "linux"

SIGKILL = getattr(signal, "SIGKILL", signal.SIGTERM)
"""Windows knows one way to end a process, and its module uses that."""

if TYPE_CHECKING or IS_LINUX:
    from sidecar.process import linux as os_
elif os.name == "posix":
    from sidecar.process import posix as os_
else:
    from sidecar.process import windows as os_

key_of = os_.key_of

__all__ = ["IS_LINUX", "NEVER_RUN_HERE", "SIGKILL", "key_of", "os_"]
