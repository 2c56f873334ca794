"""Carries one round out: a launcher, two clients, twenty workers, and the faults of the plan."""

import asyncio
import itertools
import secrets
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from sidecar.contract.errors import SidecarError
from tests.fault.rounds.entry import FULL_WHEN
from tests.fault.rounds.faults import Done, carry_out, look
from tests.fault.rounds.outcome import Outcome
from tests.fault.rounds.plan import WINDOW_S, Fault, Plan, SessionPlan
from tests.fault.rounds.view import Thread, View
from tests.support.client import SidecarClient
from tests.support.observer import is_running, kill_all, new_sentinel, wait_until_none
from tests.support.sidecar import NotReadyError, RunningSidecar, start_params

ENTRY = [sys.executable, "-m", "tests.fault.rounds.entry"]
AGENT = Path(__file__).parents[2] / "fakes" / "diary_agent.py"

REQUEST_S = 60.0
"""One answer, however long the supervisor is stopped or down."""

FAULTS_S = 2 * WINDOW_S
"""From the first session.start until a fault that finds nobody to be done to is given up."""

TURN_S = 30.0
"""The longest turn of a plan is under a second; this is for a machine that does other things."""

WORKS_S = 40.0
"""After the last fault was mended until each session has done a whole turn again."""

GONE_S = 9.0
"""Three times the promise of ARCHITECTURE §4."""

STEP_S = 0.02


