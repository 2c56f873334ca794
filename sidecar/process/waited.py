"""The pids that somebody in this process waits for: whoever adopts orphans leaves these alone.

Holds numbers alone; a pid is entered while the process that has it is our child or about to be.
"""

_waited_for: set[int] = set()


def register(pid: int) -> None:
    """Say that somebody waits for this child; no reaper will take its status."""
    _waited_for.add(pid)


def unregister(pid: int) -> None:
    """Say that nobody waits for this child any more."""
    _waited_for.discard(pid)


def is_waited_for(pid: int) -> bool:
    """Tell whether somebody waits for this child."""
    return pid in _waited_for
