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
    "no-turn-end": Sabotage(
        "crash",
        "a turn that was cut has no end",
        "turns began and",
        supervision.no_turn_end,
    ),
    "no-mute": Sabotage(
        "crash", "a resumed agent's history is news", "events doubled", streams.no_mute
    ),
    "no-backoff": Sabotage(
        "crash", "restarts come at once", "within its pause", supervision.no_backoff
    ),
    "no-intensity": Sabotage(
        "crash", "restarts go on for ever", "was restarted 4 times", supervision.no_intensity
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
    "no-owner": Sabotage(
        "code",
        "what is raised to nobody is nobody's",
        "raises was not resumed by itself",
        supervision.no_owner,
    ),
    "no-isolation": Sabotage(
        "code", "all sessions live in one host", "siblings affected", supervision.no_isolation
    ),
    "no-credit": Sabotage(
        "crowd",
        "clients' windows never close",
        "beyond the stuck consumer's window",
        streams.no_credit,
    ),
    "no-host-credit": Sabotage(
        "crowd", "hosts' windows never close", "of its flood", streams.no_host_credit
    ),
    "no-census": Sabotage(
        "churn", "a stop ends what it started itself", "lives on", containment.no_census
    ),
    "no-close": Sabotage(
        "churn", "an ended host keeps a descriptor", "more descriptors", containment.no_close
    ),
    "no-order": Sabotage(
        "tree", "parents stop before their children", "before its child", supervision.no_order
    ),
    "no-cascade": Sabotage("tree", "parents stop alone", "did not end", supervision.no_cascade),
    "no-replay": Sabotage(
        "cable",
        "a stream begins with what comes next",
        "a pulled cable has touched",
        streams.no_replay,
    ),
    "no-dedupe": Sabotage(
        "cable", "a key that was used is a new request", "one sent twice", streams.no_dedupe
    ),
    "no-guard": Sabotage(
        "cable",
        "hosts look after themselves as long as they turn",
        "has outlived all others",
        containment.no_guard,
    ),
    "no-tag": Sabotage(
        "cable",
        "what has scrubbed its environment is a stranger",
        "the next start has swept",
        containment.no_tag,
    ),
    "no-commit": Sabotage(
        "cable", "events are shown before they are kept", "was shown is gone", streams.no_commit
    ),
    "no-undertaker": Sabotage(
        "cable",
        "the zygote buries no dead supervisor",
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
