"""The fold: its golden files, its rules against naive models, its bounds, dump and load."""

import gc
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.contract.events import EVENTS
from sidecar.contract.limits import ACTIVE_TEXT_BYTES
from sidecar.core.fold import Fold, FoldFormatError, bounds, text
from sidecar.core.fold.bounds import weight
from sidecar.core.fold.rules import DELTAS, RULES
from sidecar.core.fold.text import TextWindow, last_bytes
from tests.fixtures.fold import make
from tests.support.folding import FOLDER, as_event, event, fill, fold_of, plain

GOLDEN = sorted(path.stem for path in FOLDER.glob("*.json"))


# Golden files


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_file_folds_to_what_it_expects(name: str) -> None:
    golden = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    assert plain(fold_of(golden["events"])) == fill(golden["expected"])


@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_file_is_not_stale(name: str) -> None:
    assert (FOLDER / f"{name}.json").read_text(encoding="utf-8") == make.render(name)


def test_every_scenario_has_its_golden_file() -> None:
    assert sorted(scenario.__name__ for scenario in make.SCENARIOS) == GOLDEN


# Which events count


def test_every_type_flagged_fold_has_a_rule_and_no_other_but_the_deltas() -> None:
    assert set(RULES) == {name for name, spec in EVENTS.items() if spec.fold}
    assert set(DELTAS) == {"content.delta", "turn.proposed.delta"}


@pytest.mark.parametrize("late", ["turn.started", "session.exited", "session.state.changed"])
def test_a_late_event_of_an_old_generation_changes_nothing(late: str) -> None:
    fold = fold_of([event("session.configured", {"config": {}}, 1, generation=2)])
    before = plain(fold)
    payload = {"state": "error"} if late == "session.state.changed" else {}
    fold.apply(as_event(event(late, payload, 2, generation=1, turnId="u")))
    assert plain(fold) == before


def test_nothing_of_a_generation_counts_after_its_exit() -> None:
    fold = fold_of([event("session.exited", {"exitKind": "error"}, 1)])
    before = plain(fold)
    fold.apply(as_event(event("session.state.changed", {"state": "ready"}, 2)))
    fold.apply(as_event(event("turn.started", {}, 3, turnId="u")))
    assert plain(fold) == before
    assert before["sessions"]["t1"]["status"] == "error"


def test_a_new_generation_begins_with_nothing_open() -> None:
    fold = fold_of(
        [
            event("turn.started", {}, 1, turnId="u"),
            event("item.started", {"itemType": "plan"}, 2, itemId="i"),
            event("request.opened", {"requestType": "unknown"}, 3, requestId="r"),
            event("task.started", {"taskId": "k"}, 4),
            event("session.state.changed", {"state": "starting"}, 5, generation=2),
        ]
    )
    session = fold.session("t1")
    assert session is not None
    assert (session.turn, session.requests, session.tasks) == (None, {}, {})
    assert session.open_items() == []


# Sessions that ended


