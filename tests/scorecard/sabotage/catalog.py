"""Every sabotage by name: what it disables, how, and which row must notice."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.scorecard.sabotage import bundle, containment, streams, supervision


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One mechanism switched off.

    `row` must turn red by it, and say so: `because` stands in its first reason, so that no row is
    red for another reason. `roles` are the processes of ours that it is in.
    """

    row: str
    what: str
    because: str
    disable: Callable[[], None]
    roles: tuple[str, ...] = ("serve", "zygote", "host")


SABOTAGES: dict[str, Sabotage] = {
    "no-stall-watch": Sabotage(
        "hang",
        "nobody looks for turns that stand still",
        "was not resumed by itself",
        supervision.no_stall_watch,
    ),
    "no-kill": Sabotage(
        "hang", "the stop ladder ends at SIGTERM", "the stopped agent lives on", containment.no_kill
    ),
    "no-restart": Sabotage(
        "crash", "what fell stays down", "was not resumed by itself", supervision.no_restart
    ),
    "no-ledger": Sabotage(
        "crash",
        "open requests are not resolved at an exit",
        "request was not resolved once",
        supervision.no_ledger,
    ),
    "no-drain": Sabotage(
        "crash", "an exit does not wait for what was said", "events lost", streams.no_drain
    ),
    "no-fence": Sabotage(
        "crash",
        "the next generation does not wait for the end of the last",
        "beside [",
        supervision.no_fence,
    ),
    "no-subreaper": Sabotage("crash", "orphans fall to init", "beside [", containment.no_subreaper),
    "no-budget": Sabotage(
        "leak", "nobody counts memory", "beyond its budget", supervision.no_budget
    ),
    "no-heartbeat": Sabotage(
        "code",
        "nobody asks hosts whether they turn",
        "spins was not resumed by itself",
        supervision.no_beats,
    ),
    "no-isolation": Sabotage(
        "code", "all sessions live in one host", "siblings affected", supervision.no_isolation
    ),
    "no-credit": Sabotage(
        "crowd", "windows never close", "beyond the stuck consumer's window", streams.no_credit
    ),
    "no-census": Sabotage(
        "churn", "a stop ends what it started itself", "lives on", containment.no_census
    ),
    "no-cascade": Sabotage("tree", "parents stop alone", "did not end", supervision.no_cascade),
    "no-commit": Sabotage(
        "cable", "events are shown before they are kept", "was shown is gone", streams.no_commit
    ),
    "no-undertaker": Sabotage(
        "cable",
        "nobody buries a dead supervisor",
        "after the main process",
        containment.no_undertaker,
    ),
    "no-marks": Sabotage(
        "cable", "a start sweeps nothing", "the next start has swept", containment.no_marks
    ),
    "no-excludes": Sabotage(
        "package", "nothing is left out of the bundle", "MB at ready", bundle.no_excludes
    ),
    "no-cid": Sabotage(
        "log",
        "log lines do not say whose they are",
        "the log does not tell",
        supervision.no_correlation,
    ),
}
