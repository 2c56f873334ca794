"""The comparison with OTP can fail: each of these changes to our rules is found by it."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sidecar.core.lifecycle import IllegalTransition
from sidecar.core.supervision import forest, intensity
from sidecar.core.supervision.family import Family
from sidecar.core.supervision.forest import Forest
from sidecar.core.supervision.intensity import RestartIntensity, wants_restart
from tests.core.supervision.histories import live_through

ENOUGH = 400
"""Histories within which a mutant is found; most are within ten."""


@dataclass(frozen=True)
class Mutant:
    """A function of ours with a part of its source replaced."""

    name: str
    function: Callable[..., Any]
    old: str
    new: str
    homes: tuple[Any, ...] = (Forest,)

    def put(self, monkeypatch: pytest.MonkeyPatch) -> None:
        source = textwrap.dedent(inspect.getsource(self.function))
        assert source.count(self.old) == 1, "the mutation must name one place"
        made: dict[str, Any] = {}
        exec(source.replace(self.old, self.new), self.function.__globals__, made)
        for home in self.homes:
            monkeypatch.setattr(home, self.function.__name__, made[self.function.__name__])


INTENSITY, POLICY, RELATIVES = (RestartIntensity,), (forest, intensity), (Family,)

MUTANTS = [
    Mutant(
        "closes in order of start",
        Forest._closing_order,
        "self._family.line(",
        "(lambda nodes: self._family.line(nodes)[::-1])(",
    ),
    Mutant(
        "closes siblings first",
        Forest._closing_order,
        "[*siblings, *(node for node in line if node in below)]",
        "[*(node for node in line if node in below), *siblings]",
    ),
    Mutant("closes all of a group at once", Forest._close_next, "None if round_.closing else ", ""),
    Mutant("closes over a user's stop", Forest._close_next, " and node.is_last", ""),
    Mutant("opens in any order", Forest._is_next, "round_.first(node.spec.parent) is node", "True"),
    Mutant("opens while its group closes", Forest._is_next, "round_.marked or ", ""),
    Mutant(
        "opens below a parent at its gate",
        Forest._may_open,
        "parent.state is not State.UP or parent.mark is not None",
        "False",
    ),
    Mutant("opens a gate within its backoff", Forest._may_open, "node.due_s is not None", "False"),
    Mutant("has a group wait for nobody", Forest._is_next, "round_.due_s is not None", "False"),
    Mutant(
        "takes rest_for_one for one_for_all",
        Forest._group,
        "siblings[siblings.index(node) :]",
        "siblings",
    ),
    Mutant(
        "leaves the fallen one's successor out",
        Forest._group,
        "siblings[siblings.index(node) :]",
        "[node, *siblings[siblings.index(node) + 2 :]]",
    ),
    Mutant("takes one_for_all for rest_for_one", Forest._group, '== "one_for_all"', '== "nothing"'),
    Mutant("ties all siblings", Forest._group, 'strategy == "one_for_one"', "False"),
    Mutant(
        "ties the roots",
        Forest._group,
        "return [node]",
        "return [n for n in self._family.nodes.values() if n.spec.parent == node.spec.parent]",
    ),
    Mutant(
        "restarts temporary ones of a group",
        Forest._gather,
        'node.spec.policy == "temporary"',
        "False",
    ),
    Mutant("restarts children of temporary ones", Forest._gather, "orphan or", "False or"),
    Mutant("draws in what a user stops", Forest._gather, "if node.leaves", "if False"),
    Mutant("leaves descendants up", Family.trees, "list(seen)", "list(tops)", RELATIVES),
    Mutant("ignores significance", Forest._end_for_good, "ended.spec.significant", "False"),
    Mutant(
        "takes everyone for significant", Forest._end_for_good, "ended.spec.significant", "True"
    ),
    Mutant(
        "passes significance on to nobody",
        Forest._end_for_good,
        "parent = parent, self._family.parent(parent)",
        "parent = parent, None",
    ),
    Mutant("lets dependents live on", Forest._decide, "node, group)", "node, [])"),
    Mutant(
        "stops siblings at a normal end", Forest._decide, "node, [])", "node, self._group(node))"
    ),
    Mutant("restarts what a user stopped", Forest.stop_asked, "Mark.STOP", "None"),
    Mutant(
        "takes a suspended one's end for a fall",
        Forest._decide,
        "node.mark is Mark.SUSPEND and",
        "node.mark is Mark.SUSPEND and node.state is State.CLOSING and",
    ),
    Mutant(
        "looks at no child of one that is up",
        Forest.ready,
        "self._family.look_at(self._family.children(id_))",
        "pass",
    ),
    Mutant(
        "looks at no orphan", Family.remove, "self.look_at(self.children(id_))", "pass", RELATIVES
    ),
    Mutant(
        "looks at nobody's successor", Family.put_in, "self.look_at([next_])", "pass", RELATIVES
    ),
    Mutant(
        "looks at nobody of a round that is down",
        Family._count_in_round,
        "self.look_at(round_.firsts())",
        "pass",
        RELATIVES,
    ),
    Mutant(
        "looks at nobody once a backoff is over",
        Forest.tick,
        "[waiter] if isinstance(waiter, Node) else waiter.firsts()",
        "[]",
    ),
    Mutant(
        "keeps an order of closing that is old",
        Family._line_changed,
        "round_.to_close = None",
        "pass",
        RELATIVES,
    ),
    Mutant(
        "counts marks for the parent alone",
        Family._count,
        "node = self.parent(node)",
        "return",
        RELATIVES,
    ),
    Mutant(
        "does not see that nothing has to close below any more",
        Family._count,
        "self._touched[node.round] = None",
        "pass",
        RELATIVES,
    ),
    Mutant("resumes what cannot be", Forest._decide, "if end.recoverable else", "if True else"),
    Mutant("never restarts permanent ones", wants_restart, '"permanent"', '"never"', POLICY),
    Mutant(
        "restarts after a normal end",
        wants_restart,
        'exit_kind == "error"',
        "exit_kind",
        POLICY,
    ),
    Mutant("restarts temporary ones", wants_restart, '"transient"', '"temporary"', POLICY),
    Mutant("allows one restart more", RestartIntensity.decide, ">= self", "> self", INTENSITY),
    Mutant(
        "forgets a restart too late",
        RestartIntensity.decide,
        "> self._max_seconds",
        "> self._max_seconds + 1",
        INTENSITY,
    ),
    Mutant("never forgets a restart", RestartIntensity.decide, "while", "if False and", INTENSITY),
    Mutant("grows its backoff for ever", RestartIntensity.decide, ">= STABLE_S", "< 0", INTENSITY),
    Mutant(
        "has no bound on backoff",
        RestartIntensity.decide,
        "min(BACKOFF_LAST_S",
        "max(BACKOFF_LAST_S",
        INTENSITY,
    ),
    Mutant("jitters twice as much", RestartIntensity.decide, "* random", "* 2 * random", INTENSITY),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_mutant_is_found(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant.put(monkeypatch)
    with pytest.raises((AssertionError, IllegalTransition, LookupError)):
        for seed in range(ENOUGH):
            live_through(seed)
