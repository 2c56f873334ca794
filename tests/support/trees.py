"""Trees of demo sessions for tests, and what their events say of order and of who was touched."""

import asyncio
import os
import signal
from collections.abc import Mapping
from typing import Any

from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import start_params

START_S = 60.0
"""Thirteen agents start on a machine that is busy with other tests."""

SHAPE = {
    "root": None,
    **dict.fromkeys(("a", "b", "c"), "root"),
    **{f"{parent}{number}": parent for parent in "abc" for number in (1, 2, 3)},
}
"""1 + 3 + 9 sessions, each with its parent, in order of start: breadth first."""


class Tree:
    """A tree that was started; every agent has a word in its argv by which it is found."""

    def __init__(self, client: SidecarClient, shape: Mapping[str, str | None]) -> None:
        self.client = client
        self.shape = shape
        self.words = {thread: observer.new_sentinel() for thread in shape}

    async def start(self, **of_thread: dict[str, Any]) -> None:
        """Start all, asked for at once; `of_thread` are more params of single sessions."""
        asked = []
        for thread, parent in self.shape.items():
            more = dict(of_thread.get(thread, {}))
            more["options"] = {"sentinel": self.words[thread], **more.get("options", {})}
            if parent is not None:
                more["parent"] = parent
            asked.append(
                await self.client.send_request("session.start", start_params(thread, **more))
            )
        for number in asked:
            await self.client.answer_to(number, timeout_s=START_S)

    def pid(self, thread: str) -> int:
        """Return the pid of a session's agent."""
        (agent,) = observer.roots(observer.seen(self.words[thread]))
        return agent.pid

    def pids(self) -> dict[str, int]:
        """Return the pids of all agents."""
        return {thread: self.pid(thread) for thread in self.shape}

    def kill(self, thread: str) -> int:
        """Kill a session's agent, as a crash; returns the last seq before it."""
        head = self.client.events[-1].seq
        os.kill(self.pid(thread), signal.SIGKILL)
        return head

    async def wait_ready(self, threads: set[str], after: int, generation: int = 2) -> None:
        """Wait until each of `threads` is ready in that generation."""

        def all_ready() -> bool:
            return threads <= set(self.readies(after, generation))

        await self.client.wait_for(all_ready, f"{sorted(threads)} ready", timeout_s=START_S)

    async def wait_exits(self, threads: set[str], after: int = 0) -> None:
        """Wait until each of `threads` has exited behind `after`."""
        await self.client.wait_for(
            lambda: threads <= set(self.exits(after)),
            f"exits of {sorted(threads)}",
            timeout_s=START_S,
        )

    def exits(self, after: int = 0) -> list[str]:
        """Return who exited behind `after`, in order."""
        return [e["threadId"] for e in self.events("session.exited", after)]

    def readies(self, after: int = 0, generation: int = 2) -> list[str]:
        """Return who got ready in a generation, in order."""
        return [
            e["threadId"]
            for e in self.events("session.state.changed", after)
            if e["payload"]["state"] == "ready" and e["generation"] == generation
        ]

    def touched(self, after: int) -> set[str]:
        """Return who exited behind `after`, or began another generation."""
        begun = [
            e
            for e in self.events("session.state.changed", after)
            if e["payload"]["state"] == "starting"
        ]
        return {*self.exits(after), *(e["threadId"] for e in begun)}

    def details(self, kind: str, after: int = 0) -> dict[str, dict[str, Any]]:
        """Return the last detail of that kind of each session that has one."""
        found = {}
        for event in self.events("session.state.changed", after):
            detail = event["payload"].get("detail") or {}
            if detail.get("kind") == kind:
                found[event["threadId"]] = detail
        return found

    def events(self, event_type: str, after: int = 0) -> list[dict[str, Any]]:
        """Return the events of a type behind `after`."""
        return [
            r.event for r in self.client.events if r.seq > after and r.event["type"] == event_type
        ]


async def settled(client: SidecarClient) -> None:
    """Wait until what was appended so far has reached the client."""
    head = (await client.request("events.read", {"after": 0, "limit": 1}))["head"]
    async with asyncio.timeout(START_S):
        while client.cursor < head:
            await asyncio.sleep(0.01)
