"""The bridge: one WebSocket a client, on which events come and methods are called (PROTOCOL).

A client is a cursor over the journal: what it does not take stays there. Never runs provider code
and never appends to the journal.
"""

from sidecar.bridge.backend import Backend, JournalView
from sidecar.bridge.bounds import Timings
from sidecar.bridge.server import BridgeServer

__all__ = ["Backend", "BridgeServer", "JournalView", "Timings"]
