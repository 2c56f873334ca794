"""`run.json` in the data dir: what runs there, or ran last, for whoever has to find out.

Readable for its owner alone, and without a secret: no token, no values of environments. Written
whole or not at all; that it cannot be written stops nobody.
"""

import contextlib
import os
import platform
import sys
from pathlib import Path
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.core.redaction import Redactor
from sidecar.observe.clock import utc_now
from sidecar.observe.log import Log
from sidecar.process import is_frozen
from sidecar.process.platform import os_
from sidecar.supervisor.settings import Settings, redacted

RUN_NAME = "run.json"
RUN_BYTES = 1024 * 1024
"""Longest that is read; settings have some kilobytes."""


class RunFile:
    """The file of one run of the supervisor."""

    def __init__(self, data_dir: Path, settings: Settings, redactor: Redactor, log: Log) -> None:
        self._path = data_dir / RUN_NAME
        self._redactor = redactor
        self._log = log
        key = os_.key_of(os.getpid())
        self._facts: dict[str, Any] = {
            "pid": os.getpid(),
            "createTime": key.create_time if key else None,
            "version": __version__,
            "python": platform.python_version(),
            "platform": sys.platform,
            "frozen": is_frozen(),
            "startedAt": utc_now(),
            "settings": msgspec.to_builtins(redacted(settings)),
        }

    @property
    def facts(self) -> dict[str, Any]:
        """What the file says."""
        facts: dict[str, Any] = self._redactor.value(self._facts)
        return facts

    def note(self, **facts: Any) -> None:
        """Write what is known, `facts` from now on too."""
        self._facts |= facts
        try:
            write_private(self._path, msgspec.json.format(msgspec.json.encode(self.facts)))
        except OSError as error:
            self._log.warning("run-file.not-written", error=str(error))


def read_run_file(data_dir: Path) -> dict[str, Any]:
    """Return what runs or ran in a data dir. Raises OSError and ValueError."""
    with (data_dir / RUN_NAME).open("rb") as file:
        facts = msgspec.json.decode(file.read(RUN_BYTES))
    if not isinstance(facts, dict):
        raise ValueError(f"{RUN_NAME} holds no map")  # noqa: TRY004 - it is the content
    return facts


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, whole or not at all. Raises OSError."""
    half = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open(half, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(data)
        half.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            half.unlink()
