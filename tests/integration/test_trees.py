"""Trees of sessions: who stops, who falls and who comes back with whom, and in which order."""

import asyncio
import contextlib
from typing import Any

import pytest

from sidecar.contract.errors import SessionClosed, SidecarError, ValidationFailed
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text
from tests.support.trees import SHAPE, START_S, Tree, settled

SMALL = {"p": None, "x": "p", "y": "p", "z": "p"}
BOTTOM_UP = ["c3", "c2", "c1", "c", "b3", "b2", "b1", "b", "a3", "a2", "a1", "a", "root"]
"""Children first, in reverse order of start."""


async def remember(client: SidecarClient, *threads: str) -> None:
    """Give each a conversation that can be resumed."""
    for thread in threads:
        await client.request("session.sendTurn", turn_params(thread, "words to keep"))
    for thread in threads:
        await client.wait_event("turn.completed", thread_id=thread, timeout_s=START_S)


async def recalls(client: SidecarClient, thread: str) -> bool:
    """Tell whether a session remembers what was said before it fell."""
    after = client.events[-1].seq
    async with asyncio.timeout(START_S):
        while True:
            with contextlib.suppress(SessionClosed):
                await client.request("session.sendTurn", turn_params(thread, "@@recall"))
                break
            await asyncio.sleep(0.05)  # `ready` may overtake the supervisor's own note of it
    await client.wait_event("turn.completed", thread_id=thread, after=after, timeout_s=START_S)
    said = assistant_text([r for r in client.of_thread(thread) if r.seq > after])
    return "I remember 2 prompts" in said


def kind_is(kind: str) -> Any:
    return lambda event: (event["payload"].get("detail") or {}).get("kind") == kind


@pytest.mark.must("P5.24", "P5.25")
async def test_a_stop_of_the_root_stops_all_thirteen_the_deepest_first(
    client: SidecarClient,
) -> None:
    tree = Tree(client, SHAPE)
    await tree.start()
    pids = tree.pids()
    await client.request("session.sendTurn", turn_params("b2", "@@tool true@@"))
    await client.wait_event("request.opened", thread_id="b2", timeout_s=START_S)
    await client.request("session.sendTurn", turn_params("c1", "@@stream 10000 5 10"))
    await client.wait_event("content.delta", thread_id="c1", timeout_s=START_S)
    await client.request("session.stop", {"threadId": "root"}, timeout_s=START_S)
    await tree.wait_exits(set(SHAPE))
    assert tree.exits() == BOTTOM_UP
    assert await observer.wait_until_ended(pids.values(), 5) == []
    (resolved,) = tree.events("request.resolved")
    assert (resolved["threadId"], resolved["payload"]["decision"]) == ("b2", "cancel")
    for thread in SHAPE:
        assert_balanced(client.of_thread(thread))
    kinds = {e["payload"]["exitKind"] for e in tree.events("session.exited")}
    assert kinds == {"graceful"}


STRATEGIES: dict[str, tuple[list[str], list[str]]] = {
    "one_for_one": (["b", "b3", "b2", "b1"], ["b", "b1", "b2", "b3"]),
    "rest_for_one": (
        ["b", "b3", "b2", "b1", "c3", "c2", "c1", "c"],
        ["b", "b1", "b2", "b3", "c", "c1", "c2", "c3"],
    ),
    "one_for_all": (
        ["b", "b3", "b2", "b1", "c3", "c2", "c1", "c", "a3", "a2", "a1", "a"],
        ["a", "a1", "a2", "a3", "b", "b1", "b2", "b3", "c", "c1", "c2", "c3"],
    ),
}
"""Who exits, in order, and who is ready again: those of one family in order."""


