"""Fifty sessions at once, each a hundred deltas of 1 KB, 10 ms apart: every event, in order.

No threshold of time here: the figures are printed, and `build.py bench` has them as rows.
"""

import argparse

from tests.bench.load import measure

OPTIONS = argparse.Namespace(sessions=50, count=100, delay_ms=10, bytes=1024, command=None)


async def test_fifty_sessions_lose_nothing_and_keep_their_order() -> None:
    result = await measure(OPTIONS)
    print(result)
    assert result["deltas"] > 0
    assert result["failed"] == []
    assert (result["lost"], result["doubled"], result["outOfOrder"]) == (0, 0, 0)
