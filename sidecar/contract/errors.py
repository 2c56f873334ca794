"""The error tree. One root with machine fields; the wire form comes from the class.

SidecarError
├── InvalidRequest        −32600  the message has the wrong shape
├── MethodNotFound        −32601
├── InvalidParams         −32602  params do not fit the method's Struct
├── InternalError         −32603  a defect of ours
├── Overloaded            −32001  too many open requests, or no room (retryable)
├── NotInitialised        −32002  a request before hello
├── Cancelled             −32800  given up by `cancel` or by a stop
├── SessionNotFound       −32010  ┐
├── SessionClosed         −32011  │ the five adapter errors
├── ProviderRequestFailed −32012  │ of docs/EVENTS.md
├── ProviderProcessFailed −32013  │
├── ValidationFailed      −32014  ┘
├── Unsupported           −32015
├── StaleGeneration       −32016
├── LimitExceeded         −32017
├── ShuttingDown          −32018
└── OutcomeUnknown        −32019  the sidecar died between intent and answer
"""

from typing import Any, ClassVar

from sidecar.contract.base import Wire


class ErrorBody(Wire, frozen=True):
    """An error as it crosses the bridge (PROTOCOL §6)."""

    code: int
    key: str
    message: str
    retryable: bool = False
    data: dict[str, Any] = {}


class SidecarError(Exception):
    """Root of all errors that a client may see. Raised only through a subclass."""

    code: ClassVar[int] = -32603
    key: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **data: Any) -> None:
        super().__init__(message)
        self.message = message
        self.data = data

    def body(self) -> ErrorBody:
        """Return the wire form."""
        return ErrorBody(
            code=self.code,
            key=self.key,
            message=self.message,
            retryable=self.retryable,
            data=self.data,
        )


class InvalidRequest(SidecarError):  # noqa: N818
    """Raised by the bridge when a message is no request, response or notification."""

    code = -32600
    key = "invalid_request"


class MethodNotFound(SidecarError):  # noqa: N818
    """Raised by the bridge when no method has the name."""

    code = -32601
    key = "method_not_found"


class InvalidParams(SidecarError):  # noqa: N818
    """Raised by the bridge when params do not fit; `data.path` names the field."""

    code = -32602
    key = "invalid_params"


class InternalError(SidecarError):
    """Raised when our own code failed; the log has the traceback."""


class Overloaded(SidecarError):  # noqa: N818
    """Raised when a bound on concurrent work is reached, or memory, descriptors or processes are
    used up; trying later may succeed."""

    code = -32001
    key = "overloaded"
    retryable = True


class NotInitialised(SidecarError):  # noqa: N818
    """Raised by the bridge when a request comes before hello."""

    code = -32002
    key = "not_initialised"


class Cancelled(SidecarError):  # noqa: N818
    """Raised when the client gave the request up, or a stop overtook it."""

    code = -32800
    key = "cancelled"


class SessionNotFound(SidecarError):  # noqa: N818
    """Raised by every session method when no session has the thread id."""

    code = -32010
    key = "session_not_found"


class SessionClosed(SidecarError):  # noqa: N818
    """Raised when the session exists but does not run."""

    code = -32011
    key = "session_closed"


class ProviderRequestFailed(SidecarError):  # noqa: N818
    """Raised when the provider answered a request with an error or not in time."""

    code = -32012
    key = "provider_request"


class ProviderProcessFailed(SidecarError):  # noqa: N818
    """Raised when the provider could not be started or died under a request."""

    code = -32013
    key = "provider_process"


class ValidationFailed(SidecarError):  # noqa: N818
    """Raised when params are well formed but cannot be acted on."""

    code = -32014
    key = "validation"


class Unsupported(SidecarError):  # noqa: N818
    """Raised when this provider or platform has no such capability."""

    code = -32015
    key = "unsupported"


class StaleGeneration(SidecarError):  # noqa: N818
    """Raised when a request speaks to a generation that has ended."""

    code = -32016
    key = "stale_generation"


class LimitExceeded(SidecarError):  # noqa: N818
    """Raised when a value is over a documented bound; `data.limit` names it."""

    code = -32017
    key = "limit_exceeded"


class ShuttingDown(SidecarError):  # noqa: N818
    """Raised for new work once the sidecar has begun to stop."""

    code = -32018
    key = "shutting_down"


class OutcomeUnknown(SidecarError):  # noqa: N818
    """Raised for a repeated key whose first run was cut by a crash of the sidecar."""

    code = -32019
    key = "outcome_unknown"


def _leaves(cls: type[SidecarError]) -> list[type[SidecarError]]:
    found = []
    for sub in cls.__subclasses__():
        found += [sub, *_leaves(sub)]
    return found


ERRORS: dict[str, type[SidecarError]] = {cls.key: cls for cls in _leaves(SidecarError)}
"""Every error class by key."""


def exit_facts(stderr_tail: str, code: int | None, signal: int | None) -> dict[str, Any]:
    """Return what ProviderProcessFailed tells of a process that has ended, as its `data`.

    `stderrTail`, `exitCode` and `exitSignal`, each only if it is known.
    """
    facts = {"stderrTail": stderr_tail or None, "exitCode": code, "exitSignal": signal}
    return {name: value for name, value in facts.items() if value is not None}


def error_from_body(body: ErrorBody) -> SidecarError:
    """Rebuild the exception that `body` was made from; unknown keys become InternalError."""
    cls = ERRORS.get(body.key, InternalError)
    return cls(body.message, **body.data)
