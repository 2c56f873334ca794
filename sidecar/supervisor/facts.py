"""Facts about a sidecar that are no secret: what diagnostics.get tells, and a bundle holds.

Values only; nothing that was said, no paths of projects, no titles.
"""

import os
import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

from sidecar import __version__
from sidecar.core.fold import Fold
from sidecar.core.fold.state import SessionFold
from sidecar.process import is_frozen

FILES = 200
"""Entries of a data dir that are told."""


def versions() -> dict[str, Any]:
    """Return what this build is and what it runs on."""
    return {
        "sidecar": __version__,
        "frozen": is_frozen(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "platform": platform.platform(),
        "kernel": platform.release(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
    }


def disk(data_dir: Path) -> dict[str, Any]:
    """Return the room on the disks in use, and what the data dir holds at its top."""
    return {
        "dataDir": _room(data_dir),
        "temporary": _room(Path(tempfile.gettempdir())),
        "files": dict(sorted(_sizes(data_dir).items())[:FILES]),
    }


def _room(path: Path) -> dict[str, Any]:
    try:
        usage = shutil.disk_usage(path)
    except OSError as error:
        return {"path": str(path), "error": str(error)}
    return {"path": str(path), "totalBytes": usage.total, "freeBytes": usage.free}


def _sizes(folder: Path) -> dict[str, int]:
    sizes = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            try:
                name = f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name
                sizes[name] = entry.stat(follow_symlinks=False).st_size
            except OSError:
                continue  # it went while we looked
    return sizes


def session_facts(fold: Fold, threads: Collection[str] | None = None) -> list[dict[str, Any]]:
    """Return each session's state: ids, numbers and what is open; nothing of what was said."""
    found = []
    for thread_id in fold.thread_ids():
        session = fold.session(thread_id)
        if session is not None and (threads is None or thread_id in threads):
            found.append(_session(session))
    return found


def _session(session: SessionFold) -> dict[str, Any]:
    turn = session.turn
    return {
        "threadId": session.thread_id,
        "provider": session.provider,
        "providerInstanceId": session.provider_instance_id,
        "generation": session.generation,
        "state": session.state,
        "exited": session.exited,
        "parent": session.parent,
        "createdAt": session.created_at,
        "updatedAt": session.updated_at,
        "runtimeMode": session.runtime_mode,
        "resumable": session.resume_cursor is not None,
        "failedLast": session.last_error is not None,
        "turn": None if turn is None else {"turnId": turn.turn_id, "startedAt": turn.started_at},
        "openItems": [
            {"itemId": item_id, "itemType": item.item_type, "turnId": item.turn_id}
            for item_id, item in session.open_items()
        ],
        "openRequests": [
            {"requestId": request_id, "type": asked.type, "turnId": asked.turn_id}
            for request_id, asked in session.requests.items()
        ],
        "tasks": [
            {name: task.get(name) for name in ("taskId", "status", "agentId", "parentAgentId")}
            for task in session.tasks.values()
        ],
    }


def below(fold: Fold, root: str) -> set[str]:
    """Return a session and all below it."""
    parents = {
        thread_id: session.parent
        for thread_id in fold.thread_ids()
        if (session := fold.session(thread_id)) is not None
    }
    found = {root}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found
