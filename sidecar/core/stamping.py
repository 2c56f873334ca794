"""Giving a draft its identity: id, time, thread, provider, generation.

Pure: the id prefix (random, unique for ever) and the wall clock are handed in.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from sidecar.contract.events import Event
from sidecar.core.drafts import Draft


class Origin(msgspec.Struct, frozen=True):
    """Who speaks: one generation of one thread's session."""

    provider: str
    thread_id: str
    generation: int
    provider_instance_id: str | None = None


class Stamper:
    """Makes events of one origin. Ids are `<prefix>-<hex count>`."""

    def __init__(self, origin: Origin, prefix: str, now: Callable[[], str]) -> None:
        self._origin = origin
        self._prefix = prefix
        self._now = now
        self._count = 0

    def stamp(self, draft: Draft) -> Event[Any]:
        """Return the draft as an event."""
        self._count += 1
        origin = self._origin
        return Event(
            event_id=f"{self._prefix}-{self._count:x}",
            provider=origin.provider,
            thread_id=origin.thread_id,
            created_at=self._now(),
            type=draft.type,
            payload=draft.payload,
            generation=origin.generation,
            provider_instance_id=origin.provider_instance_id,
            turn_id=draft.turn_id,
            item_id=draft.item_id,
            request_id=draft.request_id,
            provider_refs=draft.refs,
            raw=draft.raw,
        )
