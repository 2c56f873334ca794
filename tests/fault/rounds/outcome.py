"""What a round leaves to be judged."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.fault.rounds.faults import Done
from tests.fault.rounds.plan import Plan
from tests.support.client import SidecarClient


@dataclass(slots=True)
class Outcome:
    """What a round leaves to be judged."""

    plan: Plan
    data_dir: Path
    diary: Path
    clients: list[SidecarClient] = field(default_factory=list)
    done: list[Done] = field(default_factory=list)
    done_at: list[float] = field(default_factory=list)
    lives: list[float] = field(default_factory=list)
    """When each supervisor was found dead."""
    answered: dict[str, tuple[str, str]] = field(default_factory=dict)
    """word → (thread, how the call ended: a turn id, or an error's key)."""
    strange: list[str] = field(default_factory=list)
    """What went wrong as it was seen."""
    ended_at: float = 0.0
    left: list[str] = field(default_factory=list)
    folded: dict[str, Any] = field(default_factory=dict)
    """`snapshot.get` when all was quiet."""
    log: str = ""
