"""From the launch to the ready line and from the launcher's end to the sidecar's (PROTOCOL §1, §7).

Launches by hand, as a launcher in any language would: nothing of RunningSidecar's convenience.
"""

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import psutil
import pytest

from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params

SERVE = [sys.executable, "-m", "sidecar", "serve"]
LINE_S = 30.0
ORPHAN_S = 3.0
"""Promised: nothing lives that long after the launcher's end (ARCHITECTURE, invariant 6)."""

TOKEN = secrets.token_hex(32)

Launch = Callable[..., Any]


@pytest.fixture
async def launch() -> AsyncIterator[Launch]:
    """A function that launches `serve` with arguments; what still runs at the end is stopped."""
    running: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str, bootstrap: Any = None) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *SERVE,
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        running.append(process)
        if bootstrap is not None:
            assert process.stdin is not None
            text = bootstrap if isinstance(bootstrap, str) else json.dumps(bootstrap)
            process.stdin.write(text.encode() + b"\n")
        return process

    yield start
    for process in running:
        assert process.stdin is not None
        process.stdin.close()
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        await asyncio.wait_for(process.communicate(), LINE_S)


async def line_of(process: asyncio.subprocess.Process) -> dict[str, Any]:
    assert process.stdout is not None
    assert process.stderr is not None
    said = await asyncio.wait_for(process.stdout.readline(), LINE_S)
    if not said:
        log = await asyncio.wait_for(process.stderr.read(), LINE_S)
        pytest.fail(f"no line on stdout, but on stderr:\n{log.decode()}")
    line: dict[str, Any] = json.loads(said)
    return line


async def rest_of(process: asyncio.subprocess.Process) -> tuple[bytes, list[str], int]:
    """Close stdin, wait for the end; return what stdout still said, stderr's lines, the code."""
    assert process.stdin is not None
    process.stdin.close()  # communicate() does it only from Python 3.12 on
    out, err = await asyncio.wait_for(process.communicate(), LINE_S)
    assert process.returncode is not None
    return out, err.decode().splitlines(), process.returncode


@pytest.mark.must("P1.1", "P1.5", "P1.6", "P1.9")
async def test_one_ready_line_then_nothing_and_exit_0_at_the_end_of_stdin(
    launch: Launch, tmp_path: Path
) -> None:
    process = await launch(bootstrap={"token": TOKEN, "dataDir": str(tmp_path / "data")})
    ready = await line_of(process)
    assert ready["event"] == "ready"
    assert ready["url"] == f"ws://127.0.0.1:{ready['port']}/bridge"
    assert (ready["protocol"], ready["epoch"]) == (1, 1)
    assert psutil.Process(ready["pid"]).is_running()
    assert {"instance", "version", "logId"} <= set(ready)
    assert "journalReset" not in ready
    out, err, code = await rest_of(process)
    assert (out, code) == (b"", 0)
    assert err
    in_file = (tmp_path / "data" / "sidecar.log").read_text("utf-8").splitlines()
    for log_line in [*err, *in_file]:
        assert "event" in json.loads(log_line)


@pytest.mark.must("P1.5")
async def test_each_start_is_a_new_instance_and_the_next_epoch(
    launch: Launch, tmp_path: Path
) -> None:
    starts = []
    for _ in range(2):
        process = await launch(bootstrap={"token": TOKEN, "dataDir": str(tmp_path)})
        starts.append(await line_of(process))
        await rest_of(process)
    first, second = starts
    assert second["logId"] == first["logId"]
    assert second["epoch"] == first["epoch"] + 1
    assert second["instance"] != first["instance"]


