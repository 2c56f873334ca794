"""Sabotages of what carries events."""

import asyncio
from typing import Any

from tests.scorecard.sabotage.patching import patch, replace


def no_drain() -> None:
    """Take the agent's end for the end of what it said."""

    def on_exit(before: Any) -> Any:
        def ended(self: Any, exit_: Any) -> None:
            before(self, exit_)
            self._stdout.close()

        return ended

    patch("sidecar.process.child:Child._on_exit", on_exit)


def no_credit() -> None:
    """Keep the windows of clients open."""
    replace("sidecar.bridge.window:Window.open", property(lambda _self: True))


def no_host_credit() -> None:
    """Keep the windows of hosts open."""

    def still_counted(self: Any) -> bool:
        credit = self._credit
        return bool(credit.unacked < credit._credit)

    replace("sidecar.bridge.window:Window.open", property(still_counted))
    replace("sidecar.core.credit:CreditWindow.open", property(lambda _self: True))


COMMIT_AFTER_S = 3.0


def no_commit() -> None:
    """Show events as soon as they are appended; write them down some seconds later."""

    def append(before: Any) -> Any:
        def shown_first(self: Any, rows: Any) -> int:
            put = self._writer.put
            loop = asyncio.get_running_loop()
            self._writer.put = lambda job: loop.call_later(COMMIT_AFTER_S, put, job)
            try:
                seq: int = before(self, rows)
            finally:
                self._writer.put = put
            loop.call_soon(self._move_head, seq)
            return seq

        return shown_first

    patch("sidecar.journal.journal:Journal.append", append)


def no_replay() -> None:
    """Begin each stream with what comes next, wherever its client was."""

    def at_the_head(journal: Any, _resume: Any) -> Any:
        from sidecar.bridge.stream import Start  # noqa: PLC0415 - after the patches

        return Start(journal.head)

    replace("sidecar.bridge.resume:decide_start", at_the_head)


def no_dedupe() -> None:
    """Take each request for a new one, whatever its key."""

    async def fresh(_self: Any, *_arguments: Any) -> Any:
        from sidecar.journal.types import Fresh  # noqa: PLC0415 - after the patches

        return Fresh()

    replace("sidecar.bridge.idempotency:Keys._begin", fresh)


def no_mute() -> None:
    """Take what an agent repeats of its history for news."""

    def fate(before: Any) -> Any:
        def keep(phase: Any, *, is_content: bool) -> Any:
            from sidecar.providers.acp.phases import Fate, Phase  # noqa: PLC0415 - see above

            return Fate.HOLD if phase is Phase.LOADING else before(phase, is_content=is_content)

        return keep

    patch("sidecar.providers.acp.phases:fate", fate)
    replace("sidecar.providers.acp.hearing:Hearing._is_stale", lambda _self: False)
