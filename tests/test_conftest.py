"""The fixture that proves that nothing was left behind finds what was, and the options choose."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

HEAD = """
import asyncio, os, socket, subprocess, tempfile, threading
import pytest
KEEP = []
DONE = threading.Event()
"""

LEAKS = """
async def test_task():
    KEEP.append(asyncio.create_task(asyncio.sleep(60)))

def test_process():
    KEEP.append(subprocess.Popen(["sleep", "60"]))

async def test_process_of_a_loop():
    KEEP.append(await asyncio.create_subprocess_exec("sleep", "60"))

def test_orphan():
    # It says that it is up: a process in the middle of its execve shows no environment yet.
    script = "setsid sh -c 'echo up; exec >/dev/null 2>&1; sleep 60; :' &"
    orphan = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE)
    assert orphan.stdout.readline() == b"up\\n"
    assert orphan.wait() == 0
    orphan.stdout.close()

def test_zombie():
    if (pid := os.fork()) == 0:
        os._exit(0)
    # Until it is one: a process in the middle of its exit has no environment any more.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)

def test_socket():
    KEEP.extend(socket.socketpair())

async def test_socket_of_a_loop():
    KEEP.extend(socket.socketpair())

def test_open_file(tmp_path):
    KEEP.append((tmp_path / "f").open("w"))

def test_temporary_file():
    tempfile.mkdtemp()

def test_thread():
    threading.Thread(target=DONE.wait, daemon=True).start()
"""

CLEAN = """
async def test_a_killed_process():
    process = await asyncio.create_subprocess_exec("sleep", "60")
    process.kill()
    await process.wait()

async def test_closed_sockets():
    a, b = socket.socketpair()
    _, writer = await asyncio.open_connection(sock=a)
    writer.close()
    b.close()

async def test_a_task_that_ends_soon():
    KEEP.append(asyncio.create_task(asyncio.sleep(0.05)))

def test_a_file_in_its_own_folder(tmp_path):
    (tmp_path / "f").write_text("x")

@pytest.mark.leaves("files", "threads", reason="shows the opt-out")
def test_what_it_says_it_leaves():
    tempfile.mkdtemp()
    threading.Thread(target=DONE.wait, daemon=True).start()
"""

CHOICES = """
def test_plain(): pass

@pytest.mark.long
def test_long(): pass

@pytest.mark.agents("codex")
@pytest.mark.long
def test_codex(): pass

@pytest.mark.agents("gemini")
def test_gemini(): pass
"""


@pytest.fixture
def inner(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A pytest of its own that uses our conftest."""
    pytester.makeconftest(
        "import tests.conftest\ntests.conftest.SETTLE_S = 0.2\nfrom tests.conftest import *"
    )
    pytester.makeini(
        "[pytest]\nasyncio_mode=auto\nasyncio_default_fixture_loop_scope=function\n"
        "markers =\n    long: x\n    agents(name): x\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    for name in ("CI", "BUILD_NUMBER"):  # pytest then repeats whole messages in its summary
        monkeypatch.delenv(name, raising=False)
    return pytester


def test_each_kind_of_leak_fails_its_test(inner: pytest.Pytester) -> None:
    inner.makepyfile(HEAD + LEAKS)
    result = inner.runpytest_subprocess()
    leaks = LEAKS.count("def test_")
    result.assert_outcomes(passed=leaks, errors=leaks)
    assert str(result.stdout).count("left behind by the test:") == leaks


def test_clean_tests_and_declared_leftovers_pass(inner: pytest.Pytester) -> None:
    inner.makepyfile(HEAD + CLEAN)
    inner.runpytest_subprocess().assert_outcomes(passed=CLEAN.count("def test_"))


def test_long_tests_are_skipped_with_a_printed_reason(inner: pytest.Pytester) -> None:
    inner.makepyfile(HEAD + CHOICES)
    result = inner.runpytest_subprocess()
    result.assert_outcomes(passed=2, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED*long: runs under --long*"])


def test_agents_runs_the_tests_of_that_agent_alone(inner: pytest.Pytester) -> None:
    inner.makepyfile(HEAD + CHOICES)
    inner.runpytest_subprocess("--agents", "codex").assert_outcomes(passed=1, deselected=3)
