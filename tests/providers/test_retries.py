"""That a request to the model is tried again is said, and is no progress of the turn.

Otherwise a model that is out of reach for good would never be a stall.
"""

import pytest

from sidecar.core.watch.stall import is_progress
from tests.providers.claude.talk import Talk as Claude
from tests.providers.codex.talk import Talk as Codex
from tests.providers.opencode.talk import Talk as OpenCode

SAID = {
    "claude": lambda: Claude().system("api_retry", attempt=1, max_retries=10, error="overloaded"),
    "codex": lambda: Codex().say("error", error={"message": "Reconnecting"}, willRetry=True),
    "opencode": lambda: OpenCode().say("session.status", status={"type": "retry", "attempt": 1}),
}


@pytest.mark.must("P4.24")
@pytest.mark.parametrize("provider", SAID)
def test_a_retry_is_said_and_is_no_progress(provider: str) -> None:
    events = SAID[provider]()
    assert [event.type for event in events] == ["runtime.warning"]
    assert not any(is_progress(event.type) for event in events)
