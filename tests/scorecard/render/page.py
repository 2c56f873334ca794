"""One self-contained page: the picture, then every row with its figures and reasons."""

from html import escape

from tests.scorecard.model import Outcome, Report, RowResult
from tests.scorecard.render import figures
from tests.scorecard.render.picture import picture
from tests.scorecard.render.style import STYLE

HEADINGS = ("", "siblings hit", "lost", "doubled", "left", "recovery", "memory")
REASONS = 8
"""Reasons of a red verdict that are shown."""

SYSTEMS = (("sidecar", "sidecar"), ("node", "Node baseline"))


def html(report: Report) -> str:
    """Return the page: no script, nothing fetched, light and dark by the reader's own setting."""
    rows = "\n".join(_row(number, row) for number, row in enumerate(report.rows, 1))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Failure scorecard</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>Failure scorecard</h1>
<p class="verdict {"good" if report.green else "bad"}">{escape(figures.verdict_line(report))}</p>
<p class="dim">{escape(figures.circumstances(report))}</p>
{_notes(report)}
<figure>{picture(report)}</figure>
{rows}
{_method(report)}
</main>
</body>
</html>
"""


def _notes(report: Report) -> str:
    notes = [figures.load_note(report)]
    if report.sabotage:
        notes.append(f"Sabotaged: {report.sabotage}. What is red here is meant to be.")
    return "".join(f'<p class="note">{escape(note)}</p>' for note in notes if note)


def _row(number: int, row: RowResult) -> str:
    outcomes = [
        (label, outcome) for name, label in SYSTEMS if (outcome := getattr(row, name)) is not None
    ]
    happened = outcomes[0][1].what_happened if outcomes else ""
    cells = "".join(f"<th scope='col'>{heading}</th>" for heading in HEADINGS)
    body = "".join(_outcome(label, outcome) for label, outcome in outcomes)
    return f"""<section id="{escape(row.name)}">
<h2><span class="number">{number}</span> {escape(row.title)}</h2>
<p>{escape(happened)}</p>
<div class="wide"><table><thead><tr>{cells}</tr></thead>{body}</table></div>
</section>"""


def _outcome(label: str, outcome: Outcome) -> str:
    mark = "✓" if outcome.verdict == "green" else "✕"
    kind = "good" if outcome.verdict == "green" else "bad"
    values = (
        (figures.siblings(outcome), outcome.siblings_affected > 0),
        (figures.of_sessions(outcome, outcome.events_lost), outcome.events_lost > 0),
        (figures.of_sessions(outcome, outcome.events_doubled), outcome.events_doubled > 0),
        (figures.count(outcome, outcome.processes_left), outcome.processes_left > 0),
        (figures.recovery(outcome), False),
        (figures.memory(outcome), False),
    )
    cells = "".join(
        f"<td{' class=bad' if wrong else ''}>{escape(text)}</td>" for text, wrong in values
    )
    told = [reason.strip()[:600] for reason in outcome.reasons[:REASONS]]
    if (more_reasons := len(outcome.reasons) - REASONS) > 0:
        told.append(f"and {more_reasons} more, which are in the JSON")
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in told)
    more = "".join(
        f"<li><span class=dim>{escape(name)}</span> {escape(str(value))}</li>"
        for name, value in outcome.extra.items()
        if value is not None
    )
    lists = (f"<ul class=reasons>{reasons}</ul>" if reasons else "") + (
        f"<details><summary>further figures</summary><ul>{more}</ul></details>" if more else ""
    )
    return f"""<tbody>
<tr><th scope="row"><span class="{kind}">{mark}</span> {label}</th>{cells}</tr>
{f"<tr><td colspan={len(HEADINGS)}>{lists}</td></tr>" if lists else ""}
</tbody>"""


def _method(report: Report) -> str:
    command = escape(" ".join(report.command))
    not_measured = "".join(f"<li>{escape(what)}</li>" for what in figures.NOT_MEASURED)
    return f"""<section class="dim">
<h2>How this was counted</h2>
<p>Both systems were given the same agents and the same scenario, one after the other, each in a
fresh folder. Counts come from outside: each agent notes every piece of text before and after it
writes it, with an id; the consumer keeps what it got; processes are found in <code>/proc</code> by
a random word in their arguments. Lost is what had left its agent whole and never came; memory is
the proportional set size of a system's own processes, agents left out. The Node baseline is
<code>child_process</code> adapters in one heap, without a defect that ours does not have too.</p>
<p>Ours was <code>{command}</code>.</p>
<h2>What is not measured</h2>
<ul>{not_measured}</ul>
</section>"""
