"""What agents wrote, by their own logs; and how that compares with what a consumer got."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.scorecard.model import Receipt

PIECE = re.compile(r"\[\[([\w.-]+:\d+:\d+)\]\]")
"""An id in an agent's text."""

RECALL = re.compile(r"recall=(\d+)")
"""How many prompts an agent remembers, in its text."""

SIGNS = ("+", "=")

IN_FLIGHT_NS = 1_000_000_000
"""One second: far more than a piece takes to arrive, far less than a row waits before it kills."""


def ids_in(text: str) -> list[str]:
    """Return the ids in a stretch of text, in order."""
    return PIECE.findall(text)


@dataclass(slots=True)
class Written:
    """One agent's log: id → monotonic ns of its line."""

    begun: dict[str, int] = field(default_factory=dict)
    """Ids whose line was about to go out."""
    gone: dict[str, int] = field(default_factory=dict)
    """Ids whose line has left the process whole."""


def read(log: Path) -> Written:
    """Read a write log; a torn last line (the writer was killed in it) is left out."""
    written = Written()
    lines = log.read_bytes().decode().split("\n")[:-1] if log.exists() else []
    for line in lines:
        sign, id_, ns = line.split(" ")
        if sign in SIGNS:
            (written.begun if sign == "+" else written.gone)[id_] = int(ns)
    return written


def without_in_flight(written: Written, cut_ns: int) -> Written:
    """Return a log without what left its process within IN_FLIGHT_NS of its carrier's end.

    For a row that kills what carries: a pipe dies with its reader, and no system can save what is
    in it, or what an agent that lived on for a while said to nobody. What left earlier had its
    time to arrive.
    """
    old = {_process(id_) for id_, ns in written.begun.items() if ns < cut_ns}
    gone = {
        id_: ns
        for id_, ns in written.gone.items()
        if ns < cut_ns - IN_FLIGHT_NS or _process(id_) not in old
    }
    return Written(written.begun, gone)


def _process(id_: str) -> str:
    return id_.rpartition(":")[0]


def censuses(log: Path) -> list[int]:
    """Return, for each start of the agent, how many of its conversation were alive then."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return [int(line.split(" ")[2]) for line in lines if line.startswith("@ ")]


def starts(log: Path) -> list[int]:
    """Return when each program of the agent's began, in monotonic ns."""
    lines = log.read_text("utf-8").splitlines() if log.exists() else []
    return [int(line.split(" ")[2]) for line in lines if line.startswith("^ ")]


@dataclass(frozen=True, slots=True)
class Balance:
    """What a consumer got of what one agent wrote."""

    lost: list[str]
    doubled: list[str]
    strange: list[str]
    """Ids that were received and never begun: the observer itself would be wrong."""
    disordered: int
    """Pairs of neighbours of one process that came in the wrong order."""
    delays_ms: list[float]
    """From the piece's leaving the agent to its receipt, first receipts only."""


def compare(written: Written, receipts: Iterable[Receipt]) -> Balance:
    """Compare a log with one thread's receipts (in the order in which they came)."""
    got = list(receipts)
    counts = Counter(receipt.id for receipt in got)
    first = {receipt.id: receipt.at_ns for receipt in reversed(got)}
    delays = [(first[id_] - ns) / 1e6 for id_, ns in written.begun.items() if id_ in first]
    return Balance(
        lost=[id_ for id_ in written.gone if id_ not in counts],
        doubled=[id_ for id_, count in counts.items() if count > 1],
        strange=[id_ for id_ in counts if id_ not in written.begun],
        disordered=_disordered(list(dict.fromkeys(receipt.id for receipt in got))),
        delays_ms=delays,
    )


def _disordered(ids: list[str]) -> int:
    newest: dict[str, int] = {}
    wrong = 0
    for id_ in ids:
        process, number = _process(id_), int(id_.rpartition(":")[2])
        wrong += number < newest.get(process, 0)
        newest[process] = max(newest.get(process, 0), number)
    return wrong


def percentile(values: list[float], share: float) -> float | None:
    """Return the value at a share (0.99) of the sorted values; None without any."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None
