"""Sessions as relatives: gates, group restarts, and stops of whole trees.

What has to happen is decided in core/supervision; kin.py has the sessions do it, cascade.py takes
a tree down and interrupting.py interrupts it when somebody asks.
"""

from sidecar.supervisor.kin.cascade import GRACE_S, Cascade, ExitTurn
from sidecar.supervisor.kin.interrupting import interrupt_below
from sidecar.supervisor.kin.kin import Kin

__all__ = ["GRACE_S", "Cascade", "ExitTurn", "Kin", "interrupt_below"]
