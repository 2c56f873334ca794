"""A defect of the sidecar's own in one session: it ends like any other end, and nothing is left."""

import sys
from pathlib import Path

import pytest

from sidecar.contract.errors import InternalError
from tests.support import observer
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced
from tests.support.trees import START_S

PLANT = """
import sys
from sidecar.supervisor.kin import Kin

own, planted = Kin.{method}, []

def broken(self, thread_id, *args):
    if thread_id == "t1" and not planted:
        planted.append(thread_id)
        raise RuntimeError("planted")
    return own(self, thread_id, *args)

Kin.{method} = broken
from sidecar.cli import main
sys.exit(main())
"""


def with_defect(tmp_path: Path, method: str) -> RunningSidecar:
    return RunningSidecar(tmp_path, command=[sys.executable, "-c", PLANT.format(method=method)])


async def test_one_while_a_generation_ends_gives_it_its_last_events(tmp_path: Path) -> None:
    async with with_defect(tmp_path, "ended") as sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t1"))
        await client.request("session.start", start_params("t2"))
        await client.request("session.sendTurn", turn_params("t1", "@@crash"))
        exited = await client.wait_event("session.exited", thread_id="t1", timeout_s=START_S)
        assert exited.event["payload"]["reason"] == "a defect of the sidecar: RuntimeError"
        again = {"threadId": "t1", "idempotencyKey": "by-hand"}
        assert (await client.request("session.restart", again, timeout_s=START_S))["status"] == (
            "ready"
        )
        await client.request("session.stop", {"threadId": "t1"})
        assert_balanced(client.of_thread("t1"))
        assert not [r for r in client.of_thread("t2") if r.event["type"] == "session.exited"]


async def test_one_while_it_starts_leaves_nothing_of_it_running(tmp_path: Path) -> None:
    word = observer.new_sentinel()
    async with with_defect(tmp_path, "ready") as sidecar, sidecar.client() as client:
        with pytest.raises(InternalError):
            await client.request("session.start", start_params("t1", options={"sentinel": word}))
        await client.wait_event("session.exited", thread_id="t1", timeout_s=START_S)
        assert observer.seen(word) == []
        await client.request("session.start", start_params("t1"), timeout_s=START_S)
        await client.request("session.stop", {"threadId": "t1"})
        assert_balanced(client.of_thread("t1"))
