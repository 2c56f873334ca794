"""The census of the platforms that are not run here, held against the one that is."""

import os

import psutil
import pytest

from sidecar.process import ProcessKey, by_psutil, linux, platform, posix, windows
from tests.process.conftest import Misbehave


async def test_it_sees_the_same_tree(misbehave: Misbehave, sentinel: str) -> None:
    child = await misbehave("tool")
    for pid in (os.getpid(), child.pid):
        ours, theirs = linux.children_of(pid), by_psutil.children_of(pid)
        fields = [
            sorted((i.key.pid, i.parent, i.group, i.session, i.dead) for i in infos)
            for infos in (ours, theirs)
        ]
        assert fields[0] == fields[1] != []
    key = by_psutil.key_of(child.pid)
    assert key is not None
    assert key.create_time == pytest.approx(psutil.Process(child.pid).create_time())
    assert by_psutil.environment_of(child.pid) == linux.environment_of(child.pid)
    assert child.pid in {info.key.pid for info in by_psutil.every_process()}


async def test_it_signals_exactly_the_process_it_was_told(misbehave: Misbehave) -> None:
    child = await misbehave("sleepy")
    key = by_psutil.key_of(child.pid)
    assert key is not None
    assert not posix.send_signal(ProcessKey(child.pid, key.create_time - 1), 9)
    assert child.exit is None
    assert posix.send_signal(key, 9)
    assert (await child.wait()).signal == 9


async def test_what_is_gone_is_nobody(misbehave: Misbehave) -> None:
    child = await misbehave("exit")
    key = by_psutil.key_of(child.pid)
    await child.wait()
    info = by_psutil.info_of(child.pid)
    assert info is not None
    assert info.dead
    child.close()
    assert by_psutil.info_of(child.pid) is None
    assert by_psutil.key_of(child.pid) is None
    assert by_psutil.children_of(child.pid) == []
    assert key is None or by_psutil.same_process(key) is None


@pytest.mark.parametrize("module", [posix, windows])
def test_each_platform_has_every_function(module: object) -> None:
    """platform.os_ is used without asking which one it is."""
    words = (platform.__doc__ or "").split("owner_of, ")[0].split("platform:")[1]
    names = [word.strip(" ,\n") for word in words.split(",") if word.strip(" ,\n")]
    assert "key_of" in names
    for name in [*names, "owner_of", "send_signal", "reap", "tagger", "tag_of", "SUBREAPER"]:
        assert hasattr(module, name), name
        assert hasattr(linux, name), name
