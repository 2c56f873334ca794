"""In which order a tree of sessions is brought back. Pure."""

from collections.abc import Mapping


def parents_to_wait_for(parents: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return for each thread the parent that must be up before it, None for those that go first.

    `parents` are all threads that ran. A parent that is not among them is not waited for: somebody
    has stopped it and let its children live. Nor is one that lies in a ring.
    """
    return {
        thread: parent if parent in parents and not _in_ring(thread, parents) else None
        for thread, parent in parents.items()
    }


def _in_ring(thread: str, parents: Mapping[str, str | None]) -> bool:
    """Tell whether a thread is its own ancestor."""
    seen: set[str] = set()
    ancestor = parents.get(thread)
    while ancestor is not None and ancestor not in seen:
        if ancestor == thread:
            return True
        seen.add(ancestor)
        ancestor = parents.get(ancestor)
    return False
