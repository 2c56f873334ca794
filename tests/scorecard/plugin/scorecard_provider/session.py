"""An ACP session that mishandles one message: it raises, spins, or keeps what it should let go."""

import asyncio
from typing import Any

from sidecar.contract.base import Json
from sidecar.providers.acp.extension import Extension, Told
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.acp.session import AcpSession

METHOD = "_scorecard/poison"


class FaultySession(AcpSession):
    """An AcpSession with the defect."""

    def extension(self, mapping: AcpMapping) -> Extension | None:
        """Return what handles the agent's own method, badly."""
        del mapping
        return Poisoned()


class Poisoned(Extension):
    """The defect. `_kept` is a cache that nobody bounds."""

    def __init__(self) -> None:
        self._kept: list[bytearray] = []
        self._begun: set[asyncio.Task[None]] = set()

    def heard(self, method: str, params: dict[str, Any], rpc_id: Json) -> Told | None:
        """Take a message of the agent's own."""
        del rpc_id
        if method != METHOD:
            return None
        if params["kind"] == "spin":
            while True:
                pass
        if params["kind"] == "leak":
            self._kept.append(bytearray(b"\x01") * int(params["megabytes"] * 1024 * 1024))
        else:
            begun = asyncio.create_task(self._look_up(params))
            self._begun.add(begun)
            begun.add_done_callback(self._begun.discard)
        return Told([])

    def refusal(self, method: str) -> Json:
        """Take the agent's method outside of turns too: it is no question."""
        del method
        return None

    async def _look_up(self, params: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        raise KeyError(params["kind"])