class Round:
    """One run of a plan in a folder."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self._sentinel = new_sentinel()
        self._switch = folder / "full"
        self._sidecars: list[RunningSidecar] = []
        self._pid = 0
        self._over = asyncio.Event()
        self._ending = False
        self._mending: set[asyncio.Task[None]] = set()
        self._words = itertools.count(1)
        self._rewired = asyncio.Lock()
        data_dir, diary = folder / "data", folder / "diary"
        diary.touch()
        self.outcome = Outcome(plan, data_dir, diary)
        self._main = SidecarClient("", "", client_id="main")
        self._other = SidecarClient("", "", client_id="other", credit_bytes=262_144)
        self.outcome.clients = [self._main, self._other]
        self._threads = {session.thread for session in plan.sessions}
        self._view = View(self._main, self._threads)

    async def run(self) -> Outcome:
        """Run the plan to its end. Never raises for what the product does wrong."""
        launcher = None
        try:
            await self._launch()
            await self._connect(self._main)
            await self._connect(self._other)
            launcher = asyncio.create_task(self._relaunch())
            await self._work()
            self._ending = True
            launcher.cancel()
            await self._end()
        except Exception as error:  # the round is judged as failed, and its processes go
            self._strange(f"the round broke: {error!r}")
        finally:
            self._ending = True
            if launcher is not None:
                launcher.cancel()
                for end in await asyncio.gather(launcher, return_exceptions=True):
                    if isinstance(end, Exception):
                        self._strange(f"the launcher broke: {end!r}")
            await self._clear_up()
        return self.outcome

    # The launcher: a supervisor that died is started again on the same data dir

    async def _launch(self) -> None:
        sidecar = RunningSidecar(
            self.outcome.data_dir,
            command=ENTRY,
            settings=dict(self.plan.settings),
            env={FULL_WHEN: str(self._switch)},
        )
        self._sidecars.append(sidecar)
        await sidecar.start()
        self._pid = sidecar.pid

    async def _relaunch(self) -> None:
        while True:
            await asyncio.sleep(STEP_S)
            if is_running(self._pid) or self._ending:
                continue
            self.outcome.lives.append(time.monotonic())
            try:
                await self._launch()
            except NotReadyError as error:
                self._strange(f"the sidecar did not come back: {error.line}")
                await asyncio.sleep(0.5)

    async def _connect(self, client: SidecarClient, deadline_s: float = REQUEST_S) -> None:
        """Connect to whatever supervisor there is, as often as it takes."""
        end = time.monotonic() + deadline_s
        while not self._ending:
            sidecar = self._sidecars[-1]
            if sidecar.ready:
                client.url, client.token = sidecar.ready["url"], sidecar.token
                with suppress(OSError, aiohttp.ClientError, TimeoutError):  # it may be down again
                    await client.connect()
                    return
            if time.monotonic() >= end:
                raise TimeoutError(f"{client.client_id} cannot connect")
            await asyncio.sleep(STEP_S)

    # What the sessions do

    async def _work(self) -> None:
        began = time.monotonic()
        workers = [asyncio.create_task(self._live(session)) for session in self.plan.sessions]
        asking = asyncio.create_task(self._answer_requests())
        guests = asyncio.create_task(self._guests())
        extras = [
            asyncio.create_task(self._do_faults(began)),
            asyncio.create_task(self._commute(began)),
        ]
        try:
            await asyncio.sleep(max(0.0, WINDOW_S - (time.monotonic() - began)))
            await asyncio.gather(*extras)
            await asyncio.gather(*self._mending)
            self._over.set()
            late = asyncio.create_task(
                self._live(SessionPlan("last", None, False, 3, 0, 20, 0.0), once=True)
            )
            workers.append(late)
            await asyncio.wait(workers, timeout=WORKS_S)
            for worker in workers:
                if not worker.done():
                    self._strange(f"{worker.get_name()} never did a whole turn after the faults")
                elif not worker.cancelled() and worker.exception() is not None:
                    self._strange(f"{worker.get_name()} failed: {worker.exception()!r}")
        finally:
            await _cancel([*workers, asking, guests, *extras])

    async def _live(self, session: SessionPlan, *, once: bool = False) -> None:
        """Start the session, then one turn after the other; ends with a whole one after all."""
        task = asyncio.current_task()
        assert task is not None
        task.set_name(f"session {session.thread}")
        if session.parent is not None:
            await self._view.until(lambda: self._is_up(session.parent or ""), REQUEST_S)
        while True:
            last = self._over.is_set()
            if not await self._ensure_up(session):
                continue
            state = await self._turn(session)
            if state == "completed" and (last or once):
                return

    def _is_up(self, thread: str) -> bool:
        return self._view.threads[thread].up

    async def _ensure_up(self, session: SessionPlan) -> bool:
        self._threads.add(session.thread)
        thread = self._view.threads.setdefault(session.thread, Thread())
        if thread.up:
            return True
        if thread.generation and not thread.exited:
            await self._view.until(lambda: thread.up or thread.exited, 5.0)
            return thread.up
        options = {
            "command": sys.executable,
            "args": [
                "-I", "-S", str(AGENT), str(self.outcome.diary), session.thread, self._sentinel
            ],
        }  # fmt: skip
        params = start_params(
            session.thread,
            provider="acp",
            options=options,
            parent=session.parent,
            restart={"strategy": session.strategy},
            cwd=str(self.outcome.data_dir.parent),
        )
        _result, error = await self._call("session.start", params)
        if error is not None:
            await asyncio.sleep(0.1)
            return False
        return await self._view.until(lambda: thread.up or thread.exited, 5.0)

    async def _turn(self, session: SessionPlan) -> str:
        """Run a turn to its end; "" when there was none."""
        thread = self._view.threads[session.thread]
        word = f"{session.thread}w{next(self._words)}"
        text = f"{word} {session.count} {session.delay_ms} {session.size}"
        params = {
            "idempotencyKey": secrets.token_hex(8),
            "threadId": session.thread,
            "input": text + (" ask" if session.asks else ""),
        }
        exits = thread.exits
        result, error = await self._call("session.sendTurn", params)
        self.outcome.answered[word] = (session.thread, error or result["turnId"])
        if error is not None:
            await asyncio.sleep(0.05)
            return ""
        turn = result["turnId"]
        ended = await self._view.until(lambda: turn in thread.turns or thread.exits > exits, TURN_S)
        if not ended:
            self._strange(f"{session.thread}: turn {turn} has no end after {TURN_S:g} s")
        return thread.turns.get(turn, "")

    async def _call(self, method: str, params: dict[str, Any]) -> tuple[Any, str | None]:
        """Call until there is an answer, with the same key over every connection."""
        end = time.monotonic() + REQUEST_S
        while time.monotonic() < end:
            try:
                return await self._main.request(method, params, timeout_s=REQUEST_S), None
            except SidecarError as error:
                if error.key == "internal":
                    self._strange(f"{method} of {params['threadId']}: {error}")
                return None, error.key
            except (ConnectionError, aiohttp.ClientError):
                await self._reconnect()
            except TimeoutError:
                break
        self._strange(f"{method} of {params['threadId']} was not answered within {REQUEST_S:g} s")
        return None, "never"

    async def _reconnect(self) -> None:
        """One of many whose call was cut connects again; the others wait for it.

        A send may fail before the client's reader has seen the end: without the step of time the
        callers would keep the loop to themselves, and it would never see it.
        """
        async with self._rewired:
            await asyncio.sleep(STEP_S)
            if self._main.close_code is None and self._main.connected:
                return
            await self._connect(self._main)

    async def _answer_requests(self) -> None:
        """Answer each open request after its session's pause, twice with the same key."""
        plans = {session.thread: session for session in self.plan.sessions}
        answering: set[asyncio.Task[None]] = set()
        known: set[tuple[str, str]] = set()
        try:
            while True:
                await asyncio.sleep(STEP_S)
                self._view.look()
                for name, thread in list(self._view.threads.items()):
                    for request in list(thread.asked):
                        if (name, request) not in known and name in plans:
                            known.add((name, request))
                            task = asyncio.create_task(self._answer(plans[name], request))
                            answering.add(task)
                            task.add_done_callback(answering.discard)
        finally:
            await _cancel(list(answering))

    async def _answer(self, session: SessionPlan, request: str) -> None:
        await asyncio.sleep(session.answer_after_s)
        params = {
            "idempotencyKey": secrets.token_hex(8),
            "threadId": session.thread,
            "requestId": request,
            "decision": "accept",
        }
        await asyncio.gather(
            self._call("session.respondToRequest", params),
            self._call("session.respondToRequest", params),
        )

    async def _guests(self) -> None:
        """Start, use and stop one short session after the other: starts meet every fault too."""
        for number in itertools.count():
            if self._over.is_set():
                return
            guest = SessionPlan(f"guest{number}", None, False, 2, 0, 20, 0.0)
            if await self._ensure_up(guest):
                await self._turn(guest)
            await self._call("session.stop", {"threadId": guest.thread})

    # What goes wrong

    async def _do_faults(self, began: float) -> None:
        for fault in self.plan.faults:
            await asyncio.sleep(max(0.0, fault.at_s - (time.monotonic() - began)))
            done = await self._do(fault, began + FAULTS_S)
            if done is None:
                continue
            self.outcome.done.append(done)
            self.outcome.done_at.append(time.monotonic())
            if fault.lasts_s:
                task = asyncio.create_task(self._mend(done))
                self._mending.add(task)

    async def _do(self, fault: Fault, end: float) -> Done | None:
        """Do a fault, if need be as soon as there is somebody to do it to."""
        while True:
            processes = await asyncio.to_thread(look, self._pid, self._sentinel)
            done = carry_out(fault, processes, self._threads, self._switch)
            if done is not None or time.monotonic() >= end:
                return done
            await asyncio.sleep(STEP_S)

    async def _mend(self, done: Done) -> None:
        try:
            await asyncio.sleep(done.fault.lasts_s)
        finally:
            done.mend()

    async def _commute(self, began: float) -> None:
        """Pull the second client's cable now and then; whenever it is down it comes back."""
        for drop in self.plan.drops:
            await asyncio.sleep(max(0.0, drop.at_s - (time.monotonic() - began)))
            await self._other.drop()
            await asyncio.sleep(drop.for_s)
            await self._connect(self._other)

    # The end

    async def _end(self) -> None:
        """Let both clients catch up, take the snapshot, end as the plan says."""
        for client in (self._main, self._other):
            if client.close_code is not None or not client.connected:
                self._ending = False
                await self._connect(client)
                self._ending = True
        self.outcome.folded = await self._main.request("snapshot.get", timeout_s=REQUEST_S)
        head = self.outcome.folded["at"]
        for client in (self._main, self._other):
            await client.wait_for(
                lambda client=client: client.cursor >= head,  # type: ignore[misc]
                f"{client.client_id} to catch up with {head}",
                timeout_s=REQUEST_S,
            )
        self.outcome.ended_at = time.monotonic()
        sidecar = self._sidecars[-1]
        if self.plan.end == "kill":
            sidecar.kill()
        elif self.plan.end == "shutdown":
            await self._main.request("sidecar.shutdown", {"deadlineMs": 3_000})
        elif sidecar.process.stdin is not None:
            sidecar.process.stdin.close()
        left = await wait_until_none(self._sentinel, GONE_S)
        self.outcome.left = [repr(process) for process in left]
        if self.plan.end == "kill":  # the next start ends in the journal what was cut
            kill_all(self._sentinel)
            await self._wait_dead()
            await self._launch()

    async def _wait_dead(self) -> None:
        while is_running(self._pid):
            await asyncio.sleep(STEP_S)

    async def _clear_up(self) -> None:
        await _cancel(list(self._mending))
        for client in (self._main, self._other):
            with suppress(Exception):
                await client.drop()
        for sidecar in self._sidecars:
            try:
                await sidecar.stop()
            except (TimeoutError, ProcessLookupError):
                self._strange("a supervisor did not end")
            self.outcome.log += sidecar.stderr_text
        kill_all(self._sentinel)

    def _strange(self, what: str) -> None:
        self.outcome.strange.append(what)


async def _cancel(tasks: list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
