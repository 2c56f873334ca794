"""What a session says: drafts of its mapping, out to its context. Shared by its parts."""

from collections.abc import Sequence
from typing import Any

from sidecar.contract.base import Json
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.base import SessionContext


class Voice:
    """The context and the mapping of one session."""

    def __init__(self, context: SessionContext, mapping: AcpMapping) -> None:
        self.context = context
        self.mapping = mapping

    def emit(self, drafts: Sequence[Draft]) -> None:
        """Emit what a mapping has returned."""
        if drafts:
            self.context.emit(drafts)

    def warn(self, message: str, detail: Json) -> None:
        """Say a warning."""
        self.emit(self.mapping.conversation.warning(message, detail))

    def configured(self, config: dict[str, Any]) -> None:
        """Say what is in force now."""
        self.emit(self.mapping.configured(config))
