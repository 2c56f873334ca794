"""What the bridge's methods do: one function a method, on the supervisor's parts.

The bridge has already checked the params and the order of requests; a handler returns the result
without `at`, which the bridge stamps.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from sidecar.contract.errors import LimitExceeded, SidecarError, ValidationFailed
from sidecar.contract.limits import (
    ATTACHMENT_BYTES,
    ATTACHMENTS,
    ATTACHMENTS_TOTAL_BYTES,
    INPUT_CHARS,
)
from sidecar.contract.methods import (
    METHODS,
    InterruptParams,
    NoParams,
    OptionalThreadParams,
    ProviderParams,
    SendTurnParams,
    SessionRestartParams,
    SessionStartParams,
    SessionStopParams,
    ShutdownParams,
    ThreadParams,
)
from sidecar.contract.results import (
    DiagnosticsResult,
    Done,
    MetricsResult,
    ModelList,
    ProviderList,
    SessionList,
    SessionResult,
    StopAllResult,
    Tree,
)
from sidecar.contract.snapshot import SessionSnapshot, SessionView
from sidecar.core.tree import tree_nodes
from sidecar.observe.metrics import Metrics
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.diagnostics import diagnostics
from sidecar.supervisor.sampling import Lodging, sample_sessions
from sidecar.supervisor.supervisor import Supervisor

Handler = Callable[[Any], Awaitable[Any]]


class Handlers:
    """The methods of the bridge that are not the bridge's own."""

    def __init__(
        self,
        supervisor: Supervisor,
        shared: Shared,
        metrics: Metrics,
        shutdown: Callable[[float | None], None],
    ) -> None:
        self._supervisor = supervisor
        self._shared = shared
        self._metrics = metrics
        self._shutdown = shutdown
        self._own: dict[str, Handler] = {
            "session.start": self._start,
            "session.restart": self._restart,
            "session.stop": self._stop,
            "session.interrupt": self._interrupt,
            "session.stopAll": self._stop_all,
            "session.get": self._get,
            "session.list": self._list,
            "tree.get": self._tree,
            "provider.list": self._provider_list,
            "provider.status": self._provider_status,
            "provider.models": self._models,
            "metrics.get": self._metrics_get,
            "diagnostics.get": self._diagnostics,
            "sidecar.shutdown": self._shut_down,
        }

    async def call(self, method: str, params: Any) -> Any:
        """Carry a method out. Raises SidecarError."""
        own = self._own.get(method)
        if own is not None:
            return await own(params)
        if isinstance(params, SendTurnParams):
            check_turn(params)
        spec = METHODS[method]
        return await self._supervisor.call(method, params.thread_id, params, spec.deadline_s)

    async def _start(self, params: SessionStartParams) -> SessionResult:
        if params.coalesce_ms is None and self._shared.settings.coalesce_ms:
            coalesce_ms = self._shared.settings.coalesce_ms
            params = msgspec.structs.replace(params, coalesce_ms=coalesce_ms)
        return _result(await self._supervisor.start(params))

    async def _restart(self, params: SessionRestartParams) -> SessionResult:
        return _result(await self._supervisor.restart(params.thread_id))

    async def _stop(self, params: SessionStopParams) -> Done:
        deadline_s = None if params.deadline_ms is None else params.deadline_ms / 1000
        await self._supervisor.stop(params.thread_id, deadline_s, cascade=params.cascade)
        return Done()

    async def _interrupt(self, params: InterruptParams) -> Any:
        deadline_s = METHODS["session.interrupt"].deadline_s
        return await self._supervisor.interrupt(params, deadline_s)

    async def _stop_all(self, _params: NoParams) -> StopAllResult:
        return StopAllResult(stopped=await self._supervisor.stop_all(None))

    async def _get(self, params: ThreadParams) -> SessionView:
        return _view(self._supervisor.view(params.thread_id))

    async def _list(self, _params: NoParams) -> SessionList:
        sessions = self._shared.events.fold.snapshot(None).sessions.values()
        return SessionList(sessions=[_view(s) for s in sessions])

    async def _tree(self, params: OptionalThreadParams) -> Tree:
        if params.thread_id is not None:
            self._supervisor.session(params.thread_id)
        state = self._shared.events.fold.snapshot(None)
        lodgings: dict[str, Lodging] = {}
        self._supervisor.each(
            lambda s: lodgings.update({s.thread_id: s.lodging} if s.lodging else {})
        )
        samples = await asyncio.to_thread(sample_sessions, lodgings)
        return Tree(nodes=tree_nodes(state, samples, params.thread_id))

    async def _provider_list(self, params: ProviderParams) -> ProviderList:
        return ProviderList(providers=self._shared.providers.listed(params))

    async def _provider_status(self, params: ProviderParams) -> ProviderList:
        return ProviderList(providers=await self._shared.providers.status(params))

    async def _models(self, params: ProviderParams) -> ModelList:
        return await self._shared.providers.models(params)

    async def _metrics_get(self, _params: NoParams) -> MetricsResult:
        return MetricsResult(metrics=self._metrics.values())

    async def _diagnostics(self, params: OptionalThreadParams) -> DiagnosticsResult:
        counts = self._supervisor.counts()
        facts = await diagnostics(self._shared, self._metrics, counts, params.thread_id)
        if params.thread_id is not None:
            facts["session"] = msgspec.to_builtins(
                _view(self._supervisor.view(params.thread_id)), builtin_types=(bytes,)
            )
        return DiagnosticsResult(diagnostics=facts)

    async def _shut_down(self, params: ShutdownParams) -> Done:
        self._shutdown(params.deadline_ms / 1000 if params.deadline_ms is not None else None)
        return Done()


def check_turn(params: SendTurnParams) -> None:
    """Hold the bounds of a turn. Raises LimitExceeded and ValidationFailed."""
    attachments = params.attachments or []
    if params.input is None and not attachments:
        raise ValidationFailed("A turn needs an input or an attachment", threadId=params.thread_id)
    sizes = [len(a.data or b"") for a in attachments]
    checks: tuple[tuple[bool, str, int], ...] = (
        (len(params.input or "") > INPUT_CHARS, "input characters", INPUT_CHARS),
        (len(attachments) > ATTACHMENTS, "attachments", ATTACHMENTS),
        (max(sizes, default=0) > ATTACHMENT_BYTES, "bytes of an attachment", ATTACHMENT_BYTES),
        (sum(sizes) > ATTACHMENTS_TOTAL_BYTES, "attachment bytes", ATTACHMENTS_TOTAL_BYTES),
    )
    for broken, what, limit in checks:
        if broken:
            raise LimitExceeded(f"The turn is over the bound of {limit} {what}", limit=limit)
    for attachment in attachments:
        if (attachment.data is None) == (attachment.path is None):
            problem: SidecarError = ValidationFailed(
                "An attachment has either data or a path", threadId=params.thread_id
            )
            raise problem


def _view(session: SessionSnapshot) -> SessionView:
    return msgspec.convert(session, SessionView, from_attributes=True)


def _result(session: SessionSnapshot) -> SessionResult:
    return msgspec.convert(session, SessionResult, from_attributes=True)
