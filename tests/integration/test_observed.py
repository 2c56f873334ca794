"""What is seen from outside: a crash told by one correlated log, and secrets told by nothing."""

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.core.correlation import parse_cid
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params

BLABBER = Path(__file__).parents[1] / "fakes" / "blabber.py"

OF_SIDECAR = "planted-in-the-sidecars-environment"
OF_SESSION = "planted-in-a-sessions-env-with-a-telling-name"
PLAIN = "planted-in-a-sessions-env-with-no-telling-name"
IN_URL = "planted-in-a-url"
IN_HEADER = "planted-in-an-mcp-header"
IN_PROMPT = "planted-in-a-prompt"
EVERYWHERE_BANNED = (OF_SIDECAR, OF_SESSION, PLAIN, IN_URL, IN_HEADER)

MCP = [
    {
        "type": "http",
        "name": "tools",
        "url": "http://127.0.0.1:9/mcp",
        "headers": [{"name": "X-Whatever", "value": IN_HEADER}],
    }
]


def start(thread_id: str, sentinel: str) -> dict[str, Any]:
    return start_params(
        thread_id,
        "acp",
        env={"PLANTED_KEY": OF_SESSION, "PLANTED_PLAIN": PLAIN, "PLANTED_IN_URL": IN_URL},
        options={
            "command": sys.executable,
            "args": [str(BLABBER), sentinel],
            "mcpServers": MCP,
        },
    )


def diagnose(data_dir: Path, out: Path, *more: str) -> tuple[int, dict[str, str]]:
    """Write a bundle; return the exit code and the texts in it."""
    command = [sys.executable, "-m", "sidecar", "diagnose", "--no-agents"]
    done = subprocess.run(
        [*command, "--data-dir", str(data_dir), "--out", str(out), *more],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PLANTED_TOKEN": OF_SIDECAR},
    )
    assert out.exists(), done.stderr
    assert done.stdout.startswith(str(out))
    with zipfile.ZipFile(out) as bundle:
        names = bundle.namelist()
        texts = {Path(name).name: bundle.read(name).decode() for name in names}
    return done.returncode, texts


def records(data_dir: Path) -> list[dict[str, Any]]:
    text = (data_dir / "sidecar.log").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
async def sidecar(tmp_path: Path) -> AsyncIterator[RunningSidecar]:
    async with RunningSidecar(
        tmp_path / "data", env={"PLANTED_TOKEN": OF_SIDECAR}, settings={"logLevel": "debug"}
    ) as running:
        yield running


@pytest.fixture
async def client(sidecar: RunningSidecar) -> AsyncIterator[SidecarClient]:
    async with sidecar.client() as connected:
        yield connected


async def crashed_and_resumed(client: SidecarClient, sentinel: str) -> str:
    """Run a turn, crash in the next one, and wait for the resume; return the turn that crashed."""
    await client.request("session.start", start("t1", sentinel))
    await client.request("session.sendTurn", turn_params("t1", f"hello {IN_PROMPT}"))
    await client.wait_event("turn.completed", thread_id="t1")
    turn = await client.request("session.sendTurn", turn_params("t1", f"crash {IN_PROMPT}"))
    await client.wait_event("session.exited", thread_id="t1")
    await client.wait_for(
        lambda: [
            r
            for r in client.of_thread("t1")
            if r.event["generation"] == 2 and r.event["payload"].get("state") == "ready"
        ],
        "the resume",
        timeout_s=20,
    )
    turn_id: str = turn["turnId"]
    return turn_id


@pytest.mark.must("P1.10")
async def test_a_crash_is_explained_by_one_correlated_log(
    sidecar: RunningSidecar, client: SidecarClient
) -> None:
    turn_id = await crashed_and_resumed(client, observer.new_sentinel())

    about = [r for r in records(sidecar.data_dir) if parse_cid(r.get("cid", "")).thread == "t1"]
    story = [(r["role"], r["event"], parse_cid(r["cid"]).generation) for r in about]
    chain = [
        ("host", "provider.started", 1),
        ("provider", "provider.stderr", 1),
        ("host", "provider.exited", 1),
        ("supervisor", "host.exited", 1),
        ("supervisor", "turn.completed", 1),
        ("supervisor", "session.exited", 1),
        ("supervisor", "session.configured", 2),
        ("supervisor", "session.hosted", 2),
        ("host", "provider.started", 2),
    ]
    places = [len(story) - 1 - story[::-1].index(step) for step in chain]
    assert places == sorted(places), [story[place] for place in places]

    exited = next(r for r in about if r["event"] == "provider.exited")
    assert parse_cid(exited["cid"]).turn == turn_id
    assert exited["said"]["code"] == 9
    last = [r for r in about if r["event"] == "provider.stderr"][-1]
    assert last["line"] == "the last words of the blabber"
    assert parse_cid(last["cid"]) == ("t1", 1, turn_id, None)
    end = next(r for r in about if r["event"] == "session.exited")
    assert "exited with code 9" in end["reason"]
    assert end["stderrTail"].endswith("the last words of the blabber")
    resumed = next(r for r in about if r["event"] == "session.configured" and "/2" in r["cid"])
    assert resumed["resume"] is True
    calls = [r for r in about if r["event"].startswith("call.") and "sendTurn" in r["method"]]
    assert [r["event"] for r in calls] == ["call.asked", "call.answered"] * 2
    assert len({r["message"] for r in calls}) == 2


