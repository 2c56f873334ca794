"""Functions whose code was laid side by side are the same functions."""

import subprocess
import sys
import traceback
from collections.abc import Callable
from types import CodeType
from typing import Any

import pytest

from sidecar.host.packing import _Copier, names_of
from sidecar.host.workingset import WORKING_SET
from tests.support.workingset import SESSIONS, recorded, sections, text_of

CODE = """
import importlib, json.decoder, json.encoder, statistics, textwrap, types
from sidecar.host.packing import pack

modules = [json.decoder, json.encoder, statistics, textwrap]
functions = [f for m in modules for f in vars(m).values() if isinstance(f, types.FunctionType)]
assert len(functions) > 30
names = [(f.__module__, f.__qualname__) for f in functions]
assert pack(names) >= len(functions)
before = [f.__code__ for f in functions]
assert pack(names[:1]) == 1  # only what is asked for
kept = [f.__code__ is code for f, code in zip(functions, before)]
assert not kept[0] and all(kept[1:])
assert statistics.mean([1, 3]) == 2
assert json.loads('{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
assert textwrap.wrap("some words", 6) == ["some", "words"]
"""


def adder(step: int) -> Callable[..., int]:
    """Return a closure."""

    def add(value: int, *, times: int = 2) -> int:
        return value + sum(step for _ in range(times))

    return add


def fails() -> None:
    raise ValueError("as before")


def copied(function: Any, *names: str) -> CodeType:
    copier = _Copier({(__name__, name): 0 for name in names})
    return copier.copy_of(function.__code__, __name__, function.__qualname__)


def test_a_copy_does_what_the_code_did(monkeypatch: pytest.MonkeyPatch) -> None:
    add = adder(3)
    copy = copied(add, add.__qualname__)
    assert copy is not add.__code__
    monkeypatch.setattr(add, "__code__", copy)
    assert (add(1), add(1, times=3)) == (7, 10)
    failing = copied(fails, "fails")
    monkeypatch.setattr(fails, "__code__", failing)
    with pytest.raises(ValueError, match="as before") as caught:
        fails()
    frame = traceback.extract_tb(caught.value.__traceback__)[-1]
    assert (frame.filename, frame.name, frame.line) == (
        __file__,
        "fails",
        'raise ValueError("as before")',
    )


def test_what_was_not_asked_for_keeps_its_code() -> None:
    assert copied(fails) is fails.__code__


def test_code_within_code_is_copied_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    inner = adder(1).__qualname__
    before, copy = adder(2).__code__, copied(adder, inner)
    monkeypatch.setattr(adder, "__code__", copy)
    assert adder(2)(1) == 5
    assert adder(2).__code__ is not before


def test_two_functions_of_one_code_share_the_copy() -> None:
    one, other = adder(1), adder(2)
    copier = _Copier({(__name__, one.__qualname__): 0})
    copies = [copier.copy_of(f.__code__, __name__, f.__qualname__) for f in (one, other)]
    assert copies[0] is copies[1]
    assert copies[0] is not one.__code__


def test_packed_functions_work_on() -> None:
    """In a process of its own, as it is for all of that one's life."""
    found = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")


def test_names_are_read_as_they_were_written() -> None:
    names = [("a.b", f"function_{n}.<locals>.<lambda>") for n in range(9)] + [("c", "x")]
    assert names_of(text_of([names, [("a.b", "last")]]).split('"""')[-2]) == [
        *names,
        ("a.b", "last"),
    ]


def test_what_all_sessions_do_stands_first_and_stopping_last() -> None:
    stop = ("sidecar.host.session", "HostSession.close")
    one = [("m", "b"), ("m", "a"), ("m", "one"), stop, ("m", "end")]
    other = [("m", "a"), ("m", "b"), ("m", "other"), stop, ("m", "b")]
    assert [section for section in sections([one, other]) if section] == [
        [("m", "a"), ("m", "b")],
        [("m", "one")],
        [("m", "other")],
        [("m", "end"), stop],
    ]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python records nothing")
async def test_nearly_all_that_a_session_runs_is_in_the_working_set() -> None:
    """If not: `python -m tests.support.workingset --write`."""
    ran = await recorded(*SESSIONS[0])
    ours = {name for name in ran if name[0].startswith("sidecar.")}
    missing = ours - set(names_of(WORKING_SET))
    assert len(ours) > 200
    assert len(missing) < 0.1 * len(ours), sorted(missing)
