"""Turns, and how their ends end everything else."""

from sidecar.contract.events import ProviderRefs
from sidecar.contract.events.turn import TurnCompleted, TurnStarted
from sidecar.core.conversation.asking import Asking
from sidecar.core.conversation.parts import ITEM_STATUS_AT_TURN_END, Ending, nonblank
from sidecar.core.conversation.tasks import Tasks
from sidecar.core.drafts import Draft


class Conversation(Asking, Tasks):
    """Tracks one session; every method returns the drafts that its call makes true, in order."""

    def begin_turn(
        self,
        turn_id: str,
        model: str | None = None,
        effort: str | None = None,
        refs: ProviderRefs | None = None,
    ) -> list[Draft]:
        """Start a turn. A running one is interrupted first; a used or blank id does nothing."""
        if (
            nonblank(turn_id) is None
            or self.turn_id == turn_id
            or self._closed.has("turn", turn_id)
        ):
            return []
        drafts = self.end_turn(Ending("interrupted", "superseded"))
        drafts += self._close_items("completed")
        self.turn_id = turn_id
        self._base = "ready"
        started = TurnStarted(model=nonblank(model), effort=nonblank(effort))
        drafts += self.say("turn.started", started, refs)
        return drafts + self._resettle()

    def end_turn(self, ending: Ending) -> list[Draft]:
        """End the running turn: requests resolved, items completed, turn.completed, state ready.

        Items that still waited for an answer are declined: they never ran. What is in the
        background stays open. Nothing without a turn.
        """
        if self.turn_id is None:
            return []
        held = {request.item_id for request in self.requests.values() if request.item_id}
        drafts = self._cancel_requests()
        drafts += self._close_items(ITEM_STATUS_AT_TURN_END[ending.state], held)
        payload = TurnCompleted(
            state=ending.state,
            stop_reason=nonblank(ending.stop_reason),
            usage=ending.usage,
            model_usage=ending.model_usage,
            total_cost_usd=ending.total_cost_usd,
            error_message=nonblank(ending.error_message),
        )
        drafts += self.say("turn.completed", payload)
        self._closed.add("turn", self.turn_id)
        self.turn_id = None
        return drafts + self._resettle()

    def _resettle(self) -> list[Draft]:
        """Say `waiting` again: a fold takes a turn's start for running, its end for ready."""
        if self.requests:
            self._announced = None
        return self._settle()
