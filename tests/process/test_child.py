"""A child: its stdio, its exit whoever holds its pipes, its bounds, its failures to start."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.contract.limits import STDERR_TAIL_CHARS
from sidecar.core.lastwords import LINE_CHARS, LastWords
from sidecar.process import Child, Exit, stop_tree
from sidecar.process.child import DRAIN_AFTER_EXIT_S
from sidecar.process.pipes import READ_BYTES
from sidecar.process.waited import is_waited_for
from tests.process.conftest import MISBEHAVE, Misbehave
from tests.support import observer

ENV = dict(os.environ)


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


async def read_all(child: Child) -> bytes:
    data = b""
    while piece := await child.read():
        assert len(piece) <= READ_BYTES
        data += piece
    return data


async def test_stdout_is_read_in_order_to_its_end_and_the_exit_code_told() -> None:
    child = await Child.spawn(
        python("import sys; sys.stdout.write('x' * 300000 + 'end'); sys.exit(7)"), env=ENV
    )
    assert await read_all(child) == b"x" * 300000 + b"end"
    assert await child.wait() == Exit(code=7)
    assert child.exit == Exit(code=7)
    child.close()


async def test_death_by_a_signal_is_told_as_such() -> None:
    child = await Child.spawn(python("import os; os.kill(os.getpid(), 11)"), env=ENV)
    assert await child.wait() == Exit(signal=signal.SIGSEGV)
    assert (await child.wait()).describe() == "was killed by SIGSEGV"
    child.close()


async def test_what_is_written_arrives_however_slowly_it_is_read() -> None:
    code = (
        "import sys, time, zlib; time.sleep(0.1); data = sys.stdin.buffer.read();"
        "print(len(data), zlib.crc32(data))"
    )
    child = await Child.spawn(python(code), env=ENV)
    data = os.urandom(1_000_000)
    child.write(data)
    await child.drain()
    child.close_stdin()
    assert await read_all(child) == f"{len(data)} {zlib.crc32(data)}\n".encode()
    child.close()


async def test_drain_waits_for_a_child_that_does_not_read_until_it_dies(
    misbehave: Misbehave,
) -> None:
    child = await misbehave("stubborn")
    child.write(b"x" * 1_000_000)
    draining = asyncio.create_task(child.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    child.signal_group(signal.SIGKILL)
    await child.wait()
    async with asyncio.timeout(3 * DRAIN_AFTER_EXIT_S):
        await draining
    child.write(b"dropped silently")


async def test_writing_beyond_the_bound_fails(
    misbehave: Misbehave, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sidecar.process.pipes.STDIN_MAX_BYTES", 200_000)
    child = await misbehave("stubborn")
    child.write(b"x" * 150_000)
    with pytest.raises(ProviderProcessFailed, match="does not read its stdin"):
        child.write(b"x" * 150_000)


async def test_nothing_is_read_while_nobody_asks() -> None:
    code = "import os\nfor i in range(1000): os.write(1, b'x' * 65536); os.write(2, b'.')"
    child = await Child.spawn(python(code), env=ENV)
    assert await child.read()
    await asyncio.sleep(0.2)
    assert len(child.stderr_tail) < 10, "the flood went on although nobody read"
    assert child.exit is None
    child.close()


async def test_a_flood_does_not_hold_the_event_loop() -> None:
    child = await Child.spawn(python("import os\nwhile True: os.write(1, b'x' * 65536)"), env=ENV)
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count())
    for _ in range(200):
        await child.read()
    counting.cancel()
    assert turns >= 200
    child.close()


async def test_an_exit_is_told_although_an_orphan_holds_the_pipes(
    misbehave: Misbehave, sentinel: str
) -> None:
    child = await misbehave("orphan")
    assert await child.wait_at_most(5) == Exit(code=0)
    assert len(observer.seen(sentinel)) == 1, "the orphan must live for this test to mean anything"
    began = time.monotonic()
    assert await child.read() == b""
    assert time.monotonic() - began < 3 * DRAIN_AFTER_EXIT_S


async def test_an_orphan_that_writes_for_ever_does_not_hold_the_reader(sentinel: str) -> None:
    code = "import os\nif os.fork(): os._exit(0)\nwhile True: os.write(1, b'y' * 4096)"
    child = await Child.spawn([*python(code), sentinel], env=ENV)
    await child.wait()
    async with asyncio.timeout(10):
        await read_all(child)
    child.close()


async def test_the_last_words_are_kept_and_bounded(misbehave: Misbehave) -> None:
    child = await misbehave("noise")
    child.close_stdin()
    assert await read_all(child) == b""
    assert await child.wait() == Exit(code=0)
    await child.output_ended(5)
    assert child.stderr_tail.endswith(
        "last words \N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}"
    )
    assert len(child.stderr_tail) == STDERR_TAIL_CHARS


async def test_stderr_is_handed_over_line_by_line_a_long_one_cut() -> None:
    lines: list[tuple[str, bool]] = []
    words = LastWords(on_line=lambda line, cut: lines.append((line, cut)))
    code = "import os; os.write(2, b'one\\r\\ntwo\\n' + b'z' * 20000 + b'\\n\\nlast')"
    child = await Child.spawn(python(code), env=ENV, words=words)
    await child.wait()
    await child.output_ended(5)
    child.close()
    assert lines == [
        ("one", False),
        ("two", False),
        ("z" * LINE_CHARS, True),
        ("", False),
        ("last", False),
    ]


@pytest.mark.parametrize(
    ("argv", "cwd", "why"),
    [
        (["no-such-program-anywhere"], None, "no such program"),
        (["/"], None, "may not be executed"),
        (["/etc/passwd"], None, "may not be executed"),
        ([sys.executable], "/no/such/folder", "working directory /no/such/folder does not exist"),
        (["a\0b"], None, "NUL"),
        ([], None, "empty"),
    ],
)
async def test_a_start_that_fails_says_why_and_leaves_nothing(
    argv: list[str], cwd: str | None, why: str
) -> None:
    with pytest.raises(ProviderProcessFailed, match=why):
        await Child.spawn(argv, env=ENV, cwd=cwd)


async def test_a_script_without_its_interpreter_says_so(tmp_path: Path) -> None:
    script = tmp_path / "agent"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    with pytest.raises(ProviderProcessFailed, match="interpreter"):
        await Child.spawn([str(script)], env=ENV)


async def test_children_are_started_from_the_main_thread_alone() -> None:
    def spawn() -> None:
        with pytest.raises(RuntimeError, match="main thread"):
            asyncio.run(Child.spawn([sys.executable], env=ENV))

    thread = threading.Thread(target=spawn)
    thread.start()
    thread.join()


async def test_a_child_has_its_own_session_and_no_descriptor_but_its_stdio() -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    code = "import os; print(os.getsid(0) == os.getpid(), sorted(os.listdir('/proc/self/fd')))"
    child = await Child.spawn(python(code), env=ENV)
    assert await read_all(child) == b"True ['0', '1', '2', '3']\n"  # 3 is listdir's own
    child.close()
    os.close(read)
    os.close(write)


async def test_a_child_dies_with_the_process_that_started_it(sentinel: str) -> None:
    code = (
        "import asyncio, os, sys\n"
        "from sidecar.process import Child\n"
        "async def main():\n"
        "    child = await Child.spawn(sys.argv[1:], env=dict(os.environ))\n"
        "    print((await child.read()).decode(), end='', flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code, *MISBEHAVE, "stubborn", sentinel],
        stdout=subprocess.PIPE,
        check=False,
    )
    assert parent.stdout == b"ready\n"
    assert await observer.wait_until_none(sentinel, 5) == []


async def test_closing_a_running_child_kills_and_reaps_it(misbehave: Misbehave) -> None:
    child = await misbehave("stubborn")
    child.close()
    assert await observer.wait_until_ended([child.pid], 5) == []
    end = time.monotonic() + 5
    while is_waited_for(child.pid) and time.monotonic() < end:
        await asyncio.sleep(0.01)
    with pytest.raises(ChildProcessError):
        os.waitpid(child.pid, os.WNOHANG)


async def test_a_closed_child_is_never_signalled(
    misbehave: Misbehave, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = await misbehave("quiet")
    child.close_stdin()
    await child.wait()
    child.close()
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("signalled a recycled group"))
    child.signal_group(signal.SIGKILL)


async def test_an_ended_child_keeps_its_number_until_it_is_closed(misbehave: Misbehave) -> None:
    child = await misbehave("quiet")
    child.close_stdin()
    await child.wait()
    assert os.getpgid(child.pid) == child.pid
    child.close()
    with pytest.raises(ProcessLookupError):
        os.getpgid(child.pid)


async def test_reading_twice_at_once_is_refused(misbehave: Misbehave) -> None:
    child = await misbehave("quiet")
    first = asyncio.create_task(child.read())
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match="somebody else"):
        await child.read()
    await stop_tree([child], look=list)
    assert await first == b""


async def test_a_cancelled_read_loses_nothing(misbehave: Misbehave) -> None:
    code = "import os, time; input(); os.write(1, b'late'); input()"
    child = await Child.spawn(python(code), env=ENV)
    reading = asyncio.create_task(child.read())
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    child.write(b"\n")
    assert await child.read() == b"late"
    child.close()
