"""What is in a bundle of `diagnose`: each part found out by itself, redacted, written as one zip.

A part that cannot be found out says so in its place: a broken journal must not hide the logs.
"""

import json
import os
import tempfile
import time
import zipfile
from collections import deque
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import msgspec

from sidecar.core.correlation import parse_cid
from sidecar.core.fold import Fold
from sidecar.core.redaction import Redactor, secrets_of_environment
from sidecar.journal.inspect import Inspected, inspect_journal
from sidecar.observe.clock import utc_now
from sidecar.observe.doctor import examine
from sidecar.observe.log import LOG_FILES
from sidecar.observe.logfiles import LINE_BYTES, NAMES
from sidecar.process.living import living
from sidecar.supervisor.facts import below, disk, session_facts, versions
from sidecar.supervisor.recovery import journal_path
from sidecar.supervisor.runfile import read_run_file

LOG_BYTES = 2 * 1024 * 1024
"""Of each log file the newest; the whole of them would be 20 MB."""

PRIVATE = 0o600

README = """What this is
============

Written by `agent-sidecar diagnose` at {at}, version {version}, for a report of a problem.

  versions.json    the sidecar, Python, the machine
  agents.json      the agents that were found: version, login or not, why one cannot be used
  run.json         what runs in the data dir, or ran last: pid, times, settings without secrets
  sessions.json    sessions as the journal tells: ids, states, what is open; how generations ended
  processes.json   processes of the sidecar that live now: pid, age, memory, CPU time, name
  journal.json     sizes, sequence numbers, starts, events by type and by thread
  disk.json        room on the disks, files of the data dir
  logs/            the newest of each log file

What is not in it
=================

No prompt, no answer, no output of a tool, no file of a project, no environment, no token. Known
secrets were taken out where they were written, and what looks like one is replaced by [redacted].

Before you send it
==================

Look at logs/: agents may write anything on stderr. Paths, names of sessions and of models are in
there too.
"""

Parts = dict[str, bytes]


def collect(data_dir: Path, thread: str | None, *, agents: bool) -> tuple[Parts, list[str]]:
    """Return the parts by name, and the names of those that could not be found out whole."""
    found = _Found(data_dir, Redactor(secrets_of_environment(os.environ)))
    found.part("versions.json", versions)
    if agents:
        found.part("agents.json", lambda: _agents(data_dir))
    found.part("run.json", lambda: read_run_file(data_dir))
    inspected = found.journal()
    wanted = None if thread is None else below(inspected.fold, thread)
    found.part("sessions.json", lambda: _sessions(inspected, wanted))
    found.part("processes.json", lambda: _processes(data_dir, inspected.marks))
    found.part("journal.json", lambda: inspected.facts)
    found.part("disk.json", lambda: disk(data_dir))
    found.logs(wanted)
    text = README.format(at=utc_now(), version=versions()["sidecar"])
    return {"README.txt": text.encode(), **found.parts}, found.failed


def write_bundle(out: Path, parts: Parts) -> None:
    """Write the zip, for its owner alone, whole or not at all. Raises OSError."""
    fd, half = tempfile.mkstemp(dir=out.absolute().parent, suffix=".zip.tmp")  # mode 0600
    try:
        with os.fdopen(fd, "wb") as file, zipfile.ZipFile(file, "w") as bundle:
            for name, data in parts.items():
                entry = zipfile.ZipInfo(f"agent-sidecar-diagnose/{name}", time.gmtime()[:6])
                entry.external_attr = PRIVATE << 16
                entry.compress_type = zipfile.ZIP_DEFLATED
                bundle.writestr(entry, data)
        Path(half).replace(out)
    finally:
        Path(half).unlink(missing_ok=True)


class _Found:
    """The parts so far."""

    def __init__(self, data_dir: Path, redactor: Redactor) -> None:
        self._data_dir = data_dir
        self._redactor = redactor
        self.parts: Parts = {}
        self.failed: list[str] = []

    def part(self, name: str, find: Callable[[], Any]) -> None:
        """Find a part out; what went wrong stands in its place."""
        try:
            value = find()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are wanted
            self.failed.append(name)
            value = {"error": f"{type(error).__name__}: {error}"}
        cleaned = self._redactor.value(value)
        self.parts[name] = json.dumps(cleaned, indent=1, ensure_ascii=False, default=str).encode()

    def journal(self) -> Inspected:
        """Read the journal; an empty one where there is none, or none that can be read."""
        try:
            return inspect_journal(journal_path(self._data_dir))
        except Exception as error:  # noqa: BLE001 - the other parts are wanted
            self.failed.append("journal.json")
            return Inspected({"error": f"{type(error).__name__}: {error}"}, Fold(), {})

    def logs(self, wanted: Collection[str] | None) -> None:
        """Take the end of each log file."""
        for name in NAMES:
            for number in range(LOG_FILES + 1):
                path = self._data_dir / (f"{name}.{number}" if number else name)
                if path.is_file():
                    try:
                        self.parts[f"logs/{path.name}"] = self._log(path, wanted)
                    except OSError as error:
                        self.failed.append(f"logs/{path.name}")
                        self.parts[f"logs/{path.name}"] = f"{error}\n".encode()

    def _log(self, path: Path, wanted: Collection[str] | None) -> bytes:
        lines: deque[bytes] = deque()
        size = 0
        with path.open("rb") as file:
            start = max(0, os.fstat(file.fileno()).st_size - LOG_BYTES)
            file.seek(start)
            if start:
                file.readline(LOG_BYTES)  # the rest of a line
            while size < LOG_BYTES and (line := file.readline(LINE_BYTES)):
                size += len(line)
                if (cleaned := self._line(line, wanted)) is not None:
                    lines.append(cleaned)
        return b"".join(lines)

    def _line(self, line: bytes, wanted: Collection[str] | None) -> bytes | None:
        """Return a line without secrets; None when it is about another session."""
        try:
            record = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return (
                self._redactor.text(line.decode("utf-8", "replace").rstrip("\n")).encode() + b"\n"
            )
        if isinstance(record, dict) and wanted is not None and isinstance(record.get("cid"), str):
            thread = parse_cid(record["cid"]).thread
            if thread is not None and thread not in wanted:
                return None
        return msgspec.json.encode(self._redactor.value(record)) + b"\n"


def _agents(data_dir: Path) -> Any:
    report = examine(str(data_dir))
    return {
        "checks": report["checks"],
        "loginShell": report["environment"]["loginShell"],
        "agents": [{name: row.get(name) for name in _AGENT_FIELDS} for row in report["providers"]],
        "neverRunHere": report["neverRunHere"],
    }


_AGENT_FIELDS = (
    "provider",
    "displayName",
    "installed",
    "version",
    "auth",
    "reason",
    "path",
    "checkedAt",
)
"""Not the account: whose it is is nobody's business here."""


def _sessions(inspected: Inspected, wanted: Collection[str] | None) -> Any:
    sessions = session_facts(inspected.fold, wanted)
    exits = inspected.facts.get("exits", [])
    exits = [e for e in exits if wanted is None or e["threadId"] in wanted]
    if wanted is not None and not sessions and not exits:
        raise LookupError(f"the journal has no session {', '.join(wanted)}")
    return {"sessions": sessions, "exits": exits}


def _processes(data_dir: Path, marks: dict[str, str]) -> Any:
    try:
        run = read_run_file(data_dir)
    except (OSError, ValueError):
        run = {}
    rows = living(marks, run.get("pid"), run.get("createTime"))
    return {"supervisorLives": any(row["supervisor"] for row in rows), "processes": rows}
