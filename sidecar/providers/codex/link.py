"""The wire of one app-server with its process (sidecar/providers/link.py), in Codex' words."""

from sidecar.providers.base import ProviderProcess
from sidecar.providers.codex.wire import CodexWire, RpcError
from sidecar.providers.link import JsonRpcLink
from sidecar.providers.shapes import DETAIL_CHARS, text


class CodexLink(JsonRpcLink):
    """Requests and answers over one app-server's stdio."""

    def __init__(self, process: ProviderProcess) -> None:
        super().__init__(process, CodexWire(), "Codex", _in_words)


def _in_words(error: RpcError) -> str:
    return text(error.message, DETAIL_CHARS) or "no reason given"
