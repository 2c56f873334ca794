"""Sabotages of what supervises sessions."""

import asyncio
from dataclasses import replace as replace_field
from typing import Any

from tests.scorecard.sabotage.patching import patch, replace

LATE_S = 1.5
"""How long an old generation lives beside the next one."""


def _nothing(*_arguments: Any, **_more: Any) -> None:
    """Stand in for what is disabled."""


def no_restart() -> None:
    """Leave down what fell."""
    replace("sidecar.core.supervision.intensity:wants_restart", lambda *_: False)


def no_ledger() -> None:
    """Forget the open requests of a session that ends."""

    def closing(before: Any) -> Any:
        def without_requests(session: Any, facts: Any) -> Any:
            forgotten = ("request.resolved", "user-input.resolved")
            return [draft for draft in before(session, facts) if draft.type not in forgotten]

        return without_requests

    patch("sidecar.core.closing:closing_drafts", closing)


def no_turn_end() -> None:
    """Leave the cut turn of a session that ends without an end."""

    def closing(before: Any) -> Any:
        def without_turn(session: Any, facts: Any) -> Any:
            return [d for d in before(session, facts) if d.type != "turn.completed"]

        return without_turn

    patch("sidecar.core.closing:closing_drafts", closing)


def no_backoff() -> None:
    """Restart at once, however often."""

    def decide(before: Any) -> Any:
        def without_pause(self: Any, *arguments: Any) -> Any:
            decision = before(self, *arguments)
            return (
                replace_field(decision, delay_s=0.0) if hasattr(decision, "delay_s") else decision
            )

        return without_pause

    patch("sidecar.core.supervision.intensity:RestartIntensity.decide", decide)


def no_intensity() -> None:
    """Restart for ever."""

    def decide(before: Any) -> Any:
        def without_end(self: Any, *arguments: Any) -> Any:
            self._max_restarts = 1_000_000
            return before(self, *arguments)

        return without_end

    patch("sidecar.core.supervision.intensity:RestartIntensity.decide", decide)


def no_fence() -> None:
    """Let the next generation begin while what the last one has started is alive."""

    def seat_end(_before: Any) -> Any:
        async def first_of_both(self: Any, seat: Any) -> Any:
            host_end = asyncio.create_task(seat.host_end())
            exited = asyncio.create_task(self._exited.wait())
            await asyncio.wait({host_end, exited}, return_when=asyncio.FIRST_COMPLETED)
            exited.cancel()
            return host_end.result() if host_end.done() else None

        return first_of_both

    def stop_tree(before: Any) -> Any:
        async def stop_late(*arguments: Any, **more: Any) -> Any:
            from sidecar.process.stop import StopReport  # noqa: PLC0415 - after the patches

            _late.add(asyncio.create_task(_after(LATE_S, before(*arguments, **more))))
            return StopReport()

        return stop_late

    def close(before: Any) -> Any:
        async def stay(self: Any) -> None:
            self._flush()
            await asyncio.gather(*_late)
            await before(self)

        return stay

    patch("sidecar.supervisor.generation:Generation._seat_end", seat_end)
    patch("sidecar.process.stop:stop_session_tree", stop_tree)
    patch("sidecar.host.channel:HostChannel.close", close)


_late: set[asyncio.Task[None]] = set()


async def _after(pause_s: float, work: Any) -> None:
    await asyncio.sleep(pause_s)
    await work


def no_stall_watch() -> None:
    """Look for no turn that stands still."""
    replace("sidecar.supervisor.watch.stall:Stalls.look", _nothing)


def no_budget() -> None:
    """Count memory, and do nothing about it."""
    replace("sidecar.supervisor.watch.memory:MemoryWatch._carry_out", _nothing)


def no_beats() -> None:
    """Ask no host whether it turns."""
    replace("sidecar.supervisor.watch.beats:HostBeats.look", _nothing)


def no_isolation() -> None:
    """Have all sessions live in one host."""

    def wish(_self: Any, *_arguments: Any, **_more: Any) -> Any:
        from sidecar.core.placement import Wish  # noqa: PLC0415 - after the patches

        return Wish("packed", 1000)

    replace("sidecar.core.placement:PlacementRules.wish", wish)


def no_cascade() -> None:
    """Stop and interrupt parents alone, and let their children run when they fall."""
    replace("sidecar.core.supervision.orders:stop_order", lambda _parents, *roots: list(roots))


def no_order() -> None:
    """Stop parents before their children."""

    def stop(before: Any) -> Any:
        async def children_last(self: Any, member: Any, _first: Any, due: Any, _turn: Any) -> Any:
            from sidecar.supervisor.kin.cascade import ExitTurn  # noqa: PLC0415 - see above

            await asyncio.sleep(LATE_S if member.parent is not None else 0.0)
            return await before(self, member, [], due, ExitTurn(None, 0.0))

        return children_last

    patch("sidecar.supervisor.kin.cascade:Cascade._stop", stop)


def no_owner() -> None:
    """Leave to nobody what session code raises where nobody awaits it."""
    replace("sidecar.host.faults:watch_faults", _nothing)


def no_correlation() -> None:
    """Leave out of log lines whose they are."""
    replace("sidecar.core.correlation:cid_of", lambda *_: None)
