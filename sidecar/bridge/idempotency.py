"""The memory of calls that must run once (PROTOCOL §5, P5.3 to P5.6).

Owns what a key's state in the journal means for a call. Calls that still run are joined before they
come here (sidecar/bridge/calls). Never decides what a call does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from sidecar.bridge.backend import JournalView
from sidecar.bridge.bounds import COMMIT_S
from sidecar.bridge.outcome import Outcome, restore, store
from sidecar.contract.errors import OutcomeUnknown, Overloaded, ValidationFailed
from sidecar.journal.errors import JournalUnavailable
from sidecar.journal.types import Answered, Mismatch, RequestState, Unknown


class Key(NamedTuple):
    """What a key is unique within."""

    client_id: str
    method: str
    key: str


class Keys:
    """Runs a call under its key."""

    def __init__(self, journal: JournalView) -> None:
        self._journal = journal

    async def run(
        self, key: Key, fingerprint: bytes, call: Callable[[], Awaitable[Outcome]]
    ) -> Outcome:
        """Run `call` unless the key has its answer already; keep a final answer.

        The intent is committed before `call` starts. Raises ValidationFailed when the key was used
        with other params, OutcomeUnknown when the sidecar died under it, Overloaded when the
        journal takes no intent now.
        """
        match await self._begin(key, fingerprint):
            case Answered(answer):
                return restore(answer)
            case Mismatch():
                raise other_params(key)
            case Unknown():
                text = f"Cannot tell how {key.method} ended: the sidecar went down under it"
                raise OutcomeUnknown(text, method=key.method)
        # Fresh; or Running: an intent of this epoch whose call ended with "come again"
        outcome = await call()
        if outcome.final:
            await self._finish(key, outcome)
        return outcome

    async def _begin(self, key: Key, fingerprint: bytes) -> RequestState:
        try:
            async with asyncio.timeout(COMMIT_S):
                return await self._journal.begin_request(*key, fingerprint)
        except (TimeoutError, JournalUnavailable):
            state = self._journal.state
            text = f"Cannot call {key.method}: the journal takes no intent (it is {state})"
            raise Overloaded(text, journal=state) from None

    async def _finish(self, key: Key, outcome: Outcome) -> None:
        try:
            async with asyncio.timeout(COMMIT_S):
                await self._journal.finish_request(*key, store(outcome))
        except (TimeoutError, JournalUnavailable):
            return  # the answer goes out; a repeated key after a restart is `outcome_unknown`


def other_params(key: Key) -> ValidationFailed:
    """Return the error of a key that was used with other params."""
    text = f"Cannot call {key.method}: its idempotency key was used with other params"
    return ValidationFailed(text, method=key.method, issue="idempotencyKey")
