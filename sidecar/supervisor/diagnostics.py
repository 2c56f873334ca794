"""What diagnostics.get answers: the facts of a bundle (observe/bundle) but for its logs."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec

from sidecar.contract.limits import MIB
from sidecar.contract.methods import ProviderParams
from sidecar.journal.errors import JournalUnavailable
from sidecar.journal.inspect import inspect_journal
from sidecar.observe.metrics import Metrics
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.facts import below, disk, session_facts, versions
from sidecar.supervisor.recovery import journal_path
from sidecar.supervisor.runfile import read_run_file
from sidecar.supervisor.settings import redacted

SCAN_BYTES = 8 * MIB
"""Newest bodies that are counted: a tenth of a second, beside everything else."""

PROVIDER_FIELDS = ("provider", "displayName", "installed", "version", "auth", "reason")


async def diagnostics(
    shared: Shared, metrics: Metrics, counts: dict[str, int], thread_id: str | None
) -> dict[str, Any]:
    """Return the facts; of sessions only `thread_id` and those below it, unless None."""
    fold = shared.events.fold
    threads = None if thread_id is None else below(fold, thread_id)
    facts: dict[str, Any] = {
        "versions": versions(),
        "metrics": metrics.values(),
        "sessions": counts,
        "hosts": {"count": shared.hosts.count, "sparePid": shared.hosts.spare_pid},
        "sessionDetails": session_facts(fold, threads),
        "settings": msgspec.to_builtins(redacted(shared.settings)),
        "providers": _providers(shared),
    }
    facts |= await asyncio.to_thread(_from_disk, shared.data_dir)
    cleaned: dict[str, Any] = shared.log.clean_value(facts)
    return cleaned


def _providers(shared: Shared) -> list[dict[str, Any]]:
    rows = [msgspec.to_builtins(row) for row in shared.providers.listed(ProviderParams())]
    return [{name: row.get(name) for name in PROVIDER_FIELDS} for row in rows]


def _from_disk(data_dir: Path) -> dict[str, Any]:
    """Return what files tell. Blocks."""
    facts: dict[str, Any] = {"disk": disk(data_dir)}
    try:
        facts["run"] = read_run_file(data_dir)
    except (OSError, ValueError) as error:
        facts["run"] = {"error": str(error)}
    try:
        path = journal_path(data_dir)
        facts["journal"] = inspect_journal(path, scan_bytes=SCAN_BYTES, fold=False).facts
    except JournalUnavailable as error:
        facts["journal"] = {"error": str(error)}
    return facts
