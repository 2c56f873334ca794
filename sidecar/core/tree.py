"""The tree that tree.get shows: sessions, provider-internal subagents, processes.

Pure: sessions come from the fold, processes as samples that somebody else took.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from sidecar.contract.results import TreeNode
from sidecar.contract.snapshot import SessionSnapshot, SnapshotState


class Key(Protocol):
    """The identity of a process."""

    @property
    def pid(self) -> int: ...
    @property
    def create_time(self) -> float: ...


class Sample(Protocol):
    """One process, as sidecar/process samples it."""

    @property
    def key(self) -> Key: ...
    @property
    def parent(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def rss_bytes(self) -> int: ...
    @property
    def cpu_ms(self) -> int: ...


def tree_nodes(
    state: SnapshotState, samples: Mapping[str, Sequence[Sample]], root: str | None
) -> list[TreeNode]:
    """Return the nodes below `root` (all when None), parents before children.

    A session's figures are the sums of its own processes', without its child sessions'. The
    samples' create times are seconds since 1970. Those of the thread "" belong to hosts of
    several sessions and to no session: they come last, if all are asked for.
    """
    nodes: list[TreeNode] = []
    wanted = _below(state, root) if root is not None else list(state.sessions)
    for thread_id in wanted:
        session = state.sessions[thread_id]
        processes = samples.get(thread_id, ())
        own = {p.key.pid for p in processes}
        tops = [_process_id(p) for p in processes if p.parent not in own]
        agents = _agents(session)
        top_agents = [agent.id for agent in agents if agent.parent == thread_id]
        nodes.append(
            TreeNode(
                kind="session",
                id=thread_id,
                state=session.status,
                parent=session.parent,
                started_at=session.created_at,
                rss_bytes=sum(p.rss_bytes for p in processes) if processes else None,
                cpu_ms=sum(p.cpu_ms for p in processes) if processes else None,
                children=[*session.children, *top_agents, *tops],
            )
        )
        nodes += agents
        nodes += [_process_node(p, processes, own, thread_id) for p in processes]
    if root is None:
        shared = samples.get("", ())
        pids = {p.key.pid for p in shared}
        nodes += [_process_node(p, shared, pids, None) for p in shared]
    return nodes


def _agents(session: SessionSnapshot) -> list[TreeNode]:
    """Return the open tasks of a session as nodes, an agent's own agents below it."""
    ids = {task_id: f"task:{session.thread_id}/{task_id}" for task_id in session.tasks}
    of_agent = {
        task["agentId"]: ids[task_id]
        for task_id, task in session.tasks.items()
        if task.get("agentId")
    }
    parents = {
        task_id: of_agent.get(task.get("parentAgentId"), session.thread_id)
        for task_id, task in session.tasks.items()
    }
    by_id = {node_id: task_id for task_id, node_id in ids.items()}
    for task_id in ids:
        if _in_ring(task_id, parents, by_id):
            parents[task_id] = session.thread_id  # as of one that names nobody
    nodes = []
    for task_id, task in session.tasks.items():
        children = [ids[other] for other in ids if parents[other] == ids[task_id]]
        nodes.append(
            TreeNode(
                kind="subagent",
                id=ids[task_id],
                state=task.get("status") or "running",
                parent=parents[task_id],
                title=task.get("title") or task.get("description"),
                started_at=task.get("startedAt"),
                children=children,
            )
        )
    return nodes


def _in_ring(task_id: str, parents: Mapping[str, str], by_id: Mapping[str, str]) -> bool:
    """Tell whether an agent is its own ancestor."""
    seen: set[str] = set()
    above = by_id.get(parents[task_id])
    while above is not None and above != task_id and above not in seen:
        seen.add(above)
        above = by_id.get(parents[above])
    return above == task_id


def _below(state: SnapshotState, root: str) -> list[str]:
    """Return root and its descendants, each once, even if the parents form a ring."""
    found: list[str] = []
    queue = [root]
    while queue:
        thread_id = queue.pop(0)
        if thread_id in state.sessions and thread_id not in found:
            found.append(thread_id)
            queue += state.sessions[thread_id].children
    return found


def _process_node(
    process: Sample, all_: Sequence[Sample], own: set[int], thread_id: str | None
) -> TreeNode:
    return TreeNode(
        kind="process",
        id=_process_id(process),
        state=process.name or "process",
        parent=f"pid:{process.parent}" if process.parent in own else thread_id,
        pid=process.key.pid,
        create_time=process.key.create_time,
        rss_bytes=process.rss_bytes,
        cpu_ms=process.cpu_ms,
        children=[_process_id(p) for p in all_ if p.parent == process.key.pid],
    )


def _process_id(process: Sample) -> str:
    return f"pid:{process.key.pid}"
