"""The watchdog over idle sessions, where it is met by a bound."""

from typing import Any, cast

import pytest

from sidecar.core.fold import Fold
from sidecar.core.watch.idle import Idle
from sidecar.observe.log import Log
from sidecar.supervisor.session import Session
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.watch import idle as module
from sidecar.supervisor.watch.idle import IdleSessions
from tests.support.folding import event, fold_of


class Parkable:
    """A session that may be parked."""

    thread_id = "t1"

    def __init__(self) -> None:
        self.parked = 0

    def park(self, _reason: str, _detail: dict[str, Any]) -> bool:
        self.parked += 1
        return True


def parks(fold: Fold) -> int:
    """Return how often a session is parked that was found idle."""
    session = Parkable()
    watch = IdleSessions(fold, cast(Supervisor, None), 0, Log())
    watch._park(cast(Session, session), Idle(0.0), 10.0, 5.0)
    return session.parked


def test_nobody_is_parked_while_as_many_are_as_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PARKED_MAX", 1)
    said = {"state": "stopped", "detail": {"kind": "parked"}}
    parked = event("session.state.changed", said, threadId="other")
    fold = fold_of([parked, event("session.exited", {}, threadId="other")])
    assert parks(Fold()) == 1
    assert parks(fold) == 0
