"""The operating system: spawn, stdio, exits, tree kill, marks, sampling.

One module a platform (linux, posix, windows) behind `platform.os_`. Identity of a process is
`(pid, create_time)`. Never knows a provider, a session or a protocol.
"""

from sidecar.process.census import everything_below, is_alive, kill_until_empty
from sidecar.process.child import Child
from sidecar.process.commands import (
    is_frozen,
    own_command,
    own_environment,
    provider_environment,
)
from sidecar.process.identity import Exit, ProcessInfo, ProcessKey
from sidecar.process.marks import MARKS_VARIABLE, marks_in, new_mark, with_mark
from sidecar.process.pipes import TailReader
from sidecar.process.platform import NEVER_RUN_HERE, os_
from sidecar.process.reaper import OrphanReaper
from sidecar.process.sampling import ProcessSample, sample_tree
from sidecar.process.stop import (
    Ladder,
    Rung,
    StopReport,
    stop_session_tree,
    stop_tree,
)
from sidecar.process.sweep import SweepReport, sweep

key_of = os_.key_of

__all__ = [
    "MARKS_VARIABLE",
    "NEVER_RUN_HERE",
    "Child",
    "Exit",
    "Ladder",
    "OrphanReaper",
    "ProcessInfo",
    "ProcessKey",
    "ProcessSample",
    "Rung",
    "StopReport",
    "SweepReport",
    "TailReader",
    "everything_below",
    "is_alive",
    "is_frozen",
    "key_of",
    "kill_until_empty",
    "marks_in",
    "new_mark",
    "own_command",
    "own_environment",
    "provider_environment",
    "sample_tree",
    "stop_session_tree",
    "stop_tree",
    "sweep",
    "with_mark",
]