@pytest.mark.must("P4.19", "P4.26", "P5.26")
@pytest.mark.parametrize("strategy", STRATEGIES)
async def test_a_crash_in_the_middle_follows_the_strategy(
    client: SidecarClient, strategy: str
) -> None:
    tree = Tree(client, SHAPE)
    await tree.start(root={"restart": {"strategy": strategy}})
    await remember(client, "b", "b1", "c")
    exits, readies = STRATEGIES[strategy]
    calm = set(SHAPE) - set(exits)
    before = tree.pids()
    await client.request("session.sendTurn", turn_params("root", "@@stream 400 10 10"))
    head = tree.kill("b")
    await tree.wait_ready(set(exits), head)
    assert tree.exits(head) == exits
    for family in ("root", "a", "b", "c"):
        ready = [t for t in tree.readies(head) if SHAPE[t] == family]
        assert ready == [t for t in readies if SHAPE[t] == family]
    order = tree.readies(head)
    assert all(order.index(SHAPE[t] or "") < order.index(t) for t in order if SHAPE[t] in order)
    restarting = tree.details("restarting", head)
    assert set(restarting) == set(exits)
    assert {t: d.get("because") for t, d in restarting.items()} == {
        t: None if t == "b" else "b" for t in exits
    }
    assert tree.touched(head) == set(exits)
    assert {t: pid for t, pid in tree.pids().items() if t in calm} == {t: before[t] for t in calm}
    cut = await client.wait_event("turn.completed", thread_id="root", timeout_s=START_S)
    assert cut.event["payload"]["state"] == "completed"
    for thread in {"b", "b1", *({"c"} & set(exits))}:
        assert await recalls(client, thread)
    for thread in SHAPE:
        assert_balanced(client.of_thread(thread), ended=False)


async def test_one_that_waits_and_one_that_is_wedged_delay_nobody(client: SidecarClient) -> None:
    tree = Tree(client, SMALL)
    await tree.start(y={"options": {"ignoreStop": True}})
    await client.request("session.sendTurn", turn_params("x", "@@tool true@@"))
    await client.wait_event("request.opened", thread_id="x")
    await client.request("session.sendTurn", turn_params("y", "@@hang"))
    await client.request("session.sendTurn", turn_params("z", "@@stream 30 5 10"))
    done = await client.wait_event("turn.completed", thread_id="z")
    assert done.event["payload"]["state"] == "completed"
    wedged = tree.pid("y")
    stopping = await client.send_request("session.stop", {"threadId": "p", "deadlineMs": 20_000})
    assert await observer.wait_until_none(tree.words["x"], 8) == []
    assert await observer.wait_until_none(tree.words["z"], 8) == []
    assert observer.is_running(wedged)
    assert observer.seen(tree.words["p"]), "a parent goes down after its children alone"
    await client.answer_to(stopping, timeout_s=START_S)
    await tree.wait_exits(set(SMALL))
    assert tree.exits() == ["z", "y", "x", "p"]


async def test_kill_is_a_shutdown_of_zero(client: SidecarClient) -> None:
    tree = Tree(client, {"p": None, "x": "p"})
    stubborn = {"options": {"ignoreStop": True}}
    await tree.start(x=stubborn | {"restart": {"shutdownMs": 0}})
    await client.request("session.sendTurn", turn_params("x", "@@hang"))
    wedged = tree.pid("x")
    stopping = await client.send_request("session.stop", {"threadId": "p", "deadlineMs": 50_000})
    assert await observer.wait_until_ended([wedged], 10) == []
    await client.answer_to(stopping, timeout_s=START_S)
    assert tree.exits() == ["x", "p"]


@pytest.mark.must("P5.27")
async def test_an_interrupt_goes_down_the_tree_children_first(client: SidecarClient) -> None:
    tree = Tree(client, {"p": None, "x": "p", "x1": "x", "y": "p"})
    await tree.start()
    running = ["p", "x1", "y"]

    async def all_stream() -> int:
        for thread in running:
            await client.request("session.sendTurn", turn_params(thread, "@@stream 10000 5 10"))
        after = client.events[-1].seq
        for thread in running:
            await client.wait_event("content.delta", thread_id=thread, after=after)
        return after

    after = await all_stream()
    await client.request("session.interrupt", {"threadId": "p"})
    for thread in running:
        done = await client.wait_event("turn.completed", thread_id=thread, after=after)
        assert done.event["payload"]["state"] in ("interrupted", "cancelled")
    order = [e["threadId"] for e in tree.events("turn.completed", after)]
    assert order[-1] == "p"
    after = await all_stream()
    await client.request("session.interrupt", {"threadId": "p", "cascade": False})
    await client.wait_event("turn.completed", thread_id="p", after=after)
    turn = await client.request("session.sendTurn", turn_params("p", "@@stream 10000 5 10"))
    named = {"threadId": "p", "turnId": turn["turnId"]}
    await client.request("session.interrupt", named)
    await client.wait_event(
        "turn.completed", thread_id="p", where=lambda e: e["turnId"] == turn["turnId"]
    )
    assert {e["threadId"] for e in tree.events("turn.completed", after)} == {"p"}


