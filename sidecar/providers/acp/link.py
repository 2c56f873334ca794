"""The wire of one ACP agent with its process (sidecar/providers/link.py), in ACP's words."""

from sidecar.providers.acp.mapping.stops import in_words
from sidecar.providers.acp.wire import AcpWire
from sidecar.providers.base import ProviderProcess
from sidecar.providers.link import JsonRpcLink


class AcpLink(JsonRpcLink):
    """Requests and answers over one agent's stdio."""

    def __init__(self, process: ProviderProcess) -> None:
        super().__init__(process, AcpWire(), "the agent", in_words)
