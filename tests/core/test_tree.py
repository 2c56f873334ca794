"""tree.get's nodes: sessions, subagents, processes; each once, linked both ways."""

from typing import Any, NamedTuple

from sidecar.contract.snapshot import Restarts, SessionSnapshot, SnapshotState
from sidecar.core.tree import tree_nodes


class Key(NamedTuple):
    pid: int
    create_time: float


class Sample(NamedTuple):
    key: Key
    parent: int
    name: str = "agent"
    rss_bytes: int = 10
    cpu_ms: int = 5


def sample(pid: int, parent: int) -> Sample:
    return Sample(Key(pid, 1.0), parent)


def session(thread_id: str, **more: Any) -> SessionSnapshot:
    return SessionSnapshot(
        provider="demo",
        thread_id=thread_id,
        status="ready",
        runtime_mode="full-access",
        created_at="2026-01-01T00:00:00Z",
        updated_at="2026-01-01T00:00:00Z",
        generation=1,
        restarts=Restarts(),
        **more,
    )


def state(*sessions: SessionSnapshot) -> SnapshotState:
    return SnapshotState(sessions={s.thread_id: s for s in sessions})


def test_processes_hang_below_their_session_in_their_own_tree() -> None:
    nodes = tree_nodes(state(session("a")), {"a": [sample(10, 1), sample(11, 10)]}, None)
    assert [(n.id, n.parent, n.children) for n in nodes] == [
        ("a", None, ["pid:10"]),
        ("pid:10", "a", ["pid:11"]),
        ("pid:11", "pid:10", []),
    ]
    assert [(n.rss_bytes, n.cpu_ms) for n in nodes] == [(20, 10), (10, 5), (10, 5)]


def test_a_session_s_figures_are_those_of_its_own_processes() -> None:
    samples = {"a": [sample(10, 1)], "b": [sample(11, 1)]}
    a, b, c = tree_nodes(
        state(session("a", children=["b"]), session("b", parent="a"), session("c")), samples, None
    )[::2]
    assert [(n.id, n.rss_bytes) for n in (a, b)] == [("a", 10), ("b", 10)]
    assert (c.id, c.rss_bytes, c.cpu_ms) == ("c", None, None), "it does not run"


def test_what_belongs_to_no_session_comes_last_and_only_when_all_is_asked_for() -> None:
    samples = {"a": [sample(11, 10)], "": [sample(10, 1), sample(12, 10)]}
    nodes = tree_nodes(state(session("a")), samples, None)
    assert [(n.id, n.parent) for n in nodes] == [
        ("a", None),
        ("pid:11", "a"),
        ("pid:10", None),
        ("pid:12", "pid:10"),
    ]
    assert [n.id for n in tree_nodes(state(session("a")), samples, "a")] == ["a", "pid:11"]


def test_open_tasks_are_nodes_without_a_process() -> None:
    nodes = tree_nodes(state(session("a", tasks={"t1": {}})), {}, None)
    assert [(n.kind, n.id, n.parent) for n in nodes] == [
        ("session", "a", None),
        ("subagent", "task:a/t1", "a"),
    ]


def test_an_agent_of_an_agent_hangs_below_it() -> None:
    tasks = {
        "t1": {"agentId": "a1", "title": "Scout", "status": "waiting", "startedAt": "2026"},
        "t2": {"agentId": "a2", "parentAgentId": "a1", "description": "look"},
        "t3": {"agentId": "a3", "parentAgentId": "a3"},
        "t4": {"parentAgentId": "nobody"},
    }
    root, *agents = tree_nodes(state(session("a", tasks=tasks)), {}, None)
    assert root.children == ["task:a/t1", "task:a/t3", "task:a/t4"]
    assert [(n.id, n.parent, n.state, n.title, n.children) for n in agents] == [
        ("task:a/t1", "a", "waiting", "Scout", ["task:a/t2"]),
        ("task:a/t2", "task:a/t1", "running", "look", []),
        ("task:a/t3", "a", "running", None, []),
        ("task:a/t4", "a", "running", None, []),
    ]
    assert agents[0].started_at == "2026"


def test_agents_that_name_each_other_as_parents_hang_below_their_session() -> None:
    tasks = {
        "t1": {"agentId": "a1", "parentAgentId": "a2"},
        "t2": {"agentId": "a2", "parentAgentId": "a1"},
        "t3": {"agentId": "a3", "parentAgentId": "a1"},
    }
    root, *agents = tree_nodes(state(session("a", tasks=tasks)), {}, None)
    links = {node.id: node.parent for node in agents}
    assert set(links) == {"task:a/t1", "task:a/t2", "task:a/t3"}
    assert links["task:a/t3"] == "task:a/t1"
    reached = [*root.children]
    for node_id in reached:
        reached += next(node.children for node in agents if node.id == node_id)
    assert sorted(reached) == sorted(links), "each is reached from the session once"


def test_a_root_shows_its_descendants_and_nothing_else() -> None:
    whole = state(
        session("a", children=["b"]),
        session("b", parent="a", children=["c"]),
        session("c", parent="b"),
        session("x"),
    )
    assert [n.id for n in tree_nodes(whole, {}, "b")] == ["b", "c"]
    assert [n.id for n in tree_nodes(whole, {}, None)] == ["a", "b", "c", "x"]
    assert tree_nodes(whole, {}, "nobody") == []


def test_a_ring_of_parents_ends() -> None:
    ring = state(session("a", parent="b", children=["b"]), session("b", parent="a", children=["a"]))
    assert [n.id for n in tree_nodes(ring, {}, "a")] == ["a", "b"]
