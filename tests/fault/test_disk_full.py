"""A disk that is really full: said to clients, no start, and every end is still written."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.contract.errors import Overloaded
from tests.support.sidecar import NotReadyError, RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced

DISK_BYTES = 40 * 1024 * 1024
"""Room for the journal's files and its ballast, and for a few seconds of a flood."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of DISK_BYTES; skipped where this user may not mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True, timeout=10)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True, timeout=10)


async def test_a_full_disk_is_said_and_a_stop_still_writes_its_exit(small_disk: Path) -> None:
    data_dir = small_disk / "data"
    async with RunningSidecar(data_dir) as sidecar, sidecar.client() as client:
        await client.request("session.start", start_params("t1"))
        await client.request("session.sendTurn", turn_params("t1", "@@flood 1000000"))
        await client.wait_for(lambda: client.controls("journal"), "journal", timeout_s=60)
        assert client.controls("journal")[0]["state"] == "full"
        with pytest.raises(Overloaded):
            await client.request("session.start", start_params("t2"))
        await client.request("session.stop", {"threadId": "t1"}, timeout_s=30)
        exited = await client.wait_event("session.exited", thread_id="t1", timeout_s=10)
        assert exited.event["payload"]["exitKind"] == "graceful"
        assert [r.seq for r in client.events] == list(range(1, len(client.events) + 1))
        assert_balanced(client.of_thread("t1"))
    filler = small_disk / "filler"
    with filler.open("wb") as file, pytest.raises(OSError, match="No space left"):
        while True:
            file.write(b"x" * 65_536)
            file.flush()
    again = RunningSidecar(data_dir)
    with pytest.raises(NotReadyError) as caught:
        await again.start()
    assert caught.value.line["code"] == "data_dir"
    filler.unlink()
    async with RunningSidecar(data_dir) as sidecar, sidecar.client() as client:
        sessions = (await client.request("session.list"))["sessions"]
        assert [s["threadId"] for s in sessions] == ["t1"]
