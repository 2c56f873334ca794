"""Samples of sessions' processes as the rules of core/watch see them."""

import asyncio
import os
from collections.abc import Iterable

from sidecar.core.watch.idle import Ages, Process, Tree, tree_of
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
        vitals: tree_of(_processes(samples.get(s.thread_id, [])), _ages(vitals))
        for s, vitals, lodging in asked
        if lodging is not None and vitals is not None and s.vitals is vitals
    }


def _ages(vitals: Vitals) -> Ages:
    return Ages(vitals.age_s, vitals.turn_age_s)


def _processes(samples: Iterable[ProcessSample]) -> list[Process]:
    return [Process(s.name, s.cpu_ms, s.age_s, _session_of(s.key.pid)) for s in samples]


def _session_of(pid: int) -> int:
    """Return the operating system's session of a process; 0 where there are none, or it ended."""
    try:
        return os.getsid(pid) if hasattr(os, "getsid") else 0
    except OSError:
        return 0
