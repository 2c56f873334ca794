"""One holder at a time; the kernel gives the lock back with the holder's death."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from sidecar.process.filelock import FileLock

HOLD = """
import sys, time
from pathlib import Path
from sidecar.process.filelock import FileLock
lock = FileLock(Path(sys.argv[1]))
assert lock.acquire()
print("held", flush=True)
time.sleep(60)
"""


def test_a_second_taker_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire()
    assert second.holder() == os.getpid()
    first.release()
    assert second.acquire()
    second.release()
    second.release()


def test_the_lock_is_free_once_its_holder_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        lock = FileLock(path)
        assert not lock.acquire()
        assert lock.holder() == holder.pid
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert lock.acquire()
        lock.release()


def test_a_file_that_nobody_wrote_has_no_holder(tmp_path: Path) -> None:
    assert FileLock(tmp_path / "none").holder() is None
    (tmp_path / "odd").write_text("no number")
    assert FileLock(tmp_path / "odd").holder() is None
