"""What a sidecar holds while hundreds of sessions come and go, counted from outside and by itself.

A session is started, used and ended in one of four ways, a few at a time. Owns the cycles and the
looks; judges nothing.
"""

import asyncio
import os
from dataclasses import dataclass
from pathlib import Path

from tests.support.client import SidecarClient
from tests.support.sidecar import start_params, turn_params

AT_ONCE = 4
WAIT_S = 60.0
LOOK_EVERY_S = 0.05

FILLING = "@@stream 3000 1 30"
"""12,000 events of some 350 bytes in all: the journal's tail keeps 4 MiB."""

COUNTS = ("fds", "threads", "tasks", "zombies", "journal", "processes")
"""What must not grow: descriptors, threads and asyncio tasks of the supervisor, dead children of
anybody below it that nobody waits for, its descriptors on the journal, living processes below."""


@dataclass(frozen=True, slots=True)
class Look:
    """What there is at one moment when nothing runs."""

    counts: dict[str, int]
    pss_bytes: int


async def look(client: SidecarClient, pid: int) -> Look:
    """Count everything once."""
    metrics = (await client.request("metrics.get"))["metrics"]
    targets = _targets(pid)
    below = _below(pid)
    counts = {
        "fds": len(targets),
        "threads": len(list(Path(f"/proc/{pid}/task").iterdir())),
        "tasks": metrics["sidecar_tasks"],
        "zombies": sum(_field(other, 0) == "Z" for other in below),
        "journal": sum("journal.db" in target for target in targets),
        "processes": sum(_field(other, 0) != "Z" for other in below),
    }
    return Look(counts, _pss(pid))


async def settled_look(client: SidecarClient, pid: int, before: Look | None = None) -> Look:
    """Look until nothing is above `before`, or has not changed for a second; what is seen then.

    An ended session's last descriptors close a moment after its exit was said.
    """
    seen = await look(client, pid)
    quiet = 0
    while quiet * LOOK_EVERY_S < 1.0:
        if before is not None and not grown(before, seen):
            return seen
        await asyncio.sleep(LOOK_EVERY_S)
        again = await look(client, pid)
        quiet = quiet + 1 if again.counts == seen.counts else 0
        seen = again
    return seen


def grown(before: Look, after: Look) -> dict[str, tuple[int, int]]:
    """Return what there is more of, with both counts."""
    return {
        name: (before.counts[name], after.counts[name])
        for name in COUNTS
        if after.counts[name] > before.counts[name]
    }


async def cycles(client: SidecarClient, numbers: range) -> None:
    """Run cycles, AT_ONCE at a time, each kind of end in turn."""
    gate = asyncio.Semaphore(AT_ONCE)
    kinds = (_used, _crashed, _cut, _with_child)

    async def one(number: int) -> None:
        async with gate:
            await kinds[number % len(kinds)](client, f"churn-{number}")

    await asyncio.gather(*(one(number) for number in numbers))


async def fill(client: SidecarClient) -> None:
    """Say more than the journal keeps in memory, so that what is bounded is full from here on.

    In events about as large as those of the cycles: what is freed fits what comes.
    """
    threads = [f"filler-{number}" for number in range(AT_ONCE)]
    for thread in threads:
        await client.request("session.start", start_params(thread), timeout_s=WAIT_S)
        await client.request("session.sendTurn", turn_params(thread, FILLING))
    for thread in threads:
        await client.wait_event("turn.completed", thread_id=thread, timeout_s=WAIT_S)
        await client.request("session.stop", {"threadId": thread}, timeout_s=WAIT_S)


async def _used(client: SidecarClient, thread: str) -> None:
    """One turn to its end, then a stop."""
    await client.request("session.start", start_params(thread), timeout_s=WAIT_S)
    await client.request("session.sendTurn", turn_params(thread, "@@flood 20"))
    await client.wait_event("turn.completed", thread_id=thread, timeout_s=WAIT_S)
    await client.request("session.stop", {"threadId": thread}, timeout_s=WAIT_S)


async def _crashed(client: SidecarClient, thread: str) -> None:
    """A crash in mid-turn; nothing restarts it."""
    params = start_params(thread, restart={"policy": "temporary"})
    await client.request("session.start", params, timeout_s=WAIT_S)
    await client.request("session.sendTurn", turn_params(thread, "@@daemon @@crash"))
    await client.wait_event("session.exited", thread_id=thread, timeout_s=WAIT_S)


async def _cut(client: SidecarClient, thread: str) -> None:
    """A stop in mid-turn."""
    await client.request("session.start", start_params(thread), timeout_s=WAIT_S)
    await client.request("session.sendTurn", turn_params(thread, "@@stream 10000 10 50"))
    await client.wait_event("content.delta", thread_id=thread, timeout_s=WAIT_S)
    await client.request("session.stop", {"threadId": thread}, timeout_s=WAIT_S)


async def _with_child(client: SidecarClient, thread: str) -> None:
    """A stop of a parent, whose child asks a person."""
    child = f"{thread}-child"
    await client.request("session.start", start_params(thread), timeout_s=WAIT_S)
    params = start_params(child, parent=thread)
    await client.request("session.start", params, timeout_s=WAIT_S)
    await client.request("session.sendTurn", turn_params(child, "@@tool true@@"))
    await client.wait_event("request.opened", thread_id=child, timeout_s=WAIT_S)
    await client.request("session.stop", {"threadId": thread}, timeout_s=WAIT_S)


def _targets(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    found = []
    for name in os.listdir(folder):  # noqa: PTH208 (Path.iterdir would keep it open)
        try:
            found.append(os.readlink(folder / name))  # noqa: PTH115 (no Path a descriptor)
        except OSError:
            continue
    return found


def _below(pid: int) -> list[int]:
    """Return all processes below a process."""
    parents = {
        int(entry.name): _field(int(entry.name), 1)
        for entry in Path("/proc").iterdir()
        if entry.name.isdigit()
    }
    found: list[int] = []
    level = {str(pid)}
    while level:
        next_level = {other for other, parent in parents.items() if parent in level}
        found += next_level
        level = {str(other) for other in next_level}
    return found


def _field(pid: int, index: int) -> str:
    """Return a field of /proc/PID/stat behind the name: state, parent, …; "" if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return ""
    return stat.rpartition(b")")[2].split()[index].decode()


def _pss(pid: int) -> int:
    """Return the PSS without pages of files.

    Their share changes with who else runs the same Python now, and the kernel takes them back.
    """
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    kib = {line.split()[0]: int(line.split()[1]) for line in text.splitlines()[1:]}
    return (kib["Pss:"] - kib.get("Pss_File:", 0)) * 1024
