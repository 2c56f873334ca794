"""The log's lines about a connection's requests: asked, answered, failed. Never their contents.

Each line has the correlation of what the request is about and `message`, the client's own
number of it: so a line of the client's log and one of ours are told to be the same call.
"""

from collections.abc import Callable
from typing import Any

from sidecar.bridge.backend import Backend
from sidecar.contract.errors import ErrorBody
from sidecar.contract.methods import METHODS
from sidecar.core.bucket import Bucket
from sidecar.observe.log import Log

OWN_FAULTS = ("internal", "provider_request", "provider_process", "outcome_unknown")
"""Errors that somebody has to look at; the others tell a client what it cannot have."""


LINES_PER_S = 50.0
LINES_BURST = 500
"""A client that repeats a bad request in a loop does not get to own the log."""


class CallLog:
    """Writes one line when a request is taken and one when it is answered.

    What only reads is told at level debug: a client may ask for a tree each second.
    """

    def __init__(self, backend: Backend, log: Log, clock: Callable[[], float]) -> None:
        self._backend = backend
        self._log = log
        self._clock = clock
        self._budget = Bucket(LINES_PER_S, LINES_BURST, clock())
        self._left_out = 0

    def asked(self, number: int, method: str, params: Any) -> dict[str, Any]:
        """Tell that a request is on its way; returns what `answered` is to be given."""
        about = self._backend.correlation(params)._asdict() | {"method": method, "message": number}
        self._write("info" if _changes(method) else "debug", "call.asked", about)
        return about

    def answered(self, about: dict[str, Any], error: ErrorBody | None) -> None:
        """Tell how a request ended."""
        if error is None:
            level = "info" if _changes(about["method"]) else "debug"
            self._write(level, "call.answered", about)
        else:
            level = "warning" if error.key in OWN_FAULTS else "info"
            self._write(level, "call.failed", about | {"error": error.key})

    def refused(self, number: int, method: str, error: ErrorBody) -> None:
        """Tell of a request that was not taken."""
        about = {"method": method[:100], "message": number, "error": error.key}
        self._write("info", "call.refused", about)

    def _write(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if level != "debug" and not self._budget.take(1, self._clock()):
            self._left_out += 1
            return
        if self._left_out:
            self._log.warning("call.lines-left-out", lines=self._left_out)
            self._left_out = 0
        self._log.write(level, event, **fields)


def _changes(method: str) -> bool:
    spec = METHODS.get(method)
    return spec is None or spec.mutating
