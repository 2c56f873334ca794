"""What a process has allocated comes into large pages, and a child still copies small ones."""

import subprocess
import sys
from pathlib import Path

import pytest

from sidecar.host import hugepages
from sidecar.host.hugepages import HUGE_BYTES

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone has madvise's")

SCRIPT = f"""
import mmap, os, sys
from sidecar.host.hugepages import collapse

def kib(name, pid="self"):
    for line in open(f"/proc/{{pid}}/smaps_rollup"):
        if line.startswith(name):
            return int(line.split()[1])

memory = mmap.mmap(-1, 8 * {HUGE_BYTES}, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE if len(sys.argv) > 1 else mmap.MADV_NORMAL)
memory.write(b"x" * len(memory))
done = collapse()
print(done, kib("AnonHugePages"))
if os.fork() == 0:
    before = kib("Private_Dirty")
    memory[0] = 1
    print(kib("Private_Dirty") - before, memory[1], flush=True)
    os._exit(0)
os.wait()
"""


def run(*words: str) -> list[list[int]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *words], capture_output=True, text=True, check=True
    )
    return [[int(word) for word in line.split()] for line in done.stdout.splitlines()]


def test_large_pages_are_shared_and_copied_in_small_ones() -> None:
    (done, huge_kib), (copied_kib, rest) = run()
    if done < 4 * HUGE_BYTES:
        pytest.skip("this kernel collapses nothing (older than 6.1), or has no large pages free")
    assert huge_kib * 1024 >= 4 * HUGE_BYTES
    assert copied_kib < 512, "one small page and what counting it took"
    assert rest == ord("x")


def test_what_must_not_be_large_stays_as_it_is() -> None:
    (_done, huge_kib), (_copied_kib, rest) = run("small")
    assert huge_kib * 1024 < 8 * HUGE_BYTES
    assert rest == ord("x")


def test_a_machine_without_it_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hugepages, "_MADV_COLLAPSE", -1)
    assert hugepages.collapse() == 0
    monkeypatch.setattr(Path, "read_text", lambda *_a, **_k: (_ for _ in ()).throw(OSError()))
    assert hugepages.collapse() == 0
