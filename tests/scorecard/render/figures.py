"""Figures in words, the same on the terminal and on the page."""

from tests.scorecard.model import Outcome, Report

NONE = "–"
"""Not measured by this row."""

NOT_MEASURED = (
    f"{NONE} is what a row does not measure; memory and processor time of agents are in no row.",
    "Real agents: those here are one program made for this; real ones are asked in tests/agents.",
    "Power cuts and broken disks: what is killed here leaves the kernel and its caches alive.",
    "What was on its way within a second of a kill of its carrier: a pipe dies with its reader.",
    "Events beyond text by id: ends of turns, requests and exits count where a row asks for them, "
    "and the sequence must have no hole.",
    "Spread: times and memory are of one run on one machine. Linux alone.",
)
"""What a reader must not take from the figures."""


def milliseconds(value: float | None) -> str:
    """Return a duration for people."""
    if value is None:
        return NONE
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


def megabytes(value: int | None) -> str:
    """Return a size for people."""
    return NONE if value is None else f"{value / 1e6:.0f} MB"


def memory(outcome: Outcome) -> str:
    """Return memory before and after, or the one that was measured."""
    before, after = outcome.memory_before_bytes, outcome.memory_after_bytes
    if before is None:
        return megabytes(after)
    return f"{before / 1e6:.0f} → {megabytes(after)}"


def siblings(outcome: Outcome) -> str:
    """Return how many of the siblings were affected."""
    if not outcome.carried_out:
        return "?"
    return f"{outcome.siblings_affected} of {outcome.siblings}" if outcome.siblings else NONE


def count(outcome: Outcome, value: int) -> str:
    """Return a count; of a row that broke off none was taken."""
    return str(value) if outcome.carried_out else "?"


def of_sessions(outcome: Outcome, value: int) -> str:
    """Return a count of what sessions said, or of sessions; a row without any has none."""
    return count(outcome, value) if outcome.has_sessions else NONE


def recovery(outcome: Outcome) -> str:
    """Return the recovery time, or the start where that is what a row measures."""
    if outcome.recovery_ms is None and "readyMedianMs" in outcome.extra:
        return f"start {milliseconds(outcome.extra['readyMedianMs'])}"
    return milliseconds(outcome.recovery_ms)


def verdict_line(report: Report) -> str:
    """Return what the run says in one line."""
    ours = [row.sidecar for row in report.rows if row.sidecar is not None]
    green = sum(outcome.verdict == "green" for outcome in ours)
    said = f"sidecar: {green} of {len(ours)} rows green"
    node = [row.node for row in report.rows if row.node is not None]
    if node:
        said += f"; Node baseline: {sum(o.verdict == 'green' for o in node)} of {len(node)}"
    totals = (
        f"siblings affected {sum(o.siblings_affected for o in ours)}, "
        f"events lost {sum(o.events_lost for o in ours)}, "
        f"doubled {sum(o.events_doubled for o in ours)}, "
        f"processes left {sum(o.processes_left for o in ours)}"
    )
    broken_off = sum(not outcome.carried_out for outcome in ours)
    uncounted = f" ({broken_off} broke off and count for nothing)" if broken_off else ""
    return f"{said} — ours: {totals}{uncounted}"


def circumstances(report: Report) -> str:
    """Return on what, and how, it was run."""
    machine = report.machine
    parts = [
        str(machine.get("at", "")),
        f"{machine.get('cpus')} CPUs, {machine.get('system')}",
        f"Python {machine.get('python')}",
        f"Node {machine['node']}" if machine.get("node") else "",
        f"commit {machine['commit']}" if machine.get("commit") else "",
        f"load {' '.join(map(str, machine.get('loadAverage', [])))}",
        "quick numbers" if report.quick else "",
        f"{report.seconds:.0f} s",
    ]
    return " · ".join(part for part in parts if part)


def load_note(report: Report) -> str:
    """Say when the machine was busy with something else: times are worth less then."""
    load = report.machine.get("loadAverage") or [0.0]
    cpus = report.machine.get("cpus") or 1
    if load[0] <= cpus / 2:
        return ""
    return (
        f"The machine was busy when this began (load {load[0]} on {cpus} CPUs): "
        "counts hold, times are worth little."
    )
