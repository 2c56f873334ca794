"""`agent-sidecar serve`: the parts put together, started in order, stopped in reverse.

The order matters: the zygote is up before lock, database and sockets exist (it must inherit none
of them); the journal is recovered and what still lives of the last run is dead before the bridge
listens; the ready line is the last step of a start.
"""

import asyncio
import contextlib
import gc
import os
import random
import secrets
import signal
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sidecar import __version__
from sidecar.contract.bridge import Bootstrap, FailedLine, ReadyLine, ServerInfo
from sidecar.contract.limits import PROTOCOL_VERSION
from sidecar.core.fold import Fold
from sidecar.core.placement import PlacementRules
from sidecar.core.redaction import Redactor
from sidecar.journal import Journal, JournalOptions, SchemaNewer
from sidecar.observe.clock import utc_now
from sidecar.observe.libraries import libraries_log_to
from sidecar.observe.log import FileSink, Log, Secret, stderr_sink
from sidecar.observe.metrics import Metrics
from sidecar.process.census import pids_of_ours
from sidecar.process.containment import Containment, find_containment
from sidecar.process.sweeping import sweep
from sidecar.process.unpacked import sweep_unpacked
from sidecar.supervisor.backend import SupervisorBackend
from sidecar.supervisor.bootstrap import (
    bootstrap_from_file,
    known_secrets,
    parse_bootstrap,
    read_bootstrap_line,
)
from sidecar.supervisor.chronicle import Chronicle
from sidecar.supervisor.datadir import CannotStart, lock_data_dir, make_data_dir
from sidecar.supervisor.deps import Shared
from sidecar.supervisor.eventlog import EventLog
from sidecar.supervisor.handlers import Handlers
from sidecar.supervisor.launch import HostLauncher, ZygoteHandle, make_launcher
from sidecar.supervisor.mainloop import run as run_to_its_end
from sidecar.supervisor.metrics import register_metrics
from sidecar.supervisor.parent import ParentWatch
from sidecar.supervisor.patience import journalled
from sidecar.supervisor.placement import Hosts
from sidecar.supervisor.providers import Providers
from sidecar.supervisor.recovery import end_cut_sessions, journal_path, open_journal
from sidecar.supervisor.runfile import RunFile
from sidecar.supervisor.settings import Settings, parse_settings, unknown_settings
from sidecar.supervisor.snapshots import SnapshotKeeper
from sidecar.supervisor.supervisor import Supervisor
from sidecar.supervisor.watch.watch import Watch
from sidecar.supervisor.watch.watchdogs import make_watchdogs

ORPHAN_STOP_S = 1.5
"""Stop deadline once the launcher is gone: the whole tree must be dead 3 s after (§4)."""

STOP_GRACE_S = 1.2
"""Deadline of a stop to the kill of a host that missed it (1 s), and a little for what follows."""

LAUNCHER_CLOSE_S = 1.0
"""Every session is down by then; a host that is not is killed. Before the bridge's last words, as a
client that does not read must not keep the zygote alive beyond the promise."""

STOP_SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGTERM", "SIGINT", "SIGHUP") if hasattr(signal, name)
)


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """The command line of `serve`."""

    token_file: Path | None = None
    data_dir: str | None = None
    host_launch: str | None = None


@dataclass(slots=True)
class Stop:
    """Why the sidecar stops, and how long it may take."""

    reason: str
    deadline_s: float


