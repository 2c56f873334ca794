"""From Claude's messages to drafts. Pure: ids and the conversation are handed in."""

from sidecar.providers.claude.mapping.mapping import ClaudeMapping
from sidecar.providers.claude.mapping.permissions import (
    Choice,
    Grants,
    Permission,
    permission_of,
)
from sidecar.providers.claude.mapping.questions import answered
from sidecar.providers.claude.mapping.results import ending_of

__all__ = [
    "Choice",
    "ClaudeMapping",
    "Grants",
    "Permission",
    "answered",
    "ending_of",
    "permission_of",
]
