"""The picture: rows by systems — what happened as a coloured cell, recovery and memory as bars.

Recovery has a scale of square roots, so that 100 ms is seen beside 20 s; memory is linear. Colours
are classes, so that the picture is light or dark as its page or its reader is.
"""

import math
from collections.abc import Iterable
from html import escape

from tests.scorecard.model import Outcome, Report, RowResult
from tests.scorecard.render import figures
from tests.scorecard.render.style import FILLS

WIDTH = 940
ROW = 52
TOP = 30
LANE = 20
"""Height of one system's part of a row."""
TITLE_X, CELLS_X, RECOVERY_X, MEMORY_X = 0, 346, 604, 778
MARGIN = 16
"""Around the picture where it stands alone."""

BAR = 104
"""Longest bar."""
COUNTS = (
    ("siblings", 0, figures.of_sessions),
    ("lost", 60, figures.of_sessions),
    ("doubled", 120, figures.of_sessions),
    ("left", 180, figures.count),
)
CELL = 54


def svg(report: Report) -> str:
    """Return the picture as a file of its own, light or dark as its reader is."""
    width, height = WIDTH + 2 * MARGIN, _height(report) + 2 * MARGIN
    paper = f'<rect x="-{MARGIN}" y="-{MARGIN}" width="{width}" height="{height}" class="f-paper"/>'
    box = f'viewBox="-{MARGIN} -{MARGIN} {width} {height}" width="{width}" height="{height}"'
    head, _, rest = picture(report, box).partition("</title>")
    return f"{head}</title><style>{FILLS}</style>{paper}{rest}\n"


def picture(report: Report, box: str | None = None) -> str:
    """Return the SVG element, in a box of its own size or another one."""
    box = box or f'viewBox="0 0 {WIDTH} {_height(report)}"'
    scales = _Scales(report)
    rows = "".join(
        _row(number, row, TOP + ROW * (number - 1), scales)
        for number, row in enumerate(report.rows, 1)
    )
    return (
        f'<svg {box} role="img" font-size="13" class="f-ink" '
        'font-family="system-ui, sans-serif" xmlns="http://www.w3.org/2000/svg">'
        f"<title>{escape(figures.verdict_line(report))}</title>{_head()}{rows}</svg>"
    )


def _height(report: Report) -> int:
    return TOP + ROW * len(report.rows) + 4


class _Scales:
    """The longest values, which get the longest bars."""

    def __init__(self, report: Report) -> None:
        outcomes = [o for row in report.rows for o in (row.sidecar, row.node) if o is not None]
        self._recovery = max((_time_ms(outcome) or 0 for outcome in outcomes), default=0) or 1
        memory = (_memory(outcome) or 0 for outcome in outcomes)
        self._memory = max(memory, default=0) or 1

    def recovery(self, value: float) -> float:
        return BAR * math.sqrt(value / self._recovery)

    def memory(self, value: float) -> float:
        return BAR * value / self._memory


def _time_ms(outcome: Outcome) -> float | None:
    """Return the recovery, or the start where that is what a row measures."""
    ready: float | None = outcome.extra.get("readyMedianMs")
    return outcome.recovery_ms if outcome.recovery_ms is not None else ready


def _memory(outcome: Outcome) -> int | None:
    return outcome.memory_after_bytes


def _head() -> str:
    heads: Iterable[tuple[int, str]] = (
        *((CELLS_X + x, name) for name, x, _ in COUNTS),
        (RECOVERY_X, "recovery (√)"),
        (MEMORY_X, "memory after"),
    )
    labels = "".join(f'<text x="{x}" y="20">{name}</text>' for x, name in heads)
    legend = (
        '<rect x="0" y="10" width="10" height="10" rx="2" class="f-ours"/>'
        '<text x="15" y="20">sidecar</text>'
        '<rect x="78" y="10" width="10" height="10" rx="2" class="f-node"/>'
        '<text x="93" y="20">Node baseline</text>'
    )
    return f'<g font-size="12" class="f-dim">{labels}{legend}</g>'


def _row(number: int, row: RowResult, y: int, scales: _Scales) -> str:
    lanes = ((row.sidecar, "ours", "sidecar"), (row.node, "node", "Node baseline"))
    drawn = "".join(
        _lane(outcome, colour, label, y + 6 + LANE * place, scales)
        for place, (outcome, colour, label) in enumerate(lanes)
        if outcome is not None
    )
    title = f'<a href="#{escape(row.name)}"><text x="{TITLE_X}" y="{y + 30}">'
    title += f'<tspan class="f-dim">{number}</tspan> {escape(row.title)}</text></a>'
    line = f'<line x1="0" x2="{WIDTH}" y1="{y}" y2="{y}" class="s-line"/>'
    return f"{line}{title}{drawn}"


def _lane(outcome: Outcome, colour: str, label: str, y: int, scales: _Scales) -> str:
    red = outcome.verdict == "red"
    mark = "✕" if red else "✓"
    verdict = f'<text x="{CELLS_X - 20}" y="{y + 14}" class="f-{_hue(red)}">{mark}</text>'
    counts = (
        outcome.siblings_affected,
        outcome.events_lost,
        outcome.events_doubled,
        outcome.processes_left,
    )
    cells = "".join(
        _cell(CELLS_X + x, y, words(outcome, count), bad=count > 0 or not outcome.carried_out)
        for (_, x, words), count in zip(COUNTS, counts, strict=True)
    )
    parts = [f"<g><title>{label}: {escape(outcome.what_happened)}</title>", verdict, cells]
    if (time_ms := _time_ms(outcome)) is not None:
        words = figures.recovery(outcome)
        parts.append(_bar(RECOVERY_X, y, scales.recovery(time_ms), colour, words))
    if (memory := _memory(outcome)) is not None:
        words = figures.megabytes(memory)
        parts.append(_bar(MEMORY_X, y, scales.memory(memory), colour, words))
    return "".join([*parts, "</g>"])


def _cell(x: int, y: int, words: str, *, bad: bool) -> str:
    hue = "dim" if words == figures.NONE else _hue(bad)
    fill = "none-fill" if words == figures.NONE else f"{hue}-fill"
    return (
        f'<rect x="{x}" y="{y}" width="{CELL}" height="{LANE - 2}" rx="3" class="f-{fill}"/>'
        f'<text x="{x + CELL / 2}" y="{y + 14}" text-anchor="middle" class="f-{hue}">'
        f"{words}</text>"
    )


def _bar(x: int, y: int, length: float, colour: str, words: str) -> str:
    width = max(length, 1.0)
    return (
        f'<rect x="{x}" y="{y + 3}" width="{width:.1f}" height="{LANE - 8}" rx="2" '
        f'class="f-{colour}"/><text x="{x + width + 5:.1f}" y="{y + 14}" font-size="12">'
        f"{escape(words)}</text>"
    )


def _hue(bad: bool) -> str:
    return "bad" if bad else "good"
