"""One host from the decision to launch it, and a generation's seat in it.

Owns nothing but itself: which host there is, and when it ends, is for placement.py to say.
"""

import asyncio
from collections.abc import Callable

import msgspec

from sidecar.contract.errors import SidecarError
from sidecar.contract.frames import Frame, OpenFrame, SessionSpec
from sidecar.core.correlation import Correlation
from sidecar.core.placement import Room, Wish
from sidecar.process import new_mark
from sidecar.process.containment import Cell
from sidecar.supervisor.hostlink import HostEnd, HostLink, SlotHandler


class Host:
    """One host process, from the decision to launch it."""

    def __init__(self, number: int, wish: Wish, module: str) -> None:
        loop = asyncio.get_running_loop()
        self.number = number
        self.wish = wish
        self.module = module
        """What its first session needs, if it is built in."""
        self.shared_mark = "" if wish.group is None else new_mark()
        self.limit_bytes: int | None = None
        """Of a host of one session: where the system itself ends it; None: nowhere."""
        self.cell: Cell | None = None
        self.link: HostLink | None = None
        self.taken: set[int] = set()
        self.slots = 0
        self.opens = 0
        """Open frames that were sent: a host that has seen fewer is not idle."""
        self.ending = False
        self.zygote: int | None = None
        """Of a host that waits: the zygote that it was forked from."""
        self.up: asyncio.Future[None] = loop.create_future()
        self.end: asyncio.Future[HostEnd] = loop.create_future()

    @property
    def shared(self) -> bool:
        """Whether several sessions may live in it."""
        return self.wish.group is not None

    def fail(self, error: SidecarError) -> None:
        """Tell those who wait that it does not come up."""
        self.ending = True
        self.up.set_exception(error)
        self.up.exception()  # marked as seen: whoever it was for may be gone

    def room(self) -> Room:
        """Return it as placement sees it."""
        open_ = not self.ending and (self.link is None or not self.link.lost)
        return Room(self.number, self.wish.group, self.wish.capacity, len(self.taken), open_)


class Seat:
    """One generation's place in a host: a slot, which is never given twice."""

    def __init__(self, host: Host, leave: Callable[[Host, int], None], *, joined: bool) -> None:
        self._host = host
        self._leave = leave
        self.joined = joined
        """Whether the host was there, or on its way, before we asked: if it dies, others do."""
        self.slot = host.slots
        host.slots += 1
        host.taken.add(self.slot)

    @property
    def shared(self) -> bool:
        """Whether others may live in the host: it outlives this seat."""
        return self._host.shared

    @property
    def host_pid(self) -> int | None:
        """The host's pid, None before it was launched."""
        return self._host.link.process.pid if self._host.link else None

    @property
    def holds(self) -> bool:
        """Whether the host's end must be waited for: there is a process, and it may be ours."""
        return self._host.link is not None and (self._host.up.done() or not self.shared)

    @property
    def over(self) -> bool:
        """Whether the host is dead with all that was below it."""
        return self._host.end.done()

    @property
    def failure(self) -> str:
        """Why the host could not be launched; "" where it was, or is yet to be."""
        failed = self._host.up.exception() if self._host.up.done() else None
        return failed.message if isinstance(failed, SidecarError) else ""

    async def up(self) -> None:
        """Wait until the host takes frames. Raises what its launch raised."""
        await asyncio.shield(self._host.up)

    async def host_end(self) -> HostEnd:
        """Wait until the host is dead with all that was below it."""
        return await asyncio.shield(self._host.end)

    def open(self, handler: SlotHandler, spec: SessionSpec, credit_bytes: int) -> None:
        """Open the session in the slot, whose frames come to `handler`; after `up`."""
        assert self._host.link is not None
        self._host.link.bind(self.slot, handler, Correlation(spec.thread_id, spec.generation))
        self._host.opens += 1
        spec = msgspec.structs.replace(spec, shared_mark=self._host.shared_mark)
        self.send(OpenFrame(self.slot, spec, credit_bytes))

    def send(self, frame: Frame) -> None:
        """Send a frame; dropped when there is no host yet, or no more."""
        if self._host.link is not None:
            self._host.link.send(frame)

    def kill(self, reason: str) -> None:
        """Kill the host, with whoever else lives there: it no longer does what it must."""
        self._host.ending = True
        if self._host.link is not None and not self._host.end.done():
            self._host.link.kill(reason)

    def leave(self) -> None:
        """Give the seat back; a second call does nothing. An own host that is not gone ends."""
        self._leave(self._host, self.slot)
