"""What the zygote has imported stays shared: nothing writes to it only because it is used."""

import subprocess
import sys

import pytest

from sidecar.host import sharing

CODE = """
import ctypes, sys
from sidecar.host.sharing import keep_shared
def used(): return 1
class Thing: pass
text = "".join(["not ", "interned"])
things = (used, used.__code__, Thing, text)
count = keep_shared()
def counts(): return [ctypes.c_uint32.from_address(id(t)).value for t in things]
before = counts()
many = [[*things] for _ in range(1000)]
used(); Thing()
assert counts() == before, (before, counts())
del many
later = object()
assert sys.getrefcount(later) == 2  # what comes afterwards is counted and freed as ever
print(count > 1000)
"""


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python counts all references")
def test_using_what_is_shared_does_not_write_to_it() -> None:
    """In a process of its own, as it cannot be undone; its orderly end is part of the test."""
    found = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "True\n", "")


def test_an_interpreter_that_is_not_known_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_KNOWN_BEFORE", (3, 0))
    assert sharing._is_known() is False
