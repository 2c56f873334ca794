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
    """Keep every window open, of hosts and of clients."""
    always = property(lambda _self: True)
    replace("sidecar.core.credit:CreditWindow.open", always)
    replace("sidecar.bridge.window:Window.open", always)


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
