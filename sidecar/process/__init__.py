"""The operating system: spawn, stdio, exits, tree kill, marks, sampling.

One module a platform (linux, posix, windows) behind `platform.os_`. Identity of a process is
`(pid, create_time)`. Never knows a provider, a session or a protocol.

Names are imported when they are first used: the zygote is started before asyncio is imported.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    from sidecar.process.platform import NEVER_RUN_HERE, key_of
    from sidecar.process.reaper import OrphanReaper
    from sidecar.process.sampling import ProcessSample, sample_tree
    from sidecar.process.stop import (
        Ladder,
        Rung,
        StopReport,
        stop_session_tree,
        stop_tree,
    )
    from sidecar.process.sweeping import SweepReport, sweep

_HOMES = {
    "census": ("everything_below", "is_alive", "kill_until_empty"),
    "child": ("Child",),
    "commands": ("is_frozen", "own_command", "own_environment", "provider_environment"),
    "identity": ("Exit", "ProcessInfo", "ProcessKey"),
    "marks": ("MARKS_VARIABLE", "marks_in", "new_mark", "with_mark"),
    "platform": ("NEVER_RUN_HERE", "key_of"),
    "reaper": ("OrphanReaper",),
    "sampling": ("ProcessSample", "sample_tree"),
    "stop": ("Ladder", "Rung", "StopReport", "stop_session_tree", "stop_tree"),
    "sweeping": ("SweepReport", "sweep"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

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


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)
