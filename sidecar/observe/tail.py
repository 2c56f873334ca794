"""`agent-sidecar tail`: the logs of a data dir as one, filtered, in columns, as they grow.

Reads files alone: the sidecar may run or be dead. Where nothing of the past fits it says so on
stderr. Exit codes: 0, also when interrupted; 2 when there is no such data dir or an argument is
wrong.
"""

import argparse
import io
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sidecar.core.correlation import Correlation
from sidecar.observe.log import LEVELS
from sidecar.observe.logfiles import Merged
from sidecar.observe.logview import ROLES, Columns, Line, Wanted
from sidecar.supervisor.datadir import data_dir_path

POLL_S = 0.2

FIRST_LINES = 50
"""Shown before what comes, unless `--since` or `--lines` says otherwise."""

_SPAN = re.compile(r"(\d{1,9})(ms|s|m|h|d)")
_UNITS_S = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def main(arguments: list[str]) -> int:
    """Show the logs; the exit code of the process."""
    options = _parser().parse_args(arguments)
    data_dir = data_dir_path(options.data_dir)
    if not data_dir.is_dir():
        sys.stderr.write(f"Cannot show the logs: there is no data dir {data_dir}\n")
        return 2
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        _show(options, data_dir)
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:  # `tail | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="agent-sidecar tail",
        description="Shows the logs of supervisor, hosts, providers and client as one.",
    )
    parser.add_argument("--data-dir", help="whose logs (default: that of this user)")
    parser.add_argument("--thread", help="of this session alone")
    parser.add_argument("--generation", type=int, help="of this (re)start of it alone")
    parser.add_argument("--turn", help="of this turn alone")
    parser.add_argument("--request", help="of this request alone")
    parser.add_argument("--level", choices=tuple(LEVELS), help="this level and above")
    parser.add_argument("--role", choices=ROLES, help="of these processes alone")
    parser.add_argument(
        "--since", type=since, help="10m, 2h, 1d, or a time such as 2026-11-22T10:00"
    )
    parser.add_argument("--lines", type=count, help="at most so many of the past")
    parser.add_argument("--no-follow", action="store_true", help="end at the end")
    parser.add_argument("--json", action="store_true", help="the records as they are")
    return parser


def since(text: str) -> str:
    """Return a moment as records have it, from a span before now or from a time.

    Raises argparse.ArgumentTypeError.
    """
    if span := _SPAN.fullmatch(text):
        seconds = int(span[1]) * _UNITS_S[span[2]]
        moment = datetime.now(UTC) - timedelta(seconds=min(seconds, 10 * 365 * 86_400.0))
    else:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            message = f"{text!r} is neither a span (10m, 2h) nor a time (2026-11-22T10:00:00)"
            raise argparse.ArgumentTypeError(message) from None
        moment = moment.astimezone(UTC)  # one without a zone is of here
    return moment.isoformat(timespec="milliseconds")[:-6] + "Z"


def count(text: str) -> int:
    """Return a number of lines. Raises argparse.ArgumentTypeError."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is no number of lines")
    return min(int(text), sys.maxsize)


def _show(options: argparse.Namespace, data_dir: Path) -> None:
    about = Correlation(options.thread, options.generation, options.turn, options.request)
    wanted = Wanted(about, options.level, options.role, options.since)
    logs, columns = Merged(data_dir), Columns()
    past = _Counted(logs.lines())
    lines = _Counted(filter(wanted.fits, past))
    follow = not options.no_follow
    most = options.lines
    if most is None and follow and options.since is None:
        most = FIRST_LINES
    _print(lines if most is None else deque(lines, maxlen=most), columns, options.json)
    if not lines.count:
        rest = ", waiting for one" if follow else ""
        sys.stderr.write(f"No line fits, of {past.count} in {data_dir}{rest}\n")
    while follow:
        time.sleep(POLL_S)
        _print(filter(wanted.fits, logs.lines()), columns, options.json)


class _Counted:
    """Lines that go by."""

    def __init__(self, lines: Iterable[Line]) -> None:
        self._lines = lines
        self.count = 0

    def __iter__(self) -> Iterator[Line]:
        for line in self._lines:
            self.count += 1
            yield line


def _print(lines: Iterable[Line], columns: Columns, as_json: bool) -> None:
    for text in _texts(lines, columns, as_json=as_json):
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _texts(lines: Iterable[Line], columns: Columns, *, as_json: bool) -> Iterator[str]:
    for line in lines:
        if as_json:
            yield line.text
        else:
            yield from columns.show(line)
