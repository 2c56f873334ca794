"""kill -9 of the supervisor in the middle of a stream: nothing lost, nothing doubled, all ended."""

import asyncio
import contextlib
import secrets
import sqlite3
from pathlib import Path

import pytest

from sidecar.contract.errors import ValidationFailed
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, types
from tests.support.trees import settled


async def cut(sidecar: RunningSidecar, client: SidecarClient) -> None:
    """Start a stream and an open request, then kill the supervisor; the cut turn is streaming."""
    await client.request("session.start", start_params("asks"))
    await client.request("session.start", start_params("streams"))
    await client.request("session.sendTurn", turn_params("asks", "@@tool true@@"))
    await client.wait_event("request.opened", thread_id="asks")
    await client.request("session.sendTurn", turn_params("streams", "@@stream 5000 2 50"))
    await client.wait_for(lambda: len(client.of_thread("streams")) > 50, "50 events")
    sidecar.kill()
    await client.wait_closed()
    await sidecar.wait()


async def test_the_old_cursor_gets_every_event_once_and_the_cut_turn_its_end(
    tmp_path: Path,
) -> None:
    sidecar = RunningSidecar(tmp_path)
    first = await sidecar.start()
    client = sidecar.client()
    await client.connect()
    await cut(sidecar, client)
    before, cursor = list(client.events), client.cursor
    second = await sidecar.start()
    assert second["epoch"] == first["epoch"] + 1
    assert second["logId"] == first["logId"]
    try:
        client.url = sidecar.ready["url"]
        hello = await client.connect()
        assert hello["resumed"] is True
        assert not client.gaps
        await client.wait_for(lambda: client.synchronized, "synchronized")
        for thread in ("asks", "streams"):
            ended = await client.wait_event("session.exited", thread_id=thread)
            assert ended.event["payload"]["recoverable"] is True
        assert [r.seq for r in client.events] == list(range(1, client.events[-1].seq + 1))
        assert client.events[: len(before)] == before
        assert client.events[len(before)].seq == cursor + 1
        first_generation = [r for r in client.events if r.event["generation"] == 1]
        for thread in ("asks", "streams"):
            of_thread = [r for r in first_generation if r.event["threadId"] == thread]
            assert_balanced(of_thread)
        asks = [r for r in first_generation if r.event["threadId"] == "asks"]
        assert types(asks).count("request.resolved") == 1
        await same_in_journal(client)
    finally:
        await client.close()
        await sidecar.stop()


async def same_in_journal(client: SidecarClient) -> None:
    """Read everything again from the journal: each seq has the bytes that were delivered."""
    after = 0
    stored: dict[int, bytes] = {}
    while len(stored) < len(client.events):
        page = await client.request("events.read", {"after": after, "limit": 1000})
        if not page["events"]:
            break
        stored |= dict(page["events"])
        after = page["next"]
    assert {r.seq: r.body for r in client.events} == {
        seq: body for seq, body in stored.items() if seq <= client.cursor
    }


@pytest.mark.must("P5.23")
async def test_sessions_that_ran_come_back_once_a_client_is_there(tmp_path: Path) -> None:
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    client = sidecar.client()
    await client.connect()
    await client.request("session.start", start_params("kept"))
    await client.request("session.start", start_params("once", restart={"policy": "temporary"}))
    await client.request("session.start", start_params("secret", env={"API_KEY": "hush"}))
    await client.request("session.start", start_params("stopped"))
    await client.request("session.sendTurn", turn_params("kept", "words to keep"))
    await client.wait_event("turn.completed", thread_id="kept")
    await client.request("session.stop", {"threadId": "stopped"})
    sidecar.kill()
    await client.wait_closed()
    await sidecar.wait()
    await sidecar.start()
    client.url = sidecar.ready["url"]
    try:
        await client.connect()
        ready = await client.wait_event(
            "session.state.changed",
            thread_id="kept",
            where=lambda e: e["generation"] == 2 and e["payload"]["state"] == "ready",
        )
        await client.request("session.sendTurn", turn_params("kept", "@@recall"))
        await client.wait_event("turn.completed", thread_id="kept", after=ready.seq)
        sessions = (await client.request("session.list"))["sessions"]
        status = {s["threadId"]: s["status"] for s in sessions}
        assert status["kept"] == "ready"
        assert all(status[name] in ("closed", "error") for name in ("once", "secret", "stopped"))
        said = await client.wait_event(
            "session.exited", thread_id="secret", where=lambda e: e["generation"] == 2
        )
        assert "waits for session.start with its secrets" in said.event["payload"]["reason"]
        assert said.event["payload"]["recoverable"] is True
        restart = {"idempotencyKey": secrets.token_hex(8), "threadId": "secret"}
        with pytest.raises(ValidationFailed, match="secrets"):
            await client.request("session.restart", restart)
        again = start_params("secret", env={"API_KEY": "hush"})
        assert (await client.request("session.start", again))["status"] == "ready"
        assert b"hush" not in journal_bytes(tmp_path)
    finally:
        await client.close()
        await sidecar.stop()


