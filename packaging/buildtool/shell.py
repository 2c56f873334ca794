"""Run other programs: quietly into a log, or streamed with their last lines kept.

Owns how steps look on the terminal and what a failure says. Never decides what to run.
"""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from buildtool.paths import BUILD, LOGS

FAILURE_LINES = 60
"""Lines of a failed step's log that are printed: most causes stand in the last few."""

OUTPUT_DEADLINE_S = 2.0
"""Wait for the rest of a program's output after its end; more only if somebody else holds it."""

KEPT_LINES = 400
"""Last lines of a streamed program that are kept for its closing lines."""


class BuildError(Exception):
    """Raised where a verb cannot go on; the message says what and what to do about it."""


def say(text: str = "") -> None:
    """Print one line at once, also into a pipe."""
    print(text, flush=True)


def quiet(
    title: str, argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] = {}
) -> str:
    """Run a program with its output in build/logs, and return that output.

    `env` is added to this process's environment. Raises BuildError with the log's end when the
    program fails or is missing.
    """
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{title.replace(' ', '-').replace('/', '-')}.log"
    began_s = time.monotonic()
    try:
        with log.open("wb") as sink:
            code = subprocess.call(
                [str(part) for part in argv],
                cwd=cwd,
                env={**os.environ, **env},
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=subprocess.STDOUT,
            )
    except FileNotFoundError as error:
        raise BuildError(f"{title}: cannot start {argv[0]}: {error.strerror}") from error
    text = log.read_text(encoding="utf-8", errors="replace")
    if code != 0:
        tail = "\n".join(f"    {line}" for line in text.splitlines()[-FAILURE_LINES:])
        raise BuildError(f"{title} failed with exit code {code}; the end of {log}:\n{tail}")
    say(f"  {title:<34} {time.monotonic() - began_s:6.1f} s")
    return text


def streamed(
    argv: Sequence[str | Path], *, cwd: Path | None = None, env: Mapping[str, str] = {}
) -> tuple[int, list[str]]:
    """Run a program with its output passed on line by line; return its code and last lines.

    A process that it leaves behind may hold its output open: that is not waited for.
    """
    kept: deque[str] = deque(maxlen=KEPT_LINES)
    with subprocess.Popen(
        [str(part) for part in argv],
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as process:
        assert process.stdout is not None
        reader = threading.Thread(target=_pass_on, args=(process.stdout, kept), daemon=True)
        reader.start()
        code = process.wait()
        reader.join(OUTPUT_DEADLINE_S)
        if reader.is_alive():
            say("  (a process that was left behind holds the output open)")
            process.stdout = None  # the reader closes it, whenever it gets that far
    return code, list(kept)


def _pass_on(source: IO[str], kept: deque[str]) -> None:
    with source:
        for line in source:
            sys.stdout.write(line)
            sys.stdout.flush()
            kept.append(line.rstrip("\n"))


@contextlib.contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold a lock of this clone, so that two build.py at a time do not tread on each other.

    Windows has no flock: there two runs at a time are the user's own affair.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # noqa: PLC0415 - Windows has no such module

    BUILD.mkdir(exist_ok=True)
    with (BUILD / f"{name}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"  waiting for another build.py ({name})")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
