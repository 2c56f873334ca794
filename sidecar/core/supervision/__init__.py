"""Restart policy as OTP has it: specs, intensity, orders, and restarts in trees. Pure.

Carried out by sidecar/supervisor. Where and why it is not OTP's: docs/adr/0014.
"""

from sidecar.core.supervision.family import State
from sidecar.core.supervision.forest import (
    Command,
    Decision,
    Down,
    End,
    Forest,
    Open,
    Stop,
    Suspend,
    Suspended,
)
from sidecar.core.supervision.intensity import GiveUp, Restart
from sidecar.core.supervision.orders import start_order, stop_order
from sidecar.core.supervision.specs import ChildSpec, InvalidSpec, child_spec

__all__ = [
    "ChildSpec",
    "Command",
    "Decision",
    "Down",
    "End",
    "Forest",
    "GiveUp",
    "InvalidSpec",
    "Open",
    "Restart",
    "State",
    "Stop",
    "Suspend",
    "Suspended",
    "child_spec",
    "start_order",
    "stop_order",
]
