"""The process's clocks and its randomness, in the forms that the pure rules are handed."""

import secrets
from datetime import UTC, datetime


def utc_now() -> str:
    """Return the wall clock as the contract's date-time string, to the millisecond, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def unique_prefix() -> str:
    """Return 64 random bits in hex: the part of an id that no other process makes."""
    return secrets.token_hex(8)