@pytest.mark.must("P1.11")
async def test_planted_secrets_are_told_by_nothing(
    sidecar: RunningSidecar, client: SidecarClient, tmp_path: Path
) -> None:
    sentinel = observer.new_sentinel()
    await crashed_and_resumed(client, sentinel)
    argvs = [process.argv for process in observer.seen(sentinel)]
    assert argvs
    running = diagnose(sidecar.data_dir, tmp_path / "running.zip")
    facts = json.dumps(await client.request("diagnostics.get", {"threadId": "t1"}))
    told = json.dumps([r.event for r in client.of_thread("t1")])
    os.kill(sidecar.pid, 9)
    await sidecar.wait()
    assert not await observer.wait_until_none(sentinel, 10)
    dead = diagnose(sidecar.data_dir, tmp_path / "dead.zip")

    texts = {
        "log": (sidecar.data_dir / "sidecar.log").read_text("utf-8"),
        "stderr": sidecar.stderr_text,
        "argv": json.dumps(argvs),
        "diagnostics.get": facts,
        **{f"running {name}": text for name, text in running[1].items()},
        **{f"dead {name}": text for name, text in dead[1].items()},
    }
    for where, text in texts.items():
        for secret in (*EVERYWHERE_BANNED, IN_PROMPT, sidecar.token):
            assert secret not in text, where
            assert secret[8:24] not in text, where
    files = [path for path in sidecar.data_dir.rglob("*") if path.is_file()]
    for secret in (*EVERYWHERE_BANNED, sidecar.token):
        assert secret not in told
        assert not [path for path in files if secret.encode() in path.read_bytes()]
    assert IN_PROMPT in told  # the agent's answer, which is the conversation
    assert texts["log"].count("[redacted]") > 10  # the agent did say all of it
    assert (running[0], dead[0]) == (0, 0)


async def test_a_bundle_tells_the_same_of_a_sidecar_that_runs_and_one_that_died(
    sidecar: RunningSidecar, client: SidecarClient, tmp_path: Path
) -> None:
    assert sidecar.ready["dataDir"] == str(sidecar.data_dir)
    sentinel = observer.new_sentinel()
    await client.request("session.start", start("t1", sentinel))
    await client.request("session.start", start_params("child", parent="t1"))
    await client.request("session.start", start_params("other"))
    code, texts = diagnose(sidecar.data_dir, tmp_path / "running.zip", "--thread", "t1")
    facts = await client.request("diagnostics.get", {"threadId": "t1"})
    facts = facts["diagnostics"]
    os.kill(sidecar.pid, 9)
    await sidecar.wait()
    before = {path: path.read_bytes() for path in sidecar.data_dir.glob("journal.db*")}
    dead_code, dead_texts = diagnose(sidecar.data_dir, tmp_path / "dead.zip")
    parts = {name: json.loads(text) for name, text in texts.items() if name.endswith(".json")}
    dead = {name: json.loads(text) for name, text in dead_texts.items() if name.endswith(".json")}

    assert (code, dead_code) == (0, 0)
    sessions = parts["sessions.json"]["sessions"]
    assert [s["threadId"] for s in sessions] == ["t1", "child"]
    assert sessions == facts["sessionDetails"]
    assert len(dead["sessions.json"]["sessions"]) == 3
    assert parts["processes.json"]["supervisorLives"]
    owners = {row["threadId"] for row in parts["processes.json"]["processes"]}
    assert {"t1", "child", "other", None} <= owners
    assert not dead["processes.json"]["supervisorLives"]
    assert parts["run.json"]["pid"] == sidecar.pid
    assert parts["run.json"]["settings"] == facts["settings"]
    assert "stoppedAt" not in dead["run.json"]
    counted = dead["journal.json"]["counted"]
    assert counted["byType"]["session.configured"] >= 3
    assert set(counted["byThread"]) == {"t1", "child", "other"}
    assert dead["journal.json"]["lastSeq"] == facts["journal"]["lastSeq"]
    log = [json.loads(line) for line in texts["sidecar.log"].splitlines()]
    assert {parse_cid(r["cid"]).thread for r in log if "cid" in r} == {"t1", "child"}
    assert (tmp_path / "dead.zip").stat().st_mode & 0o777 == 0o600
    # a database that nobody has open any more is only read
    after = {path: path.read_bytes() for path in before if not path.name.endswith("-shm")}
    assert after == {path: data for path, data in before.items() if path in after}