@pytest.mark.must("P1.2")
async def test_the_token_is_in_no_argv_no_environment_no_log_and_no_file(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t1"))
        below = [psutil.Process(sidecar.pid)]
        below += below[0].children(recursive=True)
        assert len(below) >= 3  # supervisor, zygote, host, agent
        for process in below:
            folder = Path(f"/proc/{process.pid}")
            assert sidecar.token.encode() not in (folder / "cmdline").read_bytes()
            assert sidecar.token.encode() not in (folder / "environ").read_bytes()
    assert sidecar.token not in sidecar.stderr_text
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files
    assert not [path for path in files if sidecar.token.encode() in path.read_bytes()]


@pytest.mark.must("P1.3")
async def test_a_token_file_replaces_the_bootstrap_and_stdin_is_not_watched(
    launch: Launch, tmp_path: Path
) -> None:
    token_file = tmp_path / "token"
    token_file.touch(mode=0o600)
    token_file.write_text(f"{TOKEN}\n", "utf-8")
    arguments = ("--token-file", str(token_file), "--data-dir", str(tmp_path / "data"))
    process = await launch(*arguments)
    process.stdin.close()
    ready = await line_of(process)
    async with SidecarClient(ready["url"], TOKEN) as client:
        assert (await client.request("session.list"))["sessions"] == []
    os.kill(ready["pid"], signal.SIGTERM)
    assert await asyncio.wait_for(process.wait(), LINE_S) == 0


@pytest.mark.must("P1.3", "P1.7")
async def test_a_token_file_that_others_can_read_is_refused(launch: Launch, tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN, "utf-8")
    token_file.chmod(0o644)
    process = await launch("--token-file", str(token_file), "--data-dir", str(tmp_path / "data"))
    failed = await line_of(process)
    assert (failed["event"], failed["code"]) == ("failed", "bad_bootstrap")
    assert "0600" in failed["message"]
    assert (await rest_of(process))[2] != 0


@pytest.mark.must("P1.7")
@pytest.mark.parametrize(
    ("bootstrap", "code", "word"),
    [
        ("no JSON", "bad_bootstrap", "bootstrap"),
        ({"token": ""}, "bad_bootstrap", "token"),
        ({"dataDir": "/tmp"}, "bad_bootstrap", "token"),
        ({"token": TOKEN, "settings": {"heartbeatMs": "often"}}, "bad_bootstrap", "heartbeatMs"),
        ({"token": TOKEN, "dataDir": "/dev/null/data"}, "data_dir", "/dev/null/data"),
    ],
)
async def test_what_cannot_start_says_so_in_one_line(
    launch: Launch, bootstrap: Any, code: str, word: str
) -> None:
    process = await launch(bootstrap=bootstrap)
    failed = await line_of(process)
    out, _, status = await rest_of(process)
    assert (failed["event"], failed["code"]) == ("failed", code)
    assert word in failed["message"]
    assert TOKEN not in failed["message"]
    assert (out, status != 0) == (b"", True)


@pytest.mark.must("P1.7")
async def test_a_launcher_that_closes_stdin_at_once_is_told(launch: Launch) -> None:
    process = await launch()
    process.stdin.close()
    assert (await line_of(process))["code"] == "bad_bootstrap"


@pytest.mark.must("P1.4")
async def test_a_start_waits_for_a_predecessor_that_goes_down(
    launch: Launch, tmp_path: Path
) -> None:
    first = RunningSidecar(tmp_path)
    await first.start()
    async with first.client() as client:
        await client.request("session.start", start_params("t1", options={"ignoreStop": True}))
    stopping = asyncio.ensure_future(first.stop())  # takes the ladder's whole deadline
    ready = await line_of(await launch(bootstrap={"token": TOKEN, "dataDir": str(tmp_path)}))
    assert (ready["event"], ready["epoch"]) == ("ready", 2)
    assert await stopping == 0


@pytest.mark.must("P1.4", "P1.7")
async def test_a_data_dir_that_stays_locked_is_told_with_its_holder(
    launch: Launch, tmp_path: Path
) -> None:
    bootstrap = {"token": TOKEN, "dataDir": str(tmp_path)}
    holder = await line_of(await launch(bootstrap=bootstrap))
    failed = await line_of(await launch(bootstrap=bootstrap))
    assert (failed["code"], failed["pid"]) == ("locked", holder["pid"])


@pytest.mark.must("P1.4")
async def test_it_listens_on_loopback_alone(launch: Launch, tmp_path: Path) -> None:
    ready = await line_of(await launch(bootstrap={"token": TOKEN, "dataDir": str(tmp_path)}))
    listening = [
        connection.laddr
        for connection in psutil.Process(ready["pid"]).net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == [("127.0.0.1", ready["port"])]
    socket.create_connection(("127.0.0.1", ready["port"]), timeout=LINE_S).close()


@pytest.mark.must("P1.8")
async def test_a_damaged_journal_is_set_aside_and_an_old_cursor_gets_a_gap(
    tmp_path: Path,
) -> None:
    sidecar = RunningSidecar(tmp_path)
    first = await sidecar.start()
    client = sidecar.client()
    await client.connect()
    await client.request("session.start", start_params("t1"))
    await client.close()
    await sidecar.stop()
    journal = next(path for path in tmp_path.iterdir() if is_database(path))
    for extra in tmp_path.glob(f"{journal.name}-*"):
        extra.unlink()
    journal.write_bytes(b"not a database any more " * 1000)
    second = await sidecar.start()
    try:
        assert (tmp_path / second["journalReset"]).read_bytes().startswith(b"not a database")
        assert second["logId"] != first["logId"]
        client.url = sidecar.ready["url"]
        hello = await client.connect()
        assert (hello["resumed"], hello["reason"]) == (False, "other_log")
        await client.wait_for(lambda: client.snapshots[1:], "the snapshot behind the gap")
        assert [gap["reason"] for gap in client.gaps] == ["other_log"]
    finally:
        await client.close()
        await sidecar.stop()


def is_database(path: Path) -> bool:
    return path.is_file() and path.read_bytes()[:15] == b"SQLite format 3"


@pytest.mark.must("P1.7")
async def test_a_journal_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    await sidecar.stop()
    journal = next(path for path in tmp_path.iterdir() if is_database(path))
    with contextlib.closing(sqlite3.connect(journal)) as connection:
        connection.execute("PRAGMA user_version = 9999")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = journal.read_bytes()
    process = await asyncio.create_subprocess_exec(
        *SERVE,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    bootstrap = json.dumps({"token": TOKEN, "dataDir": str(tmp_path)}).encode()
    out, _ = await asyncio.wait_for(process.communicate(bootstrap + b"\n"), LINE_S)
    failed = json.loads(out)
    assert (failed["event"], failed["code"]) == ("failed", "schema_newer")
    assert process.returncode != 0
    assert journal.read_bytes() == before


@pytest.mark.must("P1.9")
async def test_the_end_of_stdin_stops_every_session_and_all_below(tmp_path: Path) -> None:
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    client = sidecar.client()
    await client.connect()
    await client.request("session.start", start_params("t1"))
    await client.request("session.sendTurn", turn_params("t1", "@@daemon @@stream 5000 5 20"))
    await client.wait_event("content.delta", thread_id="t1")
    nodes = (await client.request("tree.get", {}))["nodes"]
    pids = [node["pid"] for node in nodes if node["kind"] == "process"]
    assert len(pids) >= 3  # host, agent, daemon
    assert sidecar.process.stdin is not None
    sidecar.process.stdin.close()
    assert await client.wait_closed() == 1001
    assert client.of_thread("t1")[-1].event["type"] == "session.exited"
    assert await sidecar.wait(3 * ORPHAN_S) == 0
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    await client.close()


@pytest.mark.must("P1.9")
async def test_the_death_of_the_named_parent_is_an_orderly_shutdown(
    launch: Launch, tmp_path: Path
) -> None:
    parent = await asyncio.create_subprocess_exec("sleep", "600")
    process = await launch(
        bootstrap={"token": TOKEN, "dataDir": str(tmp_path), "parentPid": parent.pid}
    )
    await line_of(process)
    parent.kill()
    await parent.wait()
    assert await asyncio.wait_for(process.wait(), 3 * ORPHAN_S) == 0


@pytest.mark.must("P7.1", "P7.2", "P7.3", "P7.4")
async def test_health_needs_no_token_and_metrics_do(sidecar: RunningSidecar) -> None:
    base = sidecar.ready["url"].replace("ws://", "http://").removesuffix("/bridge")
    async with aiohttp.ClientSession() as http:

        async def get(path: str, **headers: str) -> tuple[int, str]:
            async with http.get(base + path, headers=headers) as response:
                return response.status, await response.text()

        assert (await get("/healthz"))[0] == 200
        assert (await get("/readyz"))[0] == 200
        assert (await get("/metrics"))[0] == 401
        assert (await get("/metrics", Authorization="Bearer wrong"))[0] == 401
        status, text = await get("/metrics", Authorization=f"Bearer {sidecar.token}")
        assert status == 200
        assert "# TYPE " in text
        for path in ("/healthz", "/readyz", "/metrics"):
            assert (await get(path, Origin="http://evil.example"))[0] == 403
            assert (await get(path, Host="evil.example"))[0] == 403
