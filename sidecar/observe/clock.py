"""The process's clocks and its randomness, in the forms that the pure rules are handed."""

import secrets
import time
from datetime import UTC, datetime

_NEVER_STOPS = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))
"""The clock that runs on while the machine sleeps: Linux and macOS have one of a name each."""


def utc_now() -> str:
    """Return the wall clock as the contract's date-time string, to the millisecond, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def unique_prefix() -> str:
    """Return 64 random bits in hex: the part of an id that no other process makes."""
    return secrets.token_hex(8)


def awake_and_asleep_s() -> float:
    """Return a monotonic clock that goes on while the machine sleeps, where the OS has one."""
    return time.monotonic() if _NEVER_STOPS is None else time.clock_gettime(_NEVER_STOPS)