class Serving:
    """One run of the supervisor."""

    def __init__(self, options: ServeOptions, zygote: ZygoteHandle | None) -> None:
        self._options = options
        self._zygote = zygote
        self._stop: Stop | None = None
        self._stopping = asyncio.Event()
        self._hurried = asyncio.Event()
        self._log = Log((stderr_sink(),), role="supervisor", pid=os.getpid())

    async def run(self, bootstrap: Bootstrap) -> None:
        """Start, say ready, serve until asked to stop, stop. Raises CannotStart."""
        settings = self._settings(bootstrap)
        self._catch_signals(settings)
        data_dir = make_data_dir(bootstrap.data_dir)
        lock = await lock_data_dir(data_dir)
        log_file = FileSink(data_dir / "sidecar.log")
        self._log = Log(
            (stderr_sink(), log_file),
            settings.log_level,
            cleaner=Redactor(known_secrets(bootstrap, os.environ)),
            role="supervisor",
            pid=os.getpid(),
        )
        for path in unknown_settings(bootstrap.settings):
            self._log.warning("settings.unknown", path=path)
        parent = ParentWatch(self._parent_gone, self._log)
        if self._options.token_file is None:
            parent.start(bootstrap.parent_pid)
        try:
            with libraries_log_to(self._log):
                async with self._journal(data_dir, settings) as (journal, fold):
                    shared = await self._recover(settings, data_dir, journal, fold)
                    await self._serve(bootstrap, shared)
        finally:
            parent.stop()
            log_file.close()
            lock.release()

    async def _serve(self, bootstrap: Bootstrap, shared: Shared) -> None:
        settings, journal = shared.settings, shared.events.journal
        supervisor = Supervisor(shared)
        await supervisor.load_records()
        metrics = Metrics()
        register_metrics(metrics, shared.events, supervisor)
        instance = secrets.token_hex(8)
        cleaner = Redactor(known_secrets(bootstrap, os.environ))
        run_file = RunFile(shared.data_dir, settings, cleaner, self._log)
        backend = SupervisorBackend(
            token=Secret(bootstrap.token),
            server=ServerInfo(version=__version__, pid=os.getpid(), instance=instance),
            heartbeat_ms=settings.heartbeat_ms,
            events=shared.events,
            supervisor=supervisor,
            handlers=Handlers(supervisor, shared, metrics, self._asked_to_stop(settings)),
            metrics=metrics,
            pace=shared.pace,
        )
        keeper = asyncio.create_task(SnapshotKeeper(shared.events, self._log).run())
        watch = Watch(make_watchdogs(shared, supervisor, metrics), self._log)
        from sidecar.bridge import BridgeServer  # aiohttp: the start-up floor, so it comes last

        bridge = BridgeServer(backend, log=self._log)
        try:
            port = await bridge.start()
        except OSError as error:
            keeper.cancel()
            await shared.launcher.close(LAUNCHER_CLOSE_S)
            raise CannotStart("port", f"Cannot listen on 127.0.0.1: {error}") from error
        try:
            backend.ready = True
            run_file.note(instance=instance, logId=journal.log_id, epoch=journal.epoch)
            gc.freeze()  # a full collection looks at what came since, so it may come in time
            self._say_ready(port, instance, journal, shared.data_dir)
            shared.providers.start()
            watch.start()
            await self._stopping.wait()
            assert self._stop is not None
            self._log.info("sidecar.stopping", reason=self._stop.reason)
            await watch.stop()
            probes = asyncio.create_task(shared.providers.stop())  # beside the sessions
            await self._stop_sessions(supervisor)
            await probes
            if await journalled(shared.events.store_snapshot(), "snapshot", self._log):
                await journalled(journal.mark_clean(), "clean end", self._log)
        finally:
            keeper.cancel()
            await watch.stop()
            await shared.providers.stop()
            await shared.launcher.close(LAUNCHER_CLOSE_S)
            shared.hosts.release()
            await bridge.stop(self._stop.reason if self._stop else "failed")
        run_file.note(stoppedAt=utc_now(), stopReason=self._stop.reason if self._stop else "failed")
        self._log.info("sidecar.stopped")

    async def _stop_sessions(self, supervisor: Supervisor) -> None:
        """Stop every session within the deadline; a shorter one may come while it runs."""
        assert self._stop is not None
        stop = self._stop
        work = asyncio.create_task(supervisor.shutdown(stop.deadline_s, stop.reason))
        hurried = asyncio.create_task(self._hurried.wait())
        try:
            await asyncio.wait(
                {work, hurried},
                timeout=stop.deadline_s + STOP_GRACE_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if self._hurried.is_set() and not work.done():
                stop = self._stop
                self._log.info("sidecar.hurried", reason=stop.reason)
                supervisor.hurry(stop.deadline_s, stop.reason)
                await asyncio.wait({work}, timeout=stop.deadline_s + STOP_GRACE_S)
        finally:
            hurried.cancel()
            work.cancel()  # what is still not down the launcher kills

    async def _recover(
        self, settings: Settings, data_dir: Path, journal: Journal, fold: Fold
    ) -> Shared:
        """Sweep the last run away, end what was cut, take the launcher."""
        launcher = self._launcher(settings)
        marks = journal.all_marks_before_epoch()
        if marks:
            report = await asyncio.to_thread(sweep, marks)
            self._log.info("sweep.done", marks=len(marks), killed=len(report.killed))
        if folders := await asyncio.to_thread(sweep_unpacked):
            self._log.info("sweep.unpacked", folders=len(folders))
        await journal.start()
        events = EventLog(journal, fold, Chronicle(self._log).note)
        end_cut_sessions(events, self._log)
        await launcher.start()
        for work, what in (
            (journal.committed(journal.appended), "recovery"),
            (journal.drop_marks(marks), "drop marks"),
            (journal.add_mark(launcher.mark, ""), "mark"),
        ):  # on a full disk the sidecar still comes up and says so; it starts no session then
            await journalled(work, what, self._log)
        providers = Providers(settings, data_dir, launcher, self._log)
        return Shared(
            events=events,
            launcher=launcher,
            hosts=self._hosts(settings, launcher, events, providers, await self._containment()),
            providers=providers,
            settings=settings,
            log=self._log,
            data_dir=data_dir,
            clock=time.monotonic,
            random=random.random,
        )

    async def _containment(self) -> Containment | None:
        """Find what the system itself can hold hosts by."""
        found = await asyncio.to_thread(find_containment, pids_of_ours)
        self._log.info("containment", found=found.containment is not None, reason=found.reason)
        return found.containment

    def _hosts(
        self,
        settings: Settings,
        launcher: HostLauncher,
        events: EventLog,
        providers: Providers,
        containment: Containment | None,
    ) -> Hosts:
        rules = PlacementRules(settings.placement, settings.packed_sessions, os.cpu_count() or 1)

        def parent_of(thread_id: str) -> str | None:
            session = events.fold.session(thread_id)
            return session.parent if session else None

        return Hosts(
            launcher,
            events.journal,
            rules,
            self._log,
            parent_of=parent_of,
            sharing_module=providers.sharing_module,
            containment=containment,
        )

    def _launcher(self, settings: Settings) -> HostLauncher:
        kind = self._options.host_launch or settings.host_launch
        return make_launcher(kind, self._zygote, self._log)

    @contextlib.asynccontextmanager
    async def _journal(
        self, data_dir: Path, settings: Settings
    ) -> AsyncIterator[tuple[Journal, Fold]]:
        options = JournalOptions(
            retention_bytes=settings.journal_bytes,
            retention_s=settings.journal_days * 86_400.0,
        )
        try:
            journal, fold = await open_journal(journal_path(data_dir), options, self._log)
        except SchemaNewer as error:
            raise CannotStart("schema_newer", str(error)) from error
        except (OSError, sqlite3.Error) as error:
            raise CannotStart("data_dir", f"Cannot open the journal: {error}") from error
        try:
            yield journal, fold
        finally:
            await journal.close()

    def _settings(self, bootstrap: Bootstrap) -> Settings:
        try:
            return parse_settings(bootstrap.settings)
        except msgspec.ValidationError as error:
            raise CannotStart("bad_bootstrap", f"settings: {error}") from None

    def _catch_signals(self, settings: Settings) -> None:
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(
                number, self._request_stop, number.name, settings.shutdown_ms / 1000
            )

    def _asked_to_stop(self, settings: Settings) -> Callable[[float | None], None]:
        def ask(deadline_s: float | None) -> None:
            default_s = settings.shutdown_ms / 1000
            self._request_stop(
                "asked to shut down", default_s if deadline_s is None else deadline_s
            )

        return ask

    def _parent_gone(self, reason: str) -> None:
        self._request_stop(reason, ORPHAN_STOP_S)

    def _request_stop(self, reason: str, deadline_s: float) -> None:
        if self._stop is None:
            self._stop = Stop(reason, deadline_s)
            self._stopping.set()
        elif deadline_s < self._stop.deadline_s:  # the app asked, and then it died
            self._stop = Stop(reason, deadline_s)
            self._hurried.set()

    def _say_ready(self, port: int, instance: str, journal: Journal, data_dir: Path) -> None:
        line = ReadyLine(
            event="ready",
            pid=os.getpid(),
            port=port,
            url=f"ws://127.0.0.1:{port}/bridge",
            protocol=PROTOCOL_VERSION,
            instance=instance,
            version=__version__,
            log_id=journal.log_id,
            epoch=journal.epoch,
            journal_reset=journal.reset_name,
            data_dir=str(data_dir),
        )
        say_line(line)
        self._log.info("sidecar.ready", port=port, epoch=journal.epoch)


def say_line(line: ReadyLine | FailedLine) -> None:
    """Write the one line on stdout and close it: nothing else is ever printed there."""
    sys.stdout.flush()
    with contextlib.suppress(BrokenPipeError):
        os.write(1, msgspec.json.encode(line) + b"\n")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def serve(options: ServeOptions, zygote: ZygoteHandle | None) -> int:
    """Run the supervisor; the exit code of the process."""
    try:
        if options.token_file is not None:
            bootstrap = bootstrap_from_file(options.token_file, options.data_dir)
        else:
            bootstrap = parse_bootstrap(read_bootstrap_line())
        run_to_its_end(Serving(options, zygote).run(bootstrap))
    except CannotStart as error:
        say_line(FailedLine(event="failed", code=error.code, message=error.message, pid=error.pid))
        return 1
    finally:
        if zygote is not None:
            zygote.close()
    return 0
