"""What session code raises where nobody awaits it: whose it was, and that its session hears of it.

asyncio logs such an exception and goes on, and the session stays behind in a state that nobody
foresaw: a turn that never ends. Here it ends its own session, which resumes by its policy. Whose
it was is told by the context that its task or callback was begun in (Python 3.12 or newer; before
that it is logged only). Never ends a host: its other sessions are in no doubt.
"""

import asyncio
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

Take = Callable[[Exception], None]

_owner: ContextVar[Take | None] = ContextVar("owner of what runs here", default=None)


def own_faults(take: Take) -> None:
    """Have `take` told of what this task, and all that it begins, raises to nobody."""
    _owner.set(take)


def watch_faults(loop: asyncio.AbstractEventLoop) -> None:
    """Tell the owners from now on; everything is logged as before, too."""
    loop.set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    loop.default_exception_handler(context)
    error = context.get("exception")
    source = context.get("future") or context.get("handle")
    take = _owner_of(source)
    if take is not None and isinstance(error, Exception):
        take(error)


def _owner_of(source: Any) -> Take | None:
    """Return whose task or callback it is; a bare future is nobody's: it may never be awaited."""
    if not isinstance(source, (asyncio.Task, asyncio.Handle)):
        return None
    get_context = getattr(source, "get_context", None)
    context: Context | None = get_context() if get_context else None
    return context.get(_owner) if context else None
