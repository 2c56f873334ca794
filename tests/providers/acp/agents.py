"""Sessions with a pretended ACP agent that is a process, and what a client answers."""

from typing import Any

from sidecar.contract.methods import (
    RespondToRequestParams,
)
from sidecar.providers.acp.deadlines import Deadlines
from sidecar.providers.acp.session import AcpSession
from tests.providers.context import FakeContext, fake, spec


def agent(*tricks: str, deadlines: Deadlines | None = None, **fields: Any) -> AcpSession:
    """Return a session whose agent does `tricks`."""
    options = fake("acp_agent.py", *tricks) | fields.pop("options", {})
    return AcpSession(FakeContext(spec(options=options, **fields)), deadlines)


def answer(request_id: str, decision: Any, option_id: str | None = None) -> RespondToRequestParams:
    return RespondToRequestParams(
        idempotency_key="k",
        thread_id="t",
        request_id=request_id,
        decision=decision,
        option_id=option_id,
    )
