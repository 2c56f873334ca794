"""What tests of requests share: a method that waits, params of a turn, a shorter deadline."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from sidecar.contract import methods

Answer = Callable[[Any], Awaitable[Any]]


class Gate:
    """A method that waits until the test opens it, and remembers who came in which order."""

    def __init__(self, result: Any = None, error: Exception | None = None) -> None:
        self.entered: list[Any] = []
        self.opened = asyncio.Event()
        self._came = asyncio.Event()
        self._result = result
        self._error = error

    async def __call__(self, params: Any) -> Any:
        self.entered.append(params)
        self._came.set()
        await self.opened.wait()
        if self._error is not None:
            raise self._error
        return self._result

    async def came(self, count: int = 1) -> None:
        """Wait until so many have entered."""
        async with asyncio.timeout(5):
            while len(self.entered) < count:
                self._came.clear()
                await self._came.wait()


def turn(key: str, thread_id: str = "t1", **extra: Any) -> dict[str, Any]:
    return {"idempotencyKey": key, "threadId": thread_id, "input": "x", **extra}


async def shortened(monkeypatch: pytest.MonkeyPatch, method: str, deadline_s: float) -> None:
    spec = msgspec.structs.replace(methods.METHODS[method], deadline_s=deadline_s)
    monkeypatch.setitem(methods.METHODS, method, spec)
