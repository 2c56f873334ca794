"""One session's conversation as a provider mapping tells it: turns, items, requests, tasks, state.

Holds the invariants by construction, whatever order a mapping calls in: each turn is started and
completed once; each item is started before it is updated and completed once; each request and each
set of questions is resolved once; each task is completed once; state follows from what is open; no
string is blank. Knows no provider and no clock, and makes no ids: they are handed in.
"""

from sidecar.core.conversation.conversation import Conversation
from sidecar.core.conversation.parts import (
    OPEN_ITEMS,
    OPEN_REQUESTS,
    OPEN_TASKS,
    BaseState,
    Ending,
    nonblank,
)

__all__ = [
    "OPEN_ITEMS",
    "OPEN_REQUESTS",
    "OPEN_TASKS",
    "BaseState",
    "Conversation",
    "Ending",
    "nonblank",
]
