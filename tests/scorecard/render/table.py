"""The table on the terminal: two lines a row, ours above Node's."""

import textwrap

from tests.scorecard.model import Outcome, Report, RowResult
from tests.scorecard.render import figures

COLUMNS = (
    ("", 8),
    ("verdict", 7),
    ("siblings hit", 12),
    ("lost", 6),
    ("doubled", 7),
    ("left", 5),
    ("recovery", 13),
    ("memory", 14),
)
INDENT = "   "
WIDTH = 110
REASONS = 3
"""Reasons of a red verdict that are printed; all are in the JSON."""


def table(report: Report) -> str:
    """Return the whole report as text."""
    lines = ["failure scorecard", figures.circumstances(report)]
    if note := figures.load_note(report):
        lines.append(note)
    if report.sabotage:
        lines.append(f"SABOTAGED: {report.sabotage}. What is red here is meant to be.")
    lines += ["", INDENT + _cells([name for name, _ in COLUMNS])]
    for number, row in enumerate(report.rows, 1):
        lines += [f"{number:2} {row.title}", *_row(row), ""]
    lines.append("not measured")
    for what in figures.NOT_MEASURED:
        lines += _wrapped(what, bullet="- ")
    return "\n".join([*lines, "", figures.verdict_line(report)])


def _row(row: RowResult) -> list[str]:
    outcomes = [(name, outcome) for name, outcome in _named(row) if outcome is not None]
    lines = [*_wrapped(outcomes[0][1].what_happened)] if outcomes else []
    for name, outcome in outcomes:
        lines.append(INDENT + _cells([name, *_figures(outcome)]))
        for reason in outcome.reasons[:REASONS]:
            lines += _wrapped(f"{name}: {reason.strip()}", bullet="- ")
    return lines


def _named(row: RowResult) -> list[tuple[str, Outcome | None]]:
    return [("sidecar", row.sidecar), ("node", row.node)]


def _figures(outcome: Outcome) -> list[str]:
    return [
        outcome.verdict.upper() if outcome.verdict == "red" else outcome.verdict,
        figures.siblings(outcome),
        figures.of_sessions(outcome, outcome.events_lost),
        figures.of_sessions(outcome, outcome.events_doubled),
        figures.count(outcome, outcome.processes_left),
        figures.recovery(outcome),
        figures.memory(outcome),
    ]


def _cells(values: list[str]) -> str:
    cells = (f"{value:<{width}}" for value, (_, width) in zip(values, COLUMNS, strict=True))
    return "  ".join(cells).rstrip()


def _wrapped(text: str, bullet: str = "") -> list[str]:
    first, rest = INDENT + bullet, INDENT + " " * len(bullet)
    short = text if len(text) < 4 * WIDTH else text[: 4 * WIDTH] + " …"
    return textwrap.wrap(short, WIDTH, initial_indent=first, subsequent_indent=rest)
