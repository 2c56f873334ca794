"""A probe process answers one question, whatever the probe does, and leaves nothing."""

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from sidecar.contract.probes import ProbeAnswer, ProbeRequest
from sidecar.host.probe import answer
from sidecar.process import kill_until_empty
from sidecar.process.census import strangers, with_descendants
from sidecar.process.platform import os_

PROBES = "tests.fakes.probes"


@pytest.fixture(autouse=True)
def _adopted(adopting: None) -> Iterator[None]:
    """What a probe adopts ends with its process; this one goes on, so it is reaped here."""
    yield
    kill_until_empty(lambda: with_descendants(strangers()), 2)
    for info in strangers():
        os_.reap(info.key.pid)


async def ask(
    probe_class: str, op: Any = "status", deadline_ms: int = 10_000, **fields: Any
) -> ProbeAnswer:
    request = ProbeRequest(
        op=op, deadline_ms=deadline_ms, module=PROBES, probe_class=probe_class, **fields
    )
    return await answer(request)


async def test_a_finding_is_answered_with_what_was_logged() -> None:
    found = await ask("Good", env={"A": "1"})
    assert found.finding["version"] == "1.2"
    assert found.finding["account"] == {"env": {"A": "1"}}
    assert [record["event"] for record in found.log] == ["looked"]


async def test_models_are_answered() -> None:
    found = await ask("Good", "models")
    assert found.models is not None
    assert [model["slug"] for model in found.models] == ["m1", "m2"]


async def test_a_probe_that_hangs_is_answered_at_its_deadline() -> None:
    found = await ask("Hanging", deadline_ms=300)
    assert found.error == "it did not answer within 0.3 s"


async def test_what_a_probe_raises_is_the_answer() -> None:
    assert "out of luck" in str((await ask("Raising")).error)
    assert "NoSuch" in str((await ask("NoSuch")).error)


async def run(argv: list[str], **settings: Any) -> dict[str, Any]:
    found = await ask("Running", settings={"argv": argv, **settings}, env={"PATH": "/usr/bin:/bin"})
    assert found.error is None, found.error
    account: dict[str, Any] = found.finding["account"]
    return account


async def test_a_program_is_run_to_its_end() -> None:
    account = await run(["sh", "-c", "echo out; echo err >&2; exit 3"])
    assert account == {"code": 3, "out": "out\n", "err": "err\n"}


@pytest.mark.leaves("processes", reason="a zombie that falls to this process, not to a probe's")
async def test_a_program_that_hangs_is_killed_with_all_it_started() -> None:
    account = await run(["sh", "-c", "echo begun; setsid sleep 600 & sleep 600"], deadlineS=0.5)
    assert account["code"] is None
    assert account["out"] == "begun\n"


async def test_a_program_that_floods_is_cut() -> None:
    account = await run([sys.executable, "-c", "print('x' * 10_000_000)"], deadlineS=20)
    assert account["code"] == 0


async def test_a_program_gets_no_input_and_its_home_as_its_folder() -> None:
    found = await ask(
        "Running",
        settings={"argv": ["sh", "-c", "cat; pwd"]},
        env={"PATH": "/usr/bin:/bin", "HOME": "/usr"},
    )
    assert found.finding["account"]["out"] == "/usr\n"


async def test_a_program_that_is_not_there_is_the_answer() -> None:
    found = await ask("Running", settings={"argv": ["no-such-program"]}, env={})
    assert "no-such-program" in str(found.error)


@pytest.mark.parametrize("home", ["", "/no/such/folder"])
async def test_without_a_home_programs_run_at_the_root(home: str) -> None:
    found = await ask(
        "Running", settings={"argv": ["pwd"]}, env={"PATH": "/usr/bin:/bin", "HOME": home}
    )
    assert found.finding["account"]["out"] == "/\n"
