"""What the zygote has imported stays shared: nothing writes to it only because it is used."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from sidecar.host import sharing

COUNTS = """
import ctypes, sys
from sidecar.host.sharing import keep_shared
def used(text=""): return text.upper or "a constant" "that is not a name"
class Thing: pass
text = "".join(["not ", "interned"])
def things():
    code = used.__code__
    return [used, code, Thing, text, *code.co_consts, *code.co_names, code.co_linetable]
for _ in keep_shared(): pass
def counts(): return [ctypes.c_uint32.from_address(id(thing)).value for thing in things()]
before = counts()
many = [things() for _ in range(1000)]
used(); Thing()
assert counts() == before, (before, counts())
del many
later = object()
assert sys.getrefcount(later) == 2  # what comes afterwards is counted and freed as ever
"""

PAGES = """
import asyncio, importlib, os, re, socket, subprocess, threading
from sidecar.host import main
from sidecar.host.sharing import keep_shared
from sidecar.host.zygote import _provider_modules

for module in _provider_modules():
    importlib.import_module(module)

async def work():
    ours, theirs = socket.socketpair()
    reader, writer = await asyncio.open_connection(sock=ours)
    theirs.send(b"line\\n")
    await reader.readline()
    writer.close()
    theirs.close()
    async with asyncio.timeout(1), asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(asyncio.sleep(0.001))
    thread = threading.Thread(target=os.getpid)
    thread.start()
    thread.join()

def private_bytes():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) * 1024

def weigh():
    read, write = os.pipe()
    if os.fork() == 0:
        asyncio.run(work())
        os.write(write, str(private_bytes()).encode())
        os._exit(0)
    os.wait()
    return int(os.read(read, 100))

before = weigh()
for _ in keep_shared(): pass
print(weigh() / before)
"""


def run(code: str) -> str:
    """Run it in a process of its own, as it cannot be undone; its orderly end is part of it."""
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    return found.stdout


@pytest.mark.skipif(sys.version_info < (3, 12), reason="this Python counts all references")
def test_using_what_is_shared_does_not_write_to_it() -> None:
    assert run(COUNTS) == ""


@pytest.mark.skipif(
    not (3, 12) <= sys.version_info < (3, 15), reason="this Python is not known to us"
)
def test_a_forked_process_has_few_pages_of_its_own() -> None:
    """Classes of 3.12 do not tell which attributes their methods set, so it keeps more there."""
    assert float(run(PAGES)) < (0.4 if sys.version_info >= (3, 13) else 0.5)


def test_an_interpreter_that_is_not_known_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "_KNOWN_BEFORE", (3, 0))
    assert sharing._is_known() is False


def test_holes_that_the_work_itself_left_are_filled_too(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def settle() -> Iterator[None]:
        done.append("settled")
        yield

    for name in ("fill_holes", "pack_working_set", "number_modules"):
        monkeypatch.setattr(sharing, name, partial(done.append, name))
    monkeypatch.setattr(sharing, "_settle", settle)
    monkeypatch.setattr(sharing, "_is_known", lambda: True)
    monkeypatch.setattr("gc.freeze", partial(done.append, "frozen"))
    assert len(list(sharing.keep_shared())) > 3
    assert done == [
        "frozen",
        "fill_holes",
        "pack_working_set",
        "settled",
        "number_modules",
        "fill_holes",
        "frozen",
    ]


def test_nothing_but_a_collection_is_done_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("must not be done")

    parts: list[tuple[str, Callable[..., object]]] = [
        ("fill_holes", refuse),
        ("pack_working_set", refuse),
        ("_settle", refuse),
        ("_is_known", lambda: False),
    ]
    for name, instead in parts:
        monkeypatch.setattr(sharing, name, instead)
    frozen: list[str] = []
    monkeypatch.setattr("gc.freeze", lambda: frozen.append("yes"))
    assert list(sharing.keep_shared()) == []
    assert frozen == ["yes"]
