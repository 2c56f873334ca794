"""Every sabotage by name: what it disables, how, and which row must notice."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.scorecard.sabotage import bundle, containment, streams, supervision


@dataclass(frozen=True, slots=True)
class Sabotage:
    """One mechanism switched off. `row` must turn red by it. `roles` are the processes it is in."""

    row: str
    what: str
    disable: Callable[[], None]
    roles: tuple[str, ...] = ("serve", "zygote", "host")


SABOTAGES: dict[str, Sabotage] = {
    "no-stall-watch": Sabotage(
        "hang", "nobody looks for turns that stand still", supervision.no_stall_watch
    ),
    "no-kill": Sabotage("hang", "the stop ladder ends at SIGTERM", containment.no_kill),
    "no-restart": Sabotage("crash", "what fell stays down", supervision.no_restart),
    "no-ledger": Sabotage(
        "crash", "open requests are not resolved at an exit", supervision.no_ledger
    ),
    "no-drain": Sabotage("crash", "an exit does not wait for what was said", streams.no_drain),
    "no-fence": Sabotage(
        "crash", "the next generation does not wait for the end of the last", supervision.no_fence
    ),
    "no-subreaper": Sabotage("crash", "orphans fall to init", containment.no_subreaper),
    "no-budget": Sabotage("leak", "nobody counts memory", supervision.no_budget),
    "no-heartbeat": Sabotage("code", "nobody asks hosts whether they turn", supervision.no_beats),
    "no-isolation": Sabotage("code", "all sessions live in one host", supervision.no_isolation),
    "no-credit": Sabotage("crowd", "windows never close", streams.no_credit),
    "no-census": Sabotage("churn", "a stop ends what it started itself", containment.no_census),
    "no-cascade": Sabotage("tree", "parents stop alone", supervision.no_cascade),
    "no-commit": Sabotage("cable", "events are shown before they are kept", streams.no_commit),
    "no-undertaker": Sabotage(
        "cable", "nobody buries a dead supervisor", containment.no_undertaker
    ),
    "no-marks": Sabotage("cable", "a start sweeps nothing", containment.no_marks),
    "no-excludes": Sabotage("package", "nothing is left out of the bundle", bundle.no_excludes),
    "no-cid": Sabotage("log", "log lines do not say whose they are", supervision.no_correlation),
}
