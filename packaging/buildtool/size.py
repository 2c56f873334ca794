"""Judge sizes: compare a size report with the budget and with the committed history.

Pure: reports, budget and history in, findings and a table out. Reads and writes nothing.

The rule of growth: the present size is compared with the last history entry of the same key
(layout, platform, machine, Python minor). Growing by more than max(1 %, 200 kB) fails. Recording
the new size (`build.py size --record`) appends an entry, which then is the last one: so growth
passes exactly when packaging/size-history.json changes with it. Two builds of the same Python
minor differ in libpython; where the entry was made with another one, what the machine brings
(runtime, standard library, shared libraries) is left out of the growth, never out of the budget.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

GROWTH_SHARE = 0.01
GROWTH_BYTES = 200_000
"""Growth is tolerated up to the larger of both: about what one more small module brings."""

MACHINE_COMPONENTS = ("python runtime", "python stdlib", "shared libraries")

KEY = ("layout", "platform", "machine", "python")

RECORDED = (
    *KEY,
    "pythonBuild",
    "totalBytes",
    "xzBytes",
    "readyMs",
    "rssBytes",
    "pssBytes",
    "components",
)
"""Fields of a report that a history entry keeps."""


@dataclass
class Verdict:
    """What is wrong (`failures`), and what a reader should know (`notes`)."""

    failures: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def last_entry(
    history: Iterable[Mapping[str, Any]], report: Mapping[str, Any]
) -> Mapping[str, Any] | None:
    """Return the last entry of the report's key."""
    matching = [entry for entry in history if all(entry[name] == report[name] for name in KEY)]
    return matching[-1] if matching else None


def to_entry(report: Mapping[str, Any], reason: str) -> dict[str, Any]:
    """Return what the history keeps of a report."""
    return {"reason": reason, **{name: report[name] for name in RECORDED}}


def judge(
    report: Mapping[str, Any], budget: Mapping[str, Any], history: Iterable[Mapping[str, Any]]
) -> Verdict:
    """Apply budget, component list and growth rule to one report."""
    verdict = Verdict()
    unknown = sorted(set(report["components"]) - set(budget["components"]["allowed"]))
    if unknown:
        verdict.failures.append(
            f"in the binary without being allowed in size-budget.toml: {', '.join(unknown)}"
        )
    if not report["stripped"] and report["platform"] == "linux":
        verdict.notes.append("not stripped: sizes are not judged")
        return verdict
    _judge_budget(report, budget, verdict)
    _judge_growth(report, last_entry(history, report), verdict)
    return verdict


def _judge_budget(report: Mapping[str, Any], budget: Mapping[str, Any], verdict: Verdict) -> None:
    limits = budget.get(report["layout"], {})
    for name, value in (("disk_bytes", report["totalBytes"]), ("xz_bytes", report["xzBytes"])):
        limit = limits.get(name)
        if limit is not None and value > limit:
            verdict.failures.append(
                f"over budget: {name} {mega(value)} MB, limit {mega(limit)} MB"
                f" ({mega(value - limit)} MB too much)"
            )
    aims = budget.get("aims", {})
    for aim, value in (
        (f"{report['layout']}_ready_ms", report["readyMs"]),
        ("rss_bytes", report["rssBytes"]),
    ):
        if value is not None and aim in aims and value > aims[aim]:
            verdict.notes.append(f"over the aim (does not fail): {aim} {value}, aim {aims[aim]}")


def _judge_growth(
    report: Mapping[str, Any], last: Mapping[str, Any] | None, verdict: Verdict
) -> None:
    if last is None:
        verdict.notes.append(
            "no history entry for " + " ".join(str(report[name]) for name in KEY) + ": growth is"
            " not judged"
        )
        return
    same_python = last["pythonBuild"] == report["pythonBuild"]
    if not same_python:
        verdict.notes.append(
            "the last entry was made with another build of this Python: growth is judged without"
            " runtime, standard library and shared libraries"
        )
    grown = _judged_bytes(report, same_python) - _judged_bytes(last, same_python)
    allowed = max(GROWTH_SHARE * last["totalBytes"], GROWTH_BYTES)
    if grown > allowed:
        verdict.failures.append(
            f"grown by {mega(grown)} MB since the last entry of size-history.json, more than"
            f" {mega(allowed)} MB. If that is worth it: `python3 build.py size --record REASON`,"
            " and commit packaging/size-history.json with the change"
        )


def _judged_bytes(report: Mapping[str, Any], same_python: bool) -> int:
    if same_python:
        return int(report["totalBytes"])
    sizes: Mapping[str, int] = report["components"]
    return sum(size for name, size in sizes.items() if name not in MACHINE_COMPONENTS)


def table(report: Mapping[str, Any], last: Mapping[str, Any] | None) -> list[str]:
    """Return the report as lines: totals, then each component with its change since `last`."""
    before = last or {}
    lines = [
        f"{report['layout']}: Python {report['pythonVersion']}, {report['platform']}"
        f" {report['machine']}" + ("" if report["stripped"] else ", not stripped"),
        _row("on disk", report["totalBytes"], before.get("totalBytes")),
        _row("as xz", report["xzBytes"], before.get("xzBytes")),
    ]
    if report["readyMs"] is not None:
        was = f"  (was {before['readyMs']} ms)" if before.get("readyMs") else ""
        lines.append(_plain_row("start to ready (median)", f"{report['readyMs']} ms") + was)
    for name in ("rss", "pss"):
        value = report[f"{name}Bytes"]
        if value is not None:
            label = f"memory at ready, {name.upper()}"
            lines.append(_row(label, value, before.get(f"{name}Bytes")))
    old: Mapping[str, int] = before.get("components", {})
    new: Mapping[str, int] = report["components"]
    names = sorted({*new, *old}, key=lambda name: -max(new.get(name, 0), old.get(name, 0)))
    lines += [
        _row(f"  {name}", new.get(name, 0), old.get(name, 0) if last else None) for name in names
    ]
    lines.append("  biggest:")
    lines += [
        f"    {part['size_bytes'] / 1e6:8.3f} MB  {part['name']} ({part['component']})"
        for part in report["biggest"][:8]
    ]
    return lines


def mega(value: float) -> str:
    """Return bytes as megabytes (10⁶) with two decimals."""
    return f"{value / 1e6:.2f}"


def _row(name: str, value: int, before: int | None) -> str:
    change = ""
    if before is not None and value != before:
        change = f"  {(value - before) / 1e3:+11,.1f} kB"
    return f"{_plain_row(name, f'{value / 1e6:.3f} MB')}{change}"


def _plain_row(name: str, value: str) -> str:
    return f"  {name:<28} {value:>14}"
