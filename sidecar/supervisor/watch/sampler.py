"""Samples the memory and CPU time of everything below the supervisor, whose it is included.

Runs only while a session lives, in a thread, so that the loop never waits for /proc. Owns the
samples; what follows from them is for the watchdogs.
"""

from collections.abc import Callable, Mapping

from sidecar.core.watch.usage import Usage
from sidecar.observe.log import Log
from sidecar.supervisor.deps import Shared


class Sampler:
    """A watchdog's eyes. `latest` is what the last look found, by thread."""

    name = "sampler"

    def __init__(self, shared: Shared, log: Log) -> None:
        self._shared = shared
        self._log = log
        self.latest: Mapping[str, Usage] = {}
        """By thread, of every generation that runs; empty while none does."""

        self.total_rss_bytes = 0
        """Supervisor, zygote, hosts and all that is below them."""

        self.looks = 0
        """Full looks since the start."""

        self._listeners: list[Callable[[], None]] = []

    def on_look(self, listener: Callable[[], None]) -> None:
        """Have `listener` called in the loop after each full look; it must be quick."""
        self._listeners.append(listener)

    async def run(self) -> None:
        """Look, and look again, while there is a session."""
        raise NotImplementedError
