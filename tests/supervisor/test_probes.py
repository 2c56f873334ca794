"""Probes have deadlines, share their answers, and leave nothing behind."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from sidecar.contract.probes import ProbeAnswer, ProbeRequest
from sidecar.observe.log import null_log
from sidecar.process import MARKS_VARIABLE
from sidecar.supervisor.launch import ExecLauncher, HostLauncher, ZygoteLauncher
from sidecar.supervisor.probes import (
    BAD_S,
    GOOD_S,
    KEPT,
    PROBES_AT_ONCE,
    Found,
    ProbeDesk,
    ProbeRunner,
)

PROBES = "tests.fakes.probes"
WAIT_S = 20.0


@pytest.fixture(params=["exec", "zygote"])
async def launcher(request: pytest.FixtureRequest) -> AsyncIterator[HostLauncher]:
    launcher: HostLauncher = ZygoteLauncher() if request.param == "zygote" else ExecLauncher()
    await launcher.start()
    yield launcher
    await launcher.close(0)


@pytest.fixture
async def runner(launcher: HostLauncher) -> AsyncIterator[ProbeRunner]:
    runner = ProbeRunner(launcher, null_log())
    yield runner
    await runner.close()


@contextlib.asynccontextmanager
async def runner_of(*command: str) -> AsyncIterator[ProbeRunner]:
    """A runner whose probe process is another program."""
    launcher = ExecLauncher(command)
    await launcher.start()
    yield ProbeRunner(launcher, null_log())
    await launcher.close(0)


def request(probe_class: str, deadline_ms: int = 15_000, **fields: Any) -> ProbeRequest:
    return ProbeRequest(
        op=fields.pop("op", "status"),
        deadline_ms=deadline_ms,
        module=PROBES,
        probe_class=probe_class,
        provider="fake",
        **fields,
    )


def marked(launcher: HostLauncher) -> list[int]:
    """Return what a launcher has started and lives: nothing may, once a probe was answered."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid != launcher.zygote_pid and launcher.mark in process.environ().get(
                MARKS_VARIABLE, ""
            ):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


async def test_a_probe_is_asked_in_a_process_of_its_own(
    runner: ProbeRunner, launcher: HostLauncher
) -> None:
    answer = await runner.run(request("Good", env={"A": "secret"}))
    assert answer.finding["account"] == {"env": {"A": "secret"}}
    assert not marked(launcher)


async def test_one_that_hangs_is_late_and_nothing_of_it_lives(
    runner: ProbeRunner, launcher: HostLauncher
) -> None:
    answer = await runner.run(request("Hanging", deadline_ms=300))
    assert answer.error == "it did not answer within 0.3 s"
    assert not marked(launcher)


async def test_one_that_is_wedged_is_killed_with_all_below(
    runner: ProbeRunner, launcher: HostLauncher
) -> None:
    answer = await runner.run(request("Wedged", deadline_ms=100))
    assert "did not answer" in str(answer.error)
    assert not marked(launcher)


async def test_one_that_dies_is_told(runner: ProbeRunner) -> None:
    assert (await runner.run(request("Dying"))).error == "its probe ended without an answer"


async def test_what_cannot_be_started_is_the_answer() -> None:
    async with runner_of("/no/such/program") as runner:
        assert "Cannot start" in str((await runner.run(request("Good"))).error)
        await runner.close()
        assert "stopping" in str((await runner.run(request("Good"))).error)


async def test_one_that_talks_nonsense_is_told() -> None:
    script = (
        "import socket,sys; s=socket.socket(fileno=int(sys.argv[2])); s.recv(9); "
        "s.sendall(b'no JSON\\n')"
    )
    async with runner_of(sys.executable, "-c", script) as runner:
        assert (await runner.run(request("Good"))).error == "its probe ended without an answer"


