"""What a host is told of a session that it is to open."""

from typing import Any

from sidecar.contract.frames import SessionSpec
from sidecar.contract.methods import SessionStartParams
from sidecar.core.stamping import Origin
from sidecar.process import new_mark
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.providers import Plan


def session_spec(
    shared: Shared, origin: Origin, start: SessionStartParams, plan: Plan, resume_cursor: Any
) -> SessionSpec:
    """Return the spec of one generation, with a mark of its own."""
    spec = SessionSpec(
        thread_id=origin.thread_id,
        generation=origin.generation,
        provider=origin.provider,
        mark=new_mark(),
        start=start,
        provider_instance_id=origin.provider_instance_id,
        resume_cursor=resume_cursor,
        data_dir=str(shared.data_dir),
        raw=shared.settings.raw,
    )
    return shared.providers.complete(spec, plan)
