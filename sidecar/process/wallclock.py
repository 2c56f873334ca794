"""When a process was created, in the wall clock's terms: for people, never for identity."""

import os

import psutil

from sidecar.process.identity import ProcessKey
from sidecar.process.platform import IS_LINUX


def created_at_s(key: ProcessKey) -> float:
    """Return seconds since 1970, as psutil's create_time says it."""
    if IS_LINUX:
        return psutil.boot_time() + key.create_time / os.sysconf("SC_CLK_TCK")
    return key.create_time
