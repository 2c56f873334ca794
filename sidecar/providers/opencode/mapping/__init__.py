"""From OpenCode's events to drafts. Pure: ids and the conversation are handed in."""

from sidecar.providers.opencode.mapping.permissions import Answer, Permission
from sidecar.providers.opencode.mapping.updates import OpencodeMapping, Opening

__all__ = ["Answer", "OpencodeMapping", "Opening", "Permission"]
