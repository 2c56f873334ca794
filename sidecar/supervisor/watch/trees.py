"""Samples of sessions' processes as the rules of core/watch see them."""

import asyncio
from collections.abc import Iterable

from sidecar.core.watch.idle import Process, Tree, tree_of
from sidecar.process import ProcessSample
from sidecar.supervisor.sampling import sample_sessions
from sidecar.supervisor.session import Session
from sidecar.supervisor.vitals import Vitals


async def look_at_trees(sessions: Iterable[Session]) -> dict[Vitals, Tree]:
    """Return the tree of each generation that runs still when all have been sampled."""
    asked = [(s, s.vitals, s.lodging) for s in sessions]
    lodgings = {s.thread_id: lodging for s, _, lodging in asked if lodging is not None}
    if not lodgings:
        return {}
    samples = await asyncio.to_thread(sample_sessions, lodgings)
    return {
        vitals: tree_of(_processes(samples.get(s.thread_id, [])), vitals.ages)
        for s, vitals, lodging in asked
        if lodging is not None and vitals is not None and s.vitals is vitals
    }


def _processes(samples: Iterable[ProcessSample]) -> list[Process]:
    return [Process(s.name, s.cpu_ms, s.age_s, s.waited_cpu_ms) for s in samples]
