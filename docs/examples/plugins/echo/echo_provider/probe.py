"""What can be said of the echoing agent without a session."""

from sidecar.contract.results import Model
from sidecar.providers.base import Finding, ProviderProbe


class EchoProbe(ProviderProbe):
    """See ProviderProbe. Runs in a process of its own, which is killed at its deadline."""

    async def status(self) -> Finding:
        """Look for the shell."""
        code, out, _ = await self.context.run(["sh", "-c", "command -v sh"], 5)
        if code != 0:
            return Finding(installed=False, reason="there is no sh on PATH")
        return Finding(installed=True, auth="ok", version="1", path=out.strip())

    async def models(self) -> list[Model]:
        """There is one."""
        return [Model(slug="echo-1", name="Echo", is_default=True)]