@pytest.mark.must("P5.27")
async def test_a_parent_is_interrupted_once_the_turns_below_have_ended(
    client: SidecarClient,
) -> None:
    """A turn ends with all that it has started, which takes a moment when that does not listen."""
    tree = Tree(client, {"p": None, "x": "p"})
    await tree.start(x={"runtimeMode": "full-access"})
    word = observer.new_sentinel()
    deaf = f"@@tool sh -c 'trap \"\" INT TERM HUP; while :; do sleep 1; done' {word}@@"
    await client.request("session.sendTurn", turn_params("x", deaf))
    assert await observer.wait_until_seen(word, 1, START_S)
    await client.request("session.sendTurn", turn_params("p", "@@stream 10000 5 10"))
    await client.wait_event("content.delta", thread_id="p")
    await client.request("session.interrupt", {"threadId": "p"})
    await client.wait_event("turn.completed", thread_id="p")
    assert [e["threadId"] for e in tree.events("turn.completed")] == ["x", "p"]


@pytest.mark.must("P5.28")
async def test_one_that_gives_up_takes_its_dependents_along(client: SidecarClient) -> None:
    tree = Tree(client, {"p": None, "x": "p", "x1": "x", "y": "p", "other": None})
    await tree.start(p={"restart": {"strategy": "one_for_all"}}, x={"restart": {"maxRestarts": 0}})
    head = tree.kill("x")
    await tree.wait_exits({"x", "x1", "y"}, head)
    assert tree.exits(head) == ["x", "x1", "y"]
    assert tree.details("gave-up", head)["x"]["maxRestarts"] == 0
    assert tree.details("stopped", head) == {
        thread: {"kind": "stopped", "because": "x"} for thread in ("x1", "y")
    }
    await client.request("session.sendTurn", turn_params("p", "hello"))
    assert tree.touched(head) == {"x", "x1", "y"}
    again = await client.request(
        "session.restart", {"threadId": "x", "idempotencyKey": "by hand"}, timeout_s=START_S
    )
    assert again["status"] == "ready"


@pytest.mark.must("P5.28")
async def test_a_significant_child_takes_its_parent_along(client: SidecarClient) -> None:
    tree = Tree(client, {"p": None, "x": "p", "y": "p", "other": None})
    await tree.start(y={"restart": {"significant": True, "maxRestarts": 0}})
    head = tree.kill("y")
    await tree.wait_exits({"p", "x", "y"}, head)
    assert tree.exits(head) == ["y", "x", "p"]
    assert {d["because"] for d in tree.details("stopped", head).values()} == {"y"}
    await settled(client)
    assert tree.touched(head) == {"p", "x", "y"}
    sessions = (await client.request("session.list"))["sessions"]
    assert {s["threadId"]: s["status"] for s in sessions} == {
        "p": "closed",
        "x": "closed",
        "y": "error",
        "other": "ready",
    }


async def test_a_stop_of_a_significant_child_is_no_end_of_its_own(client: SidecarClient) -> None:
    tree = Tree(client, {"p": None, "x": "p"})
    await tree.start(x={"restart": {"significant": True}})
    head = client.events[-1].seq
    await client.request("session.stop", {"threadId": "x"})
    await client.request("session.sendTurn", turn_params("p", "still here"))
    await client.wait_event("turn.completed", thread_id="p")
    assert tree.touched(head) == {"x"}


