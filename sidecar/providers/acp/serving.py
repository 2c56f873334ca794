"""What the agent asks of its client: each method a handler, each request a task, each answered.

Owns the requests that are under way and their number. Never knows what a method does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import SidecarError
from sidecar.providers.acp.crew import Crew
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.mapping.shapes import text
from sidecar.providers.acp.wire import (
    INTERNAL_ERROR,
    METHOD_NOT_FOUND,
    REQUEST_CANCELLED,
    Request,
)

SERVED = 64
"""Requests of an agent under way at once; more are refused. Real ones have a handful."""

Handler = Callable[[dict[str, Any]], Awaitable[Json]]


class Refused(Exception):  # noqa: N818 - what happened to the agent's request
    """Raised by handlers: the agent's request is answered with this error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Serving:
    """Answers the agent's requests by `handlers`."""

    def __init__(self, link: AcpLink, crew: Crew, handlers: Mapping[str, Handler]) -> None:
        self._link = link
        self._crew = crew
        self._handlers: Final = dict(handlers)
        self._under_way: dict[Any, asyncio.Task[None]] = {}

    def take(self, request: Request) -> bool:
        """Begin to answer a request; False, and refused, for a method that nobody offers."""
        handler = self._handlers.get(request.method)
        if handler is None:
            words = f"Method not found: {text(request.method)}"
            self._link.refuse(request.id, METHOD_NOT_FOUND, words)
            return False
        if len(self._under_way) >= SERVED:
            words = f"{SERVED} requests are under way already"
            self._link.refuse(request.id, INTERNAL_ERROR, words)
            return True
        task = self._crew.run(self._answer(request, handler))
        key = _key(request.id)
        if task is not None:
            self._under_way[key] = task
            task.add_done_callback(lambda _: self._under_way.pop(key, None))
        return True

    def give_up(self, rpc_id: Json) -> bool:
        """Stop answering a request that the agent has cancelled; False if none has that id."""
        task = self._under_way.get(_key(rpc_id))
        if task is None:
            return False
        task.cancel()
        self._link.refuse(rpc_id, REQUEST_CANCELLED, "Request cancelled")
        return True

    async def _answer(self, request: Request, handler: Handler) -> None:
        try:
            result = await handler(request.params)
        except Refused as refusal:
            self._link.refuse(request.id, refusal.code, str(refusal))
        except SidecarError as error:
            self._link.refuse(request.id, INTERNAL_ERROR, error.message)
        except Exception as error:  # noqa: BLE001 - an odd request must not end the session
            self._link.refuse(request.id, INTERNAL_ERROR, f"{request.method} failed: {error!r}")
        else:
            self._link.answer(request.id, result)


def _key(rpc_id: Json) -> str:
    """Return a key for any id, an odd one too; 1 and "1" differ."""
    return repr(rpc_id)
