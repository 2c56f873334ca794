"""What a profile adds to ACP: methods of one maker's agents, mapped like the protocol's own."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from sidecar.contract.base import Json
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping.inquiries import Inquiry


class Told(NamedTuple):
    """What a message of the extension means.

    A request is answered with `answer` at once, or by a person when there is an `inquiry`; of a
    notification only `drafts` count.
    """

    drafts: list[Draft]
    answer: Json = None
    inquiry: Inquiry | None = None


class Extension(ABC):
    """Maps one maker's own messages. Pure."""

    @abstractmethod
    def heard(self, method: str, params: dict[str, Any], rpc_id: Json) -> Told | None:
        """Map a request or a notification (`rpc_id` None); None for a method that is not ours."""

    @abstractmethod
    def refusal(self, method: str) -> Json:
        """Return the answer to a request of ours that comes when no turn takes it."""