async def test_a_crash_while_the_group_comes_up_begins_anew(client: SidecarClient) -> None:
    tree = Tree(client, {"p": None, "x": "p", "y": "p"})
    await tree.start(
        p={"restart": {"strategy": "rest_for_one"}}, y={"options": {"startDelayMs": 1_500}}
    )
    head = tree.kill("y")
    await client.wait_event(
        "session.state.changed", thread_id="y", after=head, where=kind_is("restarting")
    )
    assert await observer.wait_until_seen(tree.words["y"], 1, START_S)
    tree.kill("x")
    await tree.wait_ready({"y"}, head, generation=3)
    await settled(client)
    assert tree.exits(head) == ["y", "x", "y"]
    assert tree.readies(head, 2) == ["x"]
    ready = [
        (e["threadId"], e["generation"])
        for e in tree.events("session.state.changed", head)
        if e["payload"]["state"] == "ready"
    ]
    assert ready == [("x", 2), ("y", 3)]
    assert tree.details("restarting", head)["y"]["because"] == "x"


async def test_a_stop_of_the_fallen_one_at_its_gate_frees_the_others(
    client: SidecarClient,
) -> None:
    tree = Tree(client, {"p": None, "x": "p", "y": "p"})
    await tree.start(p={"restart": {"strategy": "one_for_all"}})
    head = tree.kill("x")
    await client.wait_event(
        "session.state.changed", thread_id="x", after=head, where=kind_is("restarting")
    )
    await client.request("session.stop", {"threadId": "x"})
    await tree.wait_ready({"y"}, head)
    await settled(client)
    assert tree.exits(head).count("x") == 2
    assert tree.readies(head) == ["y"]
    session = await client.request("session.get", {"threadId": "x"})
    assert session["status"] == "closed"


async def test_a_stop_of_the_parent_reaches_those_at_their_gates(client: SidecarClient) -> None:
    tree = Tree(client, SMALL)
    await tree.start(p={"restart": {"strategy": "one_for_all"}})
    head = tree.kill("x")
    await tree.wait_exits({"x", "y", "z"}, head)
    await client.request("session.stop", {"threadId": "p"}, timeout_s=START_S)
    await settled(client)
    for thread in SMALL:
        assert_balanced(client.of_thread(thread))
    assert tree.exits()[-1] == "p"
    assert set(client.events[-1].event["threadId"]) == {"p"}


async def test_a_temporary_child_does_not_come_back_with_the_others(
    client: SidecarClient,
) -> None:
    tree = Tree(client, {"p": None, "x": "p", "y": "p"})
    await tree.start(y={"restart": {"policy": "temporary"}})
    head = tree.kill("p")
    await tree.wait_ready({"p", "x"}, head)
    await settled(client)
    assert tree.exits(head) == ["p", "y", "x"]
    assert tree.details("stopped", head) == {"y": {"kind": "stopped", "because": "p"}}


@pytest.mark.must("P5.29")
async def test_a_spec_that_can_never_mean_anything_is_refused(client: SidecarClient) -> None:
    both = {"policy": "permanent", "significant": True}
    with pytest.raises(ValidationFailed, match="significant"):
        await client.request("session.start", start_params("t1", restart=both))
    with pytest.raises(SidecarError):
        await client.request("session.get", {"threadId": "t1"})


@pytest.mark.must("P5.29")
async def test_a_child_of_a_parent_that_is_down_is_on_its_own_until_that_is_started(
    client: SidecarClient,
) -> None:
    tree = Tree(client, {"p": None, "x": "p"})
    await client.request("session.start", start_params("p"))
    await client.request("session.stop", {"threadId": "p"})
    options = {"sentinel": tree.words["x"]}
    await client.request("session.start", start_params("x", parent="p", options=options))
    head = tree.kill("x")
    await tree.wait_ready({"x"}, head)
    await client.request("session.start", start_params("p", options={"sentinel": tree.words["p"]}))
    head = tree.kill("p")
    await tree.wait_ready({"p"}, head, generation=3)
    await tree.wait_ready({"x"}, head, generation=3)
    assert tree.exits(head) == ["p", "x"]
