"""Whether this machine has room for a host that only waits."""

import os
from pathlib import Path

from sidecar.contract.limits import MIB

FREE_BYTES = 512 * MIB
"""Memory that must be free: a host that waits has 2.5 MB of its own, but who runs short of
memory must not find that we have taken the last of it."""

FREE_FDS = 64
"""Descriptors that this process must have left: the host needs three of them."""


def has_room() -> bool:
    """Tell whether a host may wait; False where nobody can tell."""
    try:
        return _free_fds() >= FREE_FDS and _free_bytes() >= FREE_BYTES
    except (OSError, ValueError, ImportError):
        return False


def _free_fds() -> int:
    import resource  # noqa: PLC0415 - there is none on Windows

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return soft - len(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names are enough


def _free_bytes() -> int:
    """Return what the kernel could give without swapping."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    raise ValueError("no MemAvailable")