def journal_bytes(data_dir: Path) -> bytes:
    """Return everything that was written to the data dir."""
    return b"".join(p.read_bytes() for p in data_dir.rglob("*") if p.is_file())


async def test_after_an_orderly_shutdown_nothing_comes_back(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t1"))
    sidecar = RunningSidecar(tmp_path)
    async with sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t2"))
        sessions = (await client.request("session.list"))["sessions"]
        status = {s["threadId"]: s["status"] for s in sessions}
        assert status == {"t1": "closed", "t2": "ready"}


async def test_an_idempotent_call_cut_by_the_kill_is_answered_outcome_unknown(
    tmp_path: Path,
) -> None:
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    client = sidecar.client()
    await client.connect()
    params = start_params("slow", options={"startDelayMs": 60_000})
    await client.send_request("session.start", params)
    await client.wait_event("session.state.changed", thread_id="slow")
    sidecar.kill()
    await client.wait_closed()
    await sidecar.wait()
    await sidecar.start()
    client.url = sidecar.ready["url"]
    try:
        await client.connect()
        with pytest.raises(Exception) as caught:
            await client.request("session.start", params)
        assert getattr(caught.value, "key", None) == "outcome_unknown"
    finally:
        await client.close()
        await sidecar.stop()


def edit(journal: Path, *statements: str) -> None:
    """Change a database behind the sidecar's back."""
    with contextlib.closing(sqlite3.connect(journal)) as database, database:
        for statement in statements:
            database.execute(statement)


async def test_a_damaged_journal_is_set_aside_and_said_so(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path) as sidecar:
        old_log = sidecar.ready["logId"]
    journal = tmp_path / "journal.db"
    edit(journal, "PRAGMA wal_checkpoint(TRUNCATE)")
    journal.write_bytes(b"this is no database" * 1000)
    async with RunningSidecar(tmp_path) as sidecar:
        aside = sidecar.ready["journalReset"]
        assert sidecar.ready["logId"] != old_log
        assert (tmp_path / aside).read_bytes().startswith(b"this is no database")


async def test_damage_that_only_shows_while_it_is_read_is_set_aside_too(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        old_log = sidecar.ready["logId"]
        await client.request("session.start", start_params("t1"))
    edit(
        tmp_path / "journal.db",
        "DELETE FROM snapshots",
        "UPDATE segments SET bodies = substr(bodies, 1, 5)",
    )
    async with RunningSidecar(tmp_path) as sidecar:
        assert sidecar.ready["logId"] != old_log
        assert (tmp_path / sidecar.ready["journalReset"]).exists()


async def test_a_snapshot_that_cannot_be_read_costs_a_replay_and_no_session(
    tmp_path: Path,
) -> None:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t1"))
    edit(tmp_path / "journal.db", "UPDATE snapshots SET body = x'c1'")
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        assert "journalReset" not in sidecar.ready
        sessions = (await client.request("session.list"))["sessions"]
        assert [s["threadId"] for s in sessions] == ["t1"]


async def test_a_launcher_that_goes_during_a_shutdown_hurries_it(tmp_path: Path) -> None:
    sidecar = RunningSidecar(tmp_path)
    await sidecar.start()
    async with sidecar.client() as client:
        await client.request("session.start", start_params("t1", options={"ignoreStop": True}))
        await client.request("sidecar.shutdown", {"deadlineMs": 60_000})
        assert sidecar.process.stdin is not None
        sidecar.process.stdin.close()
        await sidecar.wait(timeout_s=9)  # three times the promised 3 s


@pytest.mark.must("P5.23")
async def test_children_wait_for_a_parent_that_does_not_come_back(tmp_path: Path) -> None:
    """They say why, and come back with it when it is restarted."""
    folder = tmp_path / "work"
    folder.mkdir()
    sidecar = RunningSidecar(tmp_path / "data")
    await sidecar.start()
    client = sidecar.client()
    await client.connect()
    await client.request("session.start", start_params("parent", cwd=str(folder)))
    await client.request("session.start", start_params("child", parent="parent"))
    await client.request("session.start", start_params("grandchild", parent="child"))
    sidecar.kill()
    await client.wait_closed()
    await sidecar.wait()
    folder.rmdir()
    await sidecar.start()
    client.url = sidecar.ready["url"]
    try:
        await client.connect()
        for thread, parent in (("child", "parent"), ("grandchild", "child")):
            exited = await client.wait_event(
                "session.exited", thread_id=thread, where=lambda e: e["generation"] == 2
            )
            reason = f"waits for its parent {parent}, which was not resumed"
            assert exited.event["payload"]["reason"] == reason
            assert exited.event["payload"]["recoverable"] is True
        folder.mkdir()
        await client.request(
            "session.restart", {"idempotencyKey": secrets.token_hex(8), "threadId": "parent"}
        )
        for thread in ("child", "grandchild"):
            await client.wait_event(
                "session.state.changed",
                thread_id=thread,
                where=lambda e: e["generation"] == 3 and e["payload"]["state"] == "ready",
            )
    finally:
        await client.close()
        await sidecar.stop()


async def killed_and_back(sidecar: RunningSidecar, client: SidecarClient) -> None:
    """Kill the sidecar, start it again, and connect as a client whose sessions come back."""
    sidecar.kill()
    await client.wait_closed()
    await sidecar.wait()
    await sidecar.start()
    client.url = sidecar.ready["url"]
    await client.connect()


@pytest.mark.must("P5.23")
async def test_a_stop_reaches_those_whose_turn_to_come_back_is_yet_to_come(tmp_path: Path) -> None:
    """They come back four at a time: a person is faster."""
    slow = {"startDelayMs": 700}
    children = [f"c{number}" for number in range(6)]
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("root"))
        starts = [start_params(c, parent="root", options=slow) for c in children]
        await asyncio.gather(*(client.request("session.start", params) for params in starts))
        await killed_and_back(sidecar, client)
        await client.wait_event(
            "session.configured", thread_id="c0", where=lambda e: e["generation"] == 2
        )
        await client.request("session.stop", {"threadId": "root"})
        await settled(client)
        sessions = (await client.request("session.list"))["sessions"]
        assert {s["status"] for s in sessions} <= {"closed", "error"}
        assert {r.event["generation"] for r in client.of_thread("c5")} == {1}
        await killed_and_back(sidecar, client)
        await settled(client)
        sessions = (await client.request("session.list"))["sessions"]
        assert {s["status"] for s in sessions} <= {"closed", "error"}, "stopped for good"


@pytest.mark.must("P5.23")
async def test_a_turn_waits_for_a_session_that_is_to_come_back(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
        slow = {"startDelayMs": 300}
        await client.request("session.start", start_params("root", options=slow))
        await client.request("session.start", start_params("child", parent="root"))
        await client.request("session.sendTurn", turn_params("child", "words to keep"))
        await client.wait_event("turn.completed", thread_id="child")
        await killed_and_back(sidecar, client)
        await client.request("session.sendTurn", turn_params("child", "@@recall"))
        done = await client.wait_event(
            "turn.completed", thread_id="child", where=lambda e: e["generation"] == 2
        )
        assert done.event["payload"]["state"] == "completed"
