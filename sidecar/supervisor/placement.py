"""Every host there is, and who lives in which.

    launching ── up ──► up ── idle, told to end / its one session ended / died ──► ending ──► gone
        └── could not be launched ───────────────────────────────────────────────────────────► gone

One host may be a *spare*: it is up and waits for the next session that lives alone, so that its
start need not wait for it (docs/adr/0023).

Owns hosts from their launch until what was below them is dead. Only here is decided that a host
ends, so no session can be sent to one that is about to go. What a session does in its seat is its
generation's affair.
"""

import asyncio
import importlib
import time
from collections.abc import Callable
from contextlib import suppress

from sidecar.contract.errors import Overloaded, SidecarError
from sidecar.contract.frames import EndFrame, SessionSpec, WaitFrame
from sidecar.core.placement import ALONE, PlacementRules, Wish, choose, root_of
from sidecar.journal import Journal
from sidecar.observe.log import Log
from sidecar.process.containment import HEADROOM, Containment
from sidecar.supervisor.hostlink import HostEnd, HostLink
from sidecar.supervisor.launch import HostLauncher
from sidecar.supervisor.launch.base import cannot_launch
from sidecar.supervisor.patience import POOR_S, POOR_TRIES, journalled
from sidecar.supervisor.seats import Host, Seat
from sidecar.supervisor.spare import has_room

HOST_END_S = 3.0
"""What an idle host gets to stop what its sessions shared, and to go."""

END_GRACE_S = 1.0
"""What it gets beyond that before it is killed."""

SPARE_AFTER_S = 0.01
"""The end of a start to the fork of the next spare host: the answer goes first."""

SPARE_KEPT_S = 60.0
"""A spare host waits so long beyond the last session: who stops one often starts another."""

NEVER_LAUNCHED = HostEnd("its host could not be launched", "", 0)

UNTOLD = HostEnd("its host ended while memory was short", "", 0)

SharingKey = Callable[[SessionSpec], str]


