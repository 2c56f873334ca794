"""Codex's messages to drafts: pure, ids handed in.

`updates` what the session calls; `facts` what an item says, `items` their lives, `agents` the
sub-agents, `requests`, `questions` and `elicitation` what is asked, `notices` what stands beside
the conversation, `usage` and `stops` figures and ends.
"""

from sidecar.providers.codex.mapping.requests import (
    PERMISSIONS,
    REFUSALS,
    Asked,
    granted_by_mode,
)
from sidecar.providers.codex.mapping.stops import ending_of, in_words
from sidecar.providers.codex.mapping.updates import CodexMapping

__all__ = [
    "PERMISSIONS",
    "REFUSALS",
    "Asked",
    "CodexMapping",
    "ending_of",
    "granted_by_mode",
    "in_words",
]