@contextmanager
def shrunk(module: Any, **values: int) -> Iterator[None]:
    """Make bounds small for a test."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setattr(module, name, value)
        yield


def exits(*threads: str) -> list[dict[str, Any]]:
    return [event("session.exited", {}, n, threadId=t) for n, t in enumerate(threads)]


def test_the_session_that_exited_first_is_forgotten_above_the_bound() -> None:
    with shrunk(bounds, EXITED_SESSIONS=2):
        fold = fold_of([*exits("a", "b"), event("turn.started", {}, 9, threadId="live")])
        assert fold.thread_ids() == ["a", "b", "live"]
        fold.apply(as_event(exits("c")[0]))
    assert fold.thread_ids() == ["b", "live", "c"]


def parks(*threads: str) -> list[dict[str, Any]]:
    parked = {"state": "stopped", "detail": {"kind": "parked", "idleMs": 1}}
    said = [event("session.state.changed", parked, threadId=thread) for thread in threads]
    return [*said, *exits(*threads)]


def test_a_parked_session_is_not_forgotten_because_others_ended() -> None:
    with shrunk(bounds, EXITED_SESSIONS=2):
        fold = fold_of([*parks("p", "q"), *exits("a", "b", "c")])
        assert fold.thread_ids() == ["p", "q", "b", "c"]
        again = Fold.load(fold.dump())
        again.apply(as_event(exits("d")[0]))
    assert again.thread_ids() == ["p", "q", "c", "d"]
    assert again.parked == 2


def test_parked_sessions_have_a_bound_of_their_own() -> None:
    with shrunk(bounds, PARKED_SESSIONS=2):
        fold = fold_of([*exits("a"), *parks("p", "q", "r")])
    assert fold.thread_ids() == ["a", "q", "r"]
    assert fold.parked == 2


def test_a_parked_session_that_is_stopped_counts_as_ended() -> None:
    stopped = event("session.exited", {}, 5, threadId="p", generation=2)
    with shrunk(bounds, EXITED_SESSIONS=2):
        fold = fold_of([*parks("p"), *exits("a"), stopped, *exits("b")])
    assert fold.thread_ids() == ["p", "b"]
    assert fold.parked == 0


def test_what_is_read_of_an_ended_session_is_a_copy() -> None:
    fold = fold_of(exits("a"))
    one = fold.session("a")
    assert one is not None
    one.cwd = "/elsewhere"
    assert one != fold.session("a")
    assert "a" in fold
    assert "b" not in fold


def test_an_ended_session_costs_less_than_a_kibibyte() -> None:
    facts = {"cwd": "/home/somebody/project", "model": "a-model-of-theirs", "resume": False}
    config = {"session": facts, "resumeCursor": {"sessionId": "0123456789abcdef" * 2}}
    gc.collect()
    tracemalloc.start()
    try:
        fold = Fold()
        for n in range(500):
            thread = f"thread-{n}"
            configured = event("session.configured", {"config": config}, threadId=thread)
            fold.apply(as_event(configured))
            fold.apply(as_event(event("session.exited", {}, threadId=thread)))
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(fold.thread_ids()) == 500
    assert used_bytes < 500 * 1024


def test_a_dump_of_an_earlier_build_is_read() -> None:
    """It has every field of a session, also those that have their default."""
    fold = fold_of([*exits("a"), event("turn.started", {}, 9, threadId="live", turnId="u")])
    sessions = [
        {name: getattr(session, name) for name in session.__struct_fields__}
        for session in map(fold.session, fold.thread_ids())
        if session is not None
    ]
    for session in sessions:
        session["turn"] = session["turn"] and {
            "turn_id": "u",
            "started_at": "x",
            "text": [False, []],
        }
    again = Fold.load(msgspec.msgpack.encode([1, sessions, ["a"], {}]))
    assert again.session("a") == fold.session("a")
    assert [again.generation_of(t) for t in ("a", "live")] == [1, 1]
    assert again.thread_ids() == ["a", "live"]


def test_a_session_that_runs_again_does_not_count_as_ended() -> None:
    with shrunk(bounds, EXITED_SESSIONS=2):
        again = event("session.configured", {"config": {}}, 5, threadId="a", generation=2)
        fold = fold_of([*exits("a", "b"), again, *exits("c")])
    assert fold.thread_ids() == ["a", "b", "c"]


def test_the_generation_of_a_forgotten_thread_is_remembered() -> None:
    fold = fold_of([event("session.exited", {}, 1, generation=3)])
    fold.forget("t1")
    fold = Fold.load(fold.dump())
    assert fold.session("t1") is None
    assert fold.generation_of("t1") == 3
    fold.apply(as_event(event("turn.started", {}, 2, generation=3, turnId="u")))
    assert fold.thread_ids() == []
    fold.apply(as_event(event("turn.started", {}, 2, generation=4, turnId="u")))
    assert fold.generation_of("t1") == 4


def test_the_memory_of_forgotten_threads_is_bounded() -> None:
    with shrunk(bounds, FORGOTTEN=2):
        fold = fold_of(exits("a", "b", "c"))
        for thread in ("a", "b", "c", "never"):
            fold.forget(thread)
    assert [fold.generation_of(t) for t in ("a", "b", "c", "never")] == [0, 1, 1, 0]


# Text


def naive_window(pieces: list[tuple[str, str]], bound: int, runs: int) -> tuple[Any, bool]:
    """Return (item → text, truncated) as rule X3 says it, the slow way."""
    joined: list[list[str]] = []
    for item, piece in pieces:
        if joined and joined[-1][0] == item:
            joined[-1][1] += piece
        else:
            joined.append([item, piece])
    kept = joined[-runs:]
    chars = [(item, char) for item, piece in kept for char in piece]
    total = sum(len(piece) for _, piece in pieces)
    while sum(len(char.encode()) for _, char in chars) > bound:
        chars.pop(0)
    shown: dict[str, str] = {}
    for item, char in chars:
        shown[item] = shown.get(item, "") + char
    return shown, len(chars) < total


PIECES = st.lists(
    st.tuples(st.sampled_from("ab"), st.text("xé€🙂", min_size=1, max_size=9)), max_size=40
)


@given(PIECES, st.integers(0, 40))
def test_the_text_window_keeps_what_the_rule_says(pieces: list[tuple[str, str]], cut: int) -> None:
    with shrunk(text, ACTIVE_TEXT_BYTES=40, TEXT_RUNS=6, CHUNK_BYTES=8):
        window = TextWindow()
        for n, (item, piece) in enumerate(pieces):
            if n == cut:
                window = TextWindow.load(window.dump())
            window.append(item, "unknown", piece)
        shown = {item: kinds["unknown"] for item, kinds in window.streams().items()}
        assert (shown, window.truncated) == naive_window(pieces, 40, 6)


def test_the_text_window_holds_no_more_than_its_bound_and_a_chunk() -> None:
    window = TextWindow()
    for n in range(20_000):
        window.append(f"item{n % 3}", "assistant_text", "€" * 50)
    held = sum(len(text.encode()) for _, _, text in window.dump()[1])
    assert held <= ACTIVE_TEXT_BYTES + text.CHUNK_BYTES + 150


@given(st.text("xé€🙂"), st.integers(0, 30))
def test_last_bytes_is_the_longest_end_of_whole_characters(said: str, bound: int) -> None:
    kept = last_bytes(said, bound)
    assert said.endswith(kept)
    assert len(kept.encode()) <= bound
    if kept != said:
        longer = said[len(said) - len(kept) - 1 :]
        assert len(longer.encode()) > bound


def test_weight_counts_bytes_of_strings_and_eight_for_the_rest() -> None:
    assert weight("é") == 2
    assert weight({"ab": [1, None, b"xyz"]}) == 8 + 2 + 8 + 8 + 8 + 3


# Dump and load


THREADS, TURNS, IDS = ("t1", "t2"), (None, "u1", "u2"), (None, "x", "y", "z")
ITEM = {"itemType": "plan"}
SAID: list[tuple[str, dict[str, Any]]] = [
    ("session.configured", {"config": {"session": {"parent": "t2", "model": "m"}}}),
    ("session.configured", {"config": {"resumeCursor": {"deep": [1, b"bin"]}}}),
    ("session.state.changed", {"state": "waiting"}),
    ("session.state.changed", {"state": "error", "reason": "r", "detail": {"kind": "gave-up"}}),
    ("session.state.changed", {"state": "starting", "detail": {"kind": "restarting", "count": 2}}),
    ("session.exited", {"exitKind": "error", "reason": "r"}),
    ("thread.token-usage.updated", {"usage": {"usedTokens": 5}}),
    ("turn.started", {"model": "m2"}),
    ("turn.completed", {"state": "failed", "errorMessage": "no"}),
    ("item.started", ITEM),
    ("item.updated", {**ITEM, "status": "inProgress"}),
    ("item.completed", {**ITEM, "status": "declined"}),
    ("content.delta", {"streamKind": "assistant_text", "delta": "abcdé"}),
    ("content.delta", {"streamKind": "command_output", "delta": "🙂"}),
    ("turn.proposed.delta", {"delta": "1."}),
    ("request.opened", {"requestType": "unknown", "args": {"a": 1.5}}),
    ("request.resolved", {"requestType": "unknown"}),
    ("user-input.requested", {"questions": []}),
    ("task.started", {"taskId": "k", "agentId": "a"}),
    ("task.updated", {"taskId": "k", "status": "idle"}),
    ("task.completed", {"taskId": "k", "status": "failed"}),
    ("runtime.error", {"message": "m"}),
    ("tool.summary", {"summary": "not folded"}),
]
"""One of each kind of thing that an event can say."""


@st.composite
def any_event(draw: st.DrawFn) -> dict[str, Any]:
    type_, payload = draw(st.sampled_from(SAID))
    ids = {
        "turnId": draw(st.sampled_from(TURNS)),
        "itemId": draw(st.sampled_from(IDS)),
        "requestId": draw(st.sampled_from(IDS)),
    }
    return event(
        type_,
        payload,
        draw(st.integers(0, 99)),
        threadId=draw(st.sampled_from(THREADS)),
        generation=draw(st.sampled_from((1, 1, 1, 2))),
        **{key: value for key, value in ids.items() if value is not None},
    )


@given(st.lists(any_event(), max_size=60), st.integers(0, 60))
def test_a_fold_goes_on_from_its_dump_as_if_nothing_had_been(
    maps: list[dict[str, Any]], cut: int
) -> None:
    with (
        shrunk(text, ACTIVE_TEXT_BYTES=20, TEXT_RUNS=4, CHUNK_BYTES=8),
        shrunk(bounds, TURN_ITEMS=3, LOOSE_ITEMS=2, PENDING_REQUESTS=2, EXITED_SESSIONS=1),
    ):
        events = [as_event(map_) for map_ in maps]
        whole, part = Fold(), Fold()
        for event_ in events:
            whole.apply(event_)
        for event_ in events[:cut]:
            part.apply(event_)
        again = Fold.load(part.dump())
        assert again.snapshot() == part.snapshot()
        for event_ in events[cut:]:
            again.apply(event_)
        assert again.snapshot() == whole.snapshot()
        for thread in THREADS:
            one, other = again.session(thread), whole.session(thread)
            assert (one and one.open_items()) == (other and other.open_items())
            assert again.generation_of(thread) == whole.generation_of(thread)


@pytest.mark.parametrize(
    "blob",
    [b"", b"\xc1", b"\x00", msgspec.msgpack.encode([99, [], [], {}]), Fold().dump()[:-1]],
    ids=["empty", "no msgpack", "no dump", "another format", "cut"],
)
def test_a_dump_that_is_none_is_refused(blob: bytes) -> None:
    with pytest.raises(FoldFormatError):
        Fold.load(blob)


def test_a_snapshot_is_not_changed_by_later_events() -> None:
    fold = fold_of(make.life())
    snapshot = fold.snapshot()
    before = msgspec.to_builtins(snapshot)
    for map_ in (
        event("item.started", ITEM, 40, itemId="new", turnId="u1"),
        event("task.started", {"taskId": "k"}, 41),
        event("request.opened", {"requestType": "unknown"}, 42, requestId="r"),
    ):
        fold.apply(as_event(map_))
    assert msgspec.to_builtins(snapshot) == before
    assert plain(fold) != before


def test_a_snapshot_can_be_of_some_threads() -> None:
    fold = fold_of(make.tree())
    some = fold.snapshot(["a", "unknown"]).sessions
    assert list(some) == ["a"]
    assert some["a"].children == ["c"]
