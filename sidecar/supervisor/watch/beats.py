"""Asks each host whether its loop turns, and replaces one that does not.

Before a host is given up its Python stacks are asked for by a signal, and land in the log and in
the exit of its sessions: whoever reads it sees where it hung.
"""

import time

from sidecar.core.watch.beats import Beat, Stage
from sidecar.observe.log import Log
from sidecar.supervisor.hostlink import HostLink
from sidecar.supervisor.placement import Hosts
from sidecar.supervisor.session import Session
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.watch.ticker import Ticker

LOOKS_PER_INTERVAL = 5


class HostBeats:
    """The watchdog over all hosts."""

    name = "beats"

    def __init__(self, hosts: Hosts, supervisor: Supervisor, beat_ms: int, log: Log) -> None:
        self._hosts = hosts
        self._supervisor = supervisor
        self._interval_s = beat_ms / 1000
        self._log = log
        self._beats: dict[HostLink, Beat] = {}
        self._nonce = 0

    async def run(self) -> None:
        """Look at every host, and look again."""
        ticker = Ticker(self.name, self._log)
        while True:
            watched = await ticker.wait(self._interval_s / LOOKS_PER_INTERVAL)
            self.look(time.monotonic(), watched=watched)

    def look(self, now_s: float, *, watched: bool = True) -> None:
        """Ask the silent, judge those who did not answer; count anew after an unwatched time."""
        links = self._hosts.up()
        self._beats = {link: self._beats.get(link) or self._new(now_s) for link in links}
        for link, beat in self._beats.items():
            if not watched:
                beat.start_anew(now_s)
            before = beat.stage
            if beat.look(now_s, link.heard_s):
                self._act(link, beat, before, now_s)

    def _new(self, now_s: float) -> Beat:
        return Beat(self._interval_s, now_s)

    def _act(self, link: HostLink, beat: Beat, before: Stage, now_s: float) -> None:
        silent_ms = round(beat.silent_s(now_s) * 1000)
        match beat.stage:
            case Stage.ASKED:
                self._ask(link)
            case Stage.SUSPECTED:
                self._log.warning(
                    "host.suspected", host=link.process.pid, silentMs=silent_ms, **link.about()
                )
                self._ask(link)
                link.ask_for_stacks()
            case Stage.WEDGED:
                self._give_up(link, silent_ms)
            case Stage.FINE if before is Stage.SUSPECTED:
                pid, stacks = link.process.pid, link.last_words
                self._log.info("host.answers-again", host=pid, stacks=stacks, **link.about())
            case Stage.FINE:
                pass

    def _ask(self, link: HostLink) -> None:
        self._nonce += 1
        link.ask(self._nonce)

    def _give_up(self, link: HostLink, silent_ms: int) -> None:
        """End the host and every session in it: each resumes by its own policy."""
        pid = link.process.pid
        lodgers = self._lodgers(pid)
        self._log.error(
            "host.wedged",
            host=pid,
            silentMs=silent_ms,
            stacks=link.last_words,
            **link.about(),
        )
        reason = f"its host has not answered for {silent_ms / 1000:.1f} s"
        for session in lodgers:
            session.fail(reason, {"kind": "wedged", "silentMs": silent_ms}, host=True)
        link.kill(reason)

    def _lodgers(self, pid: int) -> list[Session]:
        found: list[Session] = []

        def visit(session: Session) -> None:
            if session.lodging is not None and session.lodging.host_pid == pid:
                found.append(session)

        self._supervisor.each(visit)
        return found
