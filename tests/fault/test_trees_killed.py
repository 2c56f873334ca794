"""The supervisor is killed while trees of sessions run, wait at gates, and lie given up."""

from pathlib import Path

import pytest

from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar
from tests.support.streams import assert_balanced
from tests.support.trees import START_S, Tree, settled

SHAPE = {
    "p": None,
    "x": "p",
    "y": "p",
    "y1": "y",
    "q": None,
    "gone": "q",
    "below": "gone",
    "sober": None,
}


@pytest.mark.must("P5.23")
async def test_a_tree_comes_back_as_it_was_and_who_had_given_up_does_not(tmp_path: Path) -> None:
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    client = sidecar.client()
    try:
        await client.connect()
        tree = Tree(client, SHAPE)
        await tree.start(
            p={"restart": {"strategy": "rest_for_one"}},
            gone={"restart": {"maxRestarts": 0}},
        )
        head = tree.kill("gone")
        await tree.wait_exits({"gone", "below"}, head)
        head = tree.kill("x")
        await tree.wait_exits({"x", "y1", "y"}, head)  # now they wait at their gates
        await kill_and_start(sidecar, client)
        await client.wait_for(
            lambda: {"p", "x", "y", "y1", "q", "sober"} <= since(tree, head),
            "all",
            timeout_s=START_S,
        )
        await settled(client)
        assert since(tree, head) == {"p", "x", "y", "y1", "q", "sober"}
        order = [t for t in ready_order(tree, head) if t in ("p", "y", "y1")]
        assert order == ["p", "y", "y1"]
        head = tree.kill("x")
        await client.wait_for(lambda: {"x", "y", "y1"} <= since(tree, head), timeout_s=START_S)
        assert tree.exits(head) == ["x", "y1", "y"], "the order of start has come back too"
        for thread in SHAPE:
            assert_balanced(client.of_thread(thread), ended=False)
    finally:
        await client.close()
        await sidecar.stop()


async def kill_and_start(sidecar: RunningSidecar, client: SidecarClient) -> None:
    """Kill the supervisor, start another one on its data, and come back with the cursor."""
    sidecar.kill()
    await client.wait_closed()
    await sidecar.wait()
    await sidecar.start()
    client.url = sidecar.ready["url"]
    await client.close()
    await client.connect()


def ready_order(tree: Tree, after: int) -> list[str]:
    """Return who got ready behind `after`, in order."""
    events = tree.events("session.state.changed", after)
    return [e["threadId"] for e in events if e["payload"]["state"] == "ready"]


def since(tree: Tree, after: int) -> set[str]:
    return set(ready_order(tree, after))
