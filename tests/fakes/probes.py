"""Probes that answer, hang, crash, flood, and leave things behind, for tests of probe processes."""

import asyncio
import os
import sys
from typing import Any

from sidecar.contract.results import Model
from sidecar.providers.base import Finding, ProviderCommand, ProviderProbe

DAEMON = "import os, time; os.fork() and os._exit(0); os.setsid(); time.sleep(600)"


class Good(ProviderProbe):
    async def status(self) -> Finding:
        self.context.log("info", "looked", at="it")
        return Finding(installed=True, auth="ok", version="1.2", account={"env": self.context.env})

    async def models(self) -> list[Model]:
        return [Model(slug="m1", name="One"), Model(slug="m2", name="Two")]


class Counting(ProviderProbe):
    """Appends a line to the file that its settings name, each time it is run."""

    async def status(self) -> Finding:
        descriptor = os.open(self.context.settings["file"], os.O_APPEND | os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"x")
        os.close(descriptor)
        return Finding(installed=True)


class Hanging(ProviderProbe):
    """Starts a daemon in a session of its own, then never answers."""

    async def status(self) -> Finding:
        await self.context.spawn(ProviderCommand(argv=[sys.executable, "-c", DAEMON]))
        await asyncio.sleep(600)
        raise AssertionError


class Wedged(ProviderProbe):
    """Blocks the event loop, so that not even its own deadline is seen."""

    async def status(self) -> Finding:
        await self.context.spawn(ProviderCommand(argv=[sys.executable, "-c", DAEMON]))
        import time  # noqa: PLC0415

        time.sleep(600)
        raise AssertionError


class Raising(ProviderProbe):
    async def status(self) -> Finding:
        raise ValueError("out of luck")


class Dying(ProviderProbe):
    async def status(self) -> Finding:
        os.write(2, b"last words\n")
        os._exit(3)


class Strange(ProviderProbe):
    """Answers what is no finding."""

    async def status(self) -> Any:
        return {"installed": "maybe", "version": " "}

    async def models(self) -> list[Any]:
        return [{"slug": ""}, {"slug": "a", "name": "A"}, {"slug": "a", "name": "B"}, 5]


class Running(ProviderProbe):
    """Runs what its settings say."""

    async def status(self) -> Finding:
        code, out, err = await self.context.run(
            self.context.settings["argv"], self.context.settings.get("deadlineS", 5)
        )
        return Finding(installed=True, account={"code": code, "out": out[:4000], "err": err})
