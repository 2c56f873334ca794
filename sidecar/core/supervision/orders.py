"""In which order a tree comes up and goes down: the one is the other, read backwards.

Pure. `parents` maps each session to its parent and iterates in order of start.
"""

from collections.abc import Mapping


def start_order(parents: Mapping[str, str | None], *roots: str) -> list[str]:
    """Return `roots` and their descendants: each before its children, children in order of start.

    Each is named once, even if the parents form a ring. Of any depth: it does not recurse.
    """
    children: dict[str, list[str]] = {}
    for id_, parent in parents.items():
        if parent is not None:
            children.setdefault(parent, []).append(id_)
    seen: dict[str, None] = {}
    stack = list(reversed(roots))
    while stack:
        id_ = stack.pop()
        if id_ not in seen:
            seen[id_] = None
            stack += reversed(children.get(id_, ()))
    return list(seen)


def stop_order(parents: Mapping[str, str | None], *roots: str) -> list[str]:
    """Return trees as they are stopped: children first, in reverse order of start; roots last."""
    return start_order(parents, *roots)[::-1]