async def test_a_login_shell_that_is_given_up_lets_go_of_its_locks(
    runner: ProbeRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As pyenv holds one while it rehashes: each later shell would wait for it for a minute."""
    lock = tmp_path / "lock"
    (tmp_path / ".bash_profile").write_text(
        f"trap 'rm -f {lock}' EXIT\ntouch {lock}\nfor i in {{1..6000}}; do sleep 0.1; done\n"
    )
    ask = ProbeRequest(
        op="environment",
        deadline_ms=600_000,
        provider="login shell",
        env={"SHELL": "/bin/bash", "HOME": str(tmp_path)},
    )
    asking = asyncio.create_task(runner.run(ask))
    async with asyncio.timeout(WAIT_S):
        while not lock.exists():
            await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert not lock.exists()


async def test_closing_ends_what_runs(runner: ProbeRunner, launcher: HostLauncher) -> None:
    asking = asyncio.create_task(runner.run(request("Hanging", deadline_ms=600_000)))
    async with asyncio.timeout(WAIT_S):
        while len(marked(launcher)) < 2:
            await asyncio.sleep(0.05)
    await runner.close()
    assert (await asking).error
    assert not marked(launcher)


class Desk:
    """A desk whose probes answer when the test says so."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.asked: list[ProbeRequest] = []
        self.gate = asyncio.Event()
        self.error: str | None = None
        self.running = 0
        self.most = 0
        self.desk = ProbeDesk(self.run, lambda: self.now_s)

    async def run(self, asked: ProbeRequest) -> ProbeAnswer:
        self.asked.append(asked)
        self.running += 1
        self.most = max(self.most, self.running)
        await self.gate.wait()
        self.running -= 1
        return ProbeAnswer(finding=len(self.asked), error=self.error)

    async def find(
        self, name: str = "p", subject: object = 1, longest_s: float = WAIT_S, refresh: bool = False
    ) -> Found | None:
        return await self.desk.find(
            (name, "", "status"), subject, request("X"), longest_s, refresh=refresh
        )


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    desk.gate.set()
    yield desk
    await desk.desk.stop()


def number(found: Found | None) -> Any:
    assert found is not None
    return found.answer.finding


async def test_callers_with_one_question_share_a_probe(desk: Desk) -> None:
    desk.gate.clear()
    asking = [asyncio.create_task(desk.find()) for _ in range(5)]
    await asyncio.sleep(0)
    desk.gate.set()
    assert [number(found) for found in await asyncio.gather(*asking)] == [1] * 5


async def test_a_caller_that_goes_away_ends_nothing(desk: Desk) -> None:
    desk.gate.clear()
    first, second = (asyncio.create_task(desk.find()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    desk.gate.set()
    assert number(await second) == 1


async def test_a_finding_is_believed_for_its_time(desk: Desk) -> None:
    assert number(await desk.find()) == 1
    desk.now_s = GOOD_S - 1
    assert number(await desk.find()) == 1
    desk.now_s = GOOD_S
    assert number(await desk.find()) == 2


async def test_a_failure_is_believed_for_a_shorter_time(desk: Desk) -> None:
    desk.error = "no"
    await desk.find()
    desk.now_s = BAD_S
    assert number(await desk.find()) == 2


async def test_a_refresh_looks_again(desk: Desk) -> None:
    await desk.find()
    assert number(await desk.find(refresh=True)) == 2


async def test_a_finding_about_something_else_is_none(desk: Desk) -> None:
    await desk.find(subject="old")
    assert desk.desk.remembered(("p", "", "status"), "new") is None
    assert number(await desk.find(subject="new")) == 2


async def test_one_that_takes_too_long_goes_on_and_is_remembered(desk: Desk) -> None:
    desk.gate.clear()
    assert await desk.find(longest_s=0.01) is None
    desk.gate.set()
    assert number(await desk.find()) == 1
    assert len(desk.asked) == 1


async def test_the_last_finding_is_better_than_none(desk: Desk) -> None:
    await desk.find()
    desk.gate.clear()
    assert number(await desk.find(longest_s=0.01, refresh=True)) == 1


async def test_few_run_at_once(desk: Desk) -> None:
    desk.gate.clear()
    asking = [asyncio.create_task(desk.find(f"p{n}")) for n in range(10)]
    for _ in range(10):
        await asyncio.sleep(0)
    desk.gate.set()
    await asyncio.gather(*asking)
    assert desk.most == PROBES_AT_ONCE


async def test_what_is_remembered_is_bounded(desk: Desk) -> None:
    for n in range(KEPT + 3):
        await desk.find(f"p{n}")
    assert desk.desk.remembered(("p0", "", "status"), 1) is None
    assert desk.desk.remembered((f"p{KEPT}", "", "status"), 1) is not None


async def test_a_stop_gives_up_what_runs(desk: Desk) -> None:
    desk.gate.clear()
    asking = asyncio.create_task(desk.find())
    await asyncio.sleep(0)
    await desk.desk.stop()
    assert await asking is None


def test_by_hand_a_probe_reads_stdin_and_answers_on_stdout(tmp_path: Path) -> None:
    import subprocess  # noqa: PLC0415

    import msgspec  # noqa: PLC0415

    asked = msgspec.json.encode(request("Good", op="models"))
    ran = subprocess.run(
        [sys.executable, "-m", "sidecar", "probe"],
        input=asked,
        capture_output=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert [m["slug"] for m in msgspec.json.decode(ran.stdout)["models"]] == ["m1", "m2"]
