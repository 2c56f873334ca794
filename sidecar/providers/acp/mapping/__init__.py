"""From ACP messages to drafts. Pure: ids and the conversation are handed in."""

from sidecar.providers.acp.mapping.permissions import Choice, Permission
from sidecar.providers.acp.mapping.stops import ending_of_error, ending_of_result
from sidecar.providers.acp.mapping.updates import AcpMapping

__all__ = ["AcpMapping", "Choice", "Permission", "ending_of_error", "ending_of_result"]
