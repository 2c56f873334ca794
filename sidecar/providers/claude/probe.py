"""What can be said of Claude on this machine without a session."""

from sidecar.providers.base import Finding, ProviderProbe


class ClaudeProbe(ProviderProbe):
    """See ProviderProbe."""

    async def status(self) -> Finding:
        """Look for the program."""
        return Finding(installed=False)