class Hosts:
    """Gives seats, launching hosts as the rules say."""

    def __init__(
        self,
        launcher: HostLauncher,
        journal: Journal,
        rules: PlacementRules,
        log: Log,
        *,
        parent_of: Callable[[str], str | None],
        sharing_module: Callable[[str], str | None],
        containment: Containment | None = None,
    ) -> None:
        self._launcher = launcher
        self._journal = journal
        self._rules = rules
        self._log = log
        self._parent_of = parent_of
        self._sharing_module = sharing_module
        self._containment = containment
        self._hosts: dict[int, Host] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0
        self._spare: Host | None = None
        self._spare_timer: asyncio.TimerHandle | None = None
        self._closing = False
        self.scarce = False
        """Set while memory is: then no host waits."""

    @property
    def spare_pid(self) -> int | None:
        """The pid of the host that waits for a session; None when none does, or not yet."""
        spare = self._spare
        return spare.link.process.pid if spare and spare.link and spare.up.done() else None

    @property
    def count(self) -> int:
        """How many hosts there are."""
        return len(self._hosts)

    def make_sure(self) -> None:
        """Kill once more those that were to be killed and live."""
        for host in tuple(self._hosts.values()):
            if host.link is not None:
                host.link.make_sure()

    def up(self) -> list[HostLink]:
        """Return the hosts that run and are to go on: those whose loop must turn."""
        hosts = (h for h in self._hosts.values() if h.up.done() and not h.ending)
        return [host.link for host in hosts if host.link is not None and not host.link.lost]

    def seat(self, spec: SessionSpec, hard_bytes: int | None = None) -> Seat:
        """Return a seat for a generation, in a host that may still be on its way up.

        `hard_bytes` is its budget: a host of its own is held to it, and a little more.
        """
        wish = self._wish(spec)
        number = choose(wish, [host.room() for host in self._hosts.values()])
        if number is not None:
            return Seat(self._hosts[number], self._left, joined=True)
        spare = self._take_spare(wish, hard_bytes)
        host = spare or self._new_host(wish, spec, hard_bytes)
        return Seat(host, self._left, joined=spare is not None)

    def keep_spare(self) -> None:
        """Have a host wait for the next session: a start is over.

        Not on a machine that is short of memory or descriptors, nor before all that hosts share
        is imported. Nothing happens when one waits already.
        """
        self._in_time(SPARE_AFTER_S, self._make_spare)

    def drop_spare(self, reason: str) -> None:
        """End the host that waits, if there is one, or was to be."""
        if self._spare_timer is not None:
            self._spare_timer.cancel()
        if self._spare is not None:
            spare, self._spare = self._spare, None
            self._tell_to_end(spare, HOST_END_S, reason)

    async def close(self, deadline_s: float) -> None:
        """Have every host stop what its sessions shared, and go; the launcher kills the rest."""
        self._closing = True
        self._spare = None
        if self._spare_timer is not None:
            self._spare_timer.cancel()
        for host in list(self._hosts.values()):
            self._tell_to_end(host, deadline_s, "the sidecar stops")
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=deadline_s + END_GRACE_S)

    def release(self) -> None:
        """Give back what the system holds hosts by; every host is gone."""
        if self._containment is not None:
            self._containment.close()

    def _wish(self, spec: SessionSpec) -> Wish:
        thread_id = spec.thread_id
        return self._rules.wish(
            thread_id,
            sharing_key=self._sharing_key(spec),
            root=root_of(thread_id, spec.start.parent, self._parent_of),
            live_sessions=sum(len(host.taken) for host in self._hosts.values()),
        )

    def _sharing_key(self, spec: SessionSpec) -> str | None:
        """Return whom the session shares a host with; None when its options are no good.

        It gets a host of its own then, and there the provider says what is wrong.
        """
        module = self._sharing_module(spec.provider)
        if module is None:
            return None
        sharing_key: SharingKey = importlib.import_module(module).sharing_key
        try:
            return f"{spec.provider} {sharing_key(spec)}"
        except SidecarError:
            return None
        except Exception as error:  # noqa: BLE001 - it reads what a client sent
            self._log.exception("placement.no-sharing-key", error)
            return None

    def _take_spare(self, wish: Wish, hard_bytes: int | None) -> Host | None:
        """Return the host that waits, or is on its way, if it is fit for the session.

        One is put into a cell as long as it has no children, with its session's limit: one that
        is to have a limit is launched anew.
        """
        spare = self._spare
        held = self._containment is not None and hard_bytes is not None
        if spare is None or wish.group is not None or held:
            return None
        if spare.zygote != self._launcher.zygote_pid:
            self.drop_spare("its zygote is gone")
            return None
        self._spare = None
        return spare if spare.room().open else None

    def _make_spare(self) -> None:
        self._spare_timer = None
        if self._spare is not None and self._spare.zygote != self._launcher.zygote_pid:
            self.drop_spare("its zygote is gone")
        wanted = not (self._closing or self.scarce or self._spare)
        if wanted and self._launcher.warm and has_room():
            self._spare = self._begin(Host(self._next_number(), ALONE, ""))
            self._spare.zygote = self._launcher.zygote_pid

    def _in_time(self, delay_s: float, act: Callable[[], None]) -> None:
        """Look after the spare host in a while; only what was asked for last is done."""
        if self._spare_timer is not None:
            self._spare_timer.cancel()
        if not self._closing:
            self._spare_timer = asyncio.get_running_loop().call_later(delay_s, act)

    def _next_number(self) -> int:
        self._number += 1
        return self._number

    def _new_host(self, wish: Wish, spec: SessionSpec, hard_bytes: int | None) -> Host:
        module = "" if spec.package_dir else spec.module
        host = Host(self._next_number(), wish, module)
        if hard_bytes is not None and not host.shared:
            host.limit_bytes = int(hard_bytes * HEADROOM)
        return self._begin(host)

    def _begin(self, host: Host) -> Host:
        self._hosts[host.number] = host
        task = asyncio.create_task(self._run(host), name=f"host {host.number}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return host

    async def _run(self, host: Host) -> None:
        """Be with a host from its launch to its end. Never raises but for cancellation."""
        end = NEVER_LAUNCHED
        try:
            await self._launch(host)
            host.up.set_result(None)
        except SidecarError as error:
            host.fail(error)
        except Exception as error:  # noqa: BLE001 - those who wait for it must hear of it
            self._log.exception("host.launch-failed", error)
            host.fail(cannot_launch(error))
        if host.link is not None:
            end = self._released(host, await _end_of(host.link))
        host.ending = True
        self._gone(host)
        host.end.set_result(end)
        if host.shared_mark and not end.survivors:
            dropped = self._journal.drop_marks([host.shared_mark])
            await journalled(dropped, "drop mark", self._log)

    def _gone(self, host: Host) -> None:
        del self._hosts[host.number]
        if self._spare is host:
            self._spare = None
        elif self._spare is not None and len(self._hosts) == 1:
            self._in_time(SPARE_KEPT_S, self._drop_unused)

    def _drop_unused(self) -> None:
        if len(self._hosts) == 1:
            self.drop_spare("no session lives")

    async def _launch(self, host: Host) -> None:
        if host.shared_mark:
            noted = self._journal.add_mark(host.shared_mark, "")
            if not await journalled(noted, "mark", self._log):
                raise Overloaded("Cannot start the session: the journal cannot be written")
        process = await self._launcher.launch(module=host.module)
        host.link = HostLink(process, self._log, lambda opened: self._idle(host, opened))
        if self._containment is not None:
            enter, pid = self._containment.enter, process.pid
            host.cell = await asyncio.to_thread(enter, pid, host.limit_bytes)
        if host.ending:  # whoever it was for has gone
            host.link.kill("is not needed any more")
        await host.link.attach()
        if self._spare is host:
            host.link.send(WaitFrame())

    def _released(self, host: Host, end: HostEnd) -> HostEnd:
        """Give a host's cell back; what the system did there explains its end, if nothing else."""
        if host.cell is None:
            return end
        figures = host.cell.verdict() if end.detail is None else None
        host.cell.close()
        if figures is None:
            return end
        self._log.warning("host.out-of-memory", detail=figures)
        return end._replace(reason="memory: the system ended it at its limit", detail=figures)

    def _left(self, host: Host, slot: int) -> None:
        host.taken.discard(slot)
        if host.link is not None:
            host.link.release(slot)
        if not host.shared:
            host.ending = True
            if host.link is not None and not (host.up.done() and host.opens):
                host.link.kill("is not needed any more")

    def _idle(self, host: Host, opened: int) -> None:
        """End a host that says it is idle, unless a session is on its way to it."""
        if not host.taken and opened == host.opens:
            self._tell_to_end(host, HOST_END_S, "idle")

    def _tell_to_end(self, host: Host, deadline_s: float, reason: str) -> None:
        if host.ending and not host.shared:
            return  # it goes by itself
        host.ending = True
        if host.link is None:
            return
        host.link.send(EndFrame(int(deadline_s * 1000), reason))
        timer = asyncio.get_running_loop().call_later(
            deadline_s + END_GRACE_S, host.link.kill, "did not end in time"
        )
        host.end.add_done_callback(lambda _: timer.cancel())


async def _end_of(link: HostLink) -> HostEnd:
    """Wait for a host's end, whether there is memory to tell of it or not; never before it."""
    tries = 0
    while tries < POOR_TRIES or not link.process.ended:
        try:
            return await link.ended()
        except MemoryError:
            tries += 1
            time.sleep(POOR_S)  # noqa: ASYNC251 - whatever yields would take memory
        if tries >= POOR_TRIES:
            with suppress(MemoryError):
                await asyncio.sleep(0)  # the end is heard of only while the loop turns
    return UNTOLD
