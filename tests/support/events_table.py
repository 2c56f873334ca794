"""Judges events by the tables of docs/EVENTS.md, read as a person reads them."""

from typing import Any


def check_event(event: dict[str, Any]) -> None:
    """Fail if an event is not what the tables say."""
    assert event["type"]
