"""A session with Cursor's CLI, which speaks ACP with extensions of its own."""

from sidecar.providers.acp.session import AcpSession


class CursorSession(AcpSession):
    """An AcpSession with Cursor's command, login and extensions."""
