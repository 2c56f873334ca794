"""The ticks of a watchdog, and whether it has lived through the time between them."""

import asyncio

from sidecar.core.watch.gaps import Gaps
from sidecar.observe.clock import awake_and_asleep_s
from sidecar.observe.log import Log

TICK_LEAST_S = 0.02
TICK_MOST_S = 1.0
"""Between two looks of a watchdog: one costs a few microseconds a session."""


class Ticker:
    """Waits between the looks of one watchdog."""

    def __init__(self, name: str, log: Log) -> None:
        self._name = name
        self._log = log
        self._gaps = Gaps(awake_and_asleep_s())

    async def wait(self, pause_s: float) -> bool:
        """Wait; False when it took much longer: the machine slept, or this process did not run.

        The caller then counts everything anew.
        """
        pause_s = min(max(pause_s, TICK_LEAST_S), TICK_MOST_S)
        await asyncio.sleep(pause_s)
        gap_s = self._gaps.tick(awake_and_asleep_s(), pause_s)
        if gap_s:
            self._log.info("watch.gap", watchdog=self._name, gapMs=round(gap_s * 1000))
        return not gap_s
