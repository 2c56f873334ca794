"""A session with the built-in demo agent: an ACP session whose command is our own binary.

Start options: `startDelayMs`, `ignoreStop`, `sentinel` (a word that stands in the argv of the agent
and of all that it starts, so that an observer finds them).
"""

from pathlib import Path
from typing import Any

import msgspec

from sidecar.contract.base import Count, NonBlank, Wire
from sidecar.contract.errors import ValidationFailed
from sidecar.process import own_command
from sidecar.providers.acp.options import AcpOptions
from sidecar.providers.acp.session import AcpSession
from sidecar.providers.base import ProviderCommand

STATE_FOLDER = "demo-agent"
"""Folder below the data dir in which the agent keeps its conversations."""


class DemoOptions(Wire, frozen=True):
    start_delay_ms: Count = 0
    ignore_stop: bool = False
    sentinel: NonBlank | None = None


class DemoSession(AcpSession):
    """An AcpSession that needs no command."""

    def read_options(self, options: dict[str, Any] | None) -> AcpOptions:
        """Read the demo's own options; ACP's are not for this provider."""
        try:
            self._demo = msgspec.convert(options or {}, DemoOptions)
        except msgspec.ValidationError as error:
            raise ValidationFailed(f"Cannot start the demo agent: option {error}") from None
        return AcpOptions()

    def command(self) -> ProviderCommand:
        """Return the call of our own binary."""
        argv = own_command("demo-agent")
        if home := self.context.spec.instance_home or self.context.spec.data_dir:
            argv += ["--state-dir", str(Path(home) / STATE_FOLDER)]
        if self._demo.start_delay_ms:
            argv += ["--start-delay-ms", str(self._demo.start_delay_ms)]
        if self._demo.ignore_stop:
            argv.append("--ignore-stop")
        if self._demo.sentinel is not None:
            argv += ["--sentinel", self._demo.sentinel]
        return ProviderCommand(argv=argv, cwd=self.cwd(), own_binary=True)
