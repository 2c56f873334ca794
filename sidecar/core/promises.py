"""Turns that a client was told of, and of which no event has come yet. Pure.

A host's answer overtakes its events where it has no credit. If the host then dies, the turn's
beginning dies with it, and who waits for its end would wait for ever: so its start and its end are
said when the generation is closed.
"""

from collections import deque
from collections.abc import Iterable

import msgspec

STARTED_KEPT = 64
"""Turns whose start is remembered until their answer comes: a provider queues at most 8."""


class _TurnOf(msgspec.Struct):
    turn_id: str | None = msgspec.field(name="turnId", default=None)


_DECODER = msgspec.msgpack.Decoder(_TurnOf)


class Promises:
    """The turns of one generation."""

    def __init__(self) -> None:
        self._started: deque[str] = deque(maxlen=STARTED_KEPT)
        self._open: dict[str, None] = {}

    @property
    def open(self) -> tuple[str, ...]:
        """Turns that were promised and have not begun, in the order of their answers."""
        return tuple(self._open)

    def answered(self, turn_id: object) -> None:
        """Note that a call was answered with a turn."""
        if isinstance(turn_id, str) and turn_id not in self._started:
            self._open[turn_id] = None

    def heard(self, events: Iterable[tuple[str, bytes]]) -> None:
        """Take events, (type, body) each; bodies were decoded strictly before."""
        for event_type, body in events:
            if event_type == "turn.started" and (turn := _DECODER.decode(body).turn_id):
                self._started.append(turn)
                self._open.pop(turn, None)
