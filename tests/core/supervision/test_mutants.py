"""The comparison with OTP can fail: each of these changes to our rules is found by it."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from sidecar.core.lifecycle import IllegalTransition
from sidecar.core.supervision import forest, intensity
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


INTENSITY, POLICY = (RestartIntensity,), (forest, intensity)

MUTANTS = [
    Mutant("closes in order of start", Forest._close_next, "reversed(line)", "line"),
    Mutant("closes siblings first", Forest._is_sibling, "not in parents", "in parents"),
    Mutant("closes all of a group at once", Forest._close_next, "busy.add(id(node.round))", "pass"),
    Mutant("closes over a user's stop", Forest._close_next, "not in above", "is not None"),
    Mutant("opens in any order", Forest._open_gates, "place not in ahead", "True"),
    Mutant("opens while its group closes", Forest._open_gates, "not in shut", "is not None"),
    Mutant("opens below a parent at its gate", Forest._may_open, "return False", "pass"),
    Mutant("opens a gate within its backoff", Forest._may_open, "node.due_s is None", "True"),
    Mutant("has a group wait for nobody", Forest._may_open, "node.round.due_s is None", "True"),
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
    Mutant("ties the roots", Forest._group, '"one_for_one"\n', '"one_for_all"\n'),
    Mutant(
        "restarts temporary ones of a group",
        Forest._gather,
        'node.spec.policy == "temporary"',
        "False",
    ),
    Mutant("restarts children of temporary ones", Forest._gather, "orphan or", "False or"),
    Mutant("draws in what a user stops", Forest._gather, "if node.leaves", "if False"),
    Mutant("leaves descendants up", Forest._trees, "order = ", "return list(tops) or "),
    Mutant("ignores significance", Forest._end_for_good, "ended.spec.significant", "False"),
    Mutant(
        "takes everyone for significant", Forest._end_for_good, "ended.spec.significant", "True"
    ),
    Mutant(
        "passes significance on to nobody",
        Forest._end_for_good,
        "parent = parent, self._parent(parent)",
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
