"""A session's own processes: bounds that count the living, and trees that can be stopped alone."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.host import processes as host_processes
from sidecar.host.processes import PROCESSES_PER_SESSION, TOOLS_PER_SESSION, Processes
from sidecar.process import Ladder, OrphanReaper, new_mark, stop_session_tree
from sidecar.providers.base import ProcessEnd, ProviderCommand
from tests.host.conftest import misbehave
from tests.support import observer

pytestmark = pytest.mark.usefixtures("adopting")

TRUE = ProviderCommand(["true"])


def shell(script: str, **options: bool) -> ProviderCommand:
    return ProviderCommand(["sh", "-c", script], **options)  # type: ignore[arg-type]


class Session:
    """What a session of a host has, as far as its processes go."""

    def __init__(self) -> None:
        self.mark = new_mark()
        self.logs: list[str] = []
        self.processes = Processes(self.mark, lambda _: dict(os.environ), self.log)

    def log(self, _level: str, event: str, **_fields: object) -> None:
        self.logs.append(event)

    async def stop(self) -> None:
        await stop_session_tree(
            self.processes.children, mark=self.mark, ladder=Ladder(0.1, 0.1, 0.1, 2.0)
        )
        reaper = OrphanReaper()  # as a host's does, a second later
        reaper._look()
        reaper._look()
        reaper.close()


@pytest.fixture
async def session() -> AsyncIterator[Session]:
    one = Session()
    yield one
    await one.stop()


@pytest.fixture
async def sibling() -> AsyncIterator[Session]:
    """Another session of the same host."""
    one = Session()
    yield one
    await one.stop()


# Tools


async def test_a_tool_tells_its_output_and_its_end(session: Session) -> None:
    tool = await session.processes.spawn_tool(shell("cat; echo oops >&2; exit 3"))
    tool.write(b"word")
    tool.close_stdin()
    assert await tool.read() == b"word"
    assert await tool.read() == b""
    assert await tool.ended() == ProcessEnd(3, None)
    assert tool.stderr_tail == "oops\n"


async def test_stderr_can_be_read_as_stdout_in_order(session: Session) -> None:
    tool = await session.processes.spawn_tool(
        shell("echo a; echo b >&2; echo c", merge_stderr=True)
    )
    said = b""
    while data := await tool.read():
        said += data
    assert said == b"a\nb\nc\n"
    assert tool.stderr_tail == ""


@pytest.mark.parametrize("mode", ["tool", "daemon", "storm", "respawn", "orphan", "tree"])
async def test_a_tool_is_stopped_with_all_that_it_started(
    session: Session, sentinel: str, mode: str
) -> None:
    agent = await session.processes.spawn(misbehave("stubborn", observer.new_sentinel()))
    tool = await session.processes.spawn_tool(misbehave(mode, sentinel))
    assert await tool.read() == b"ready\n"
    await observer.wait_until_seen(sentinel, 1 if mode == "orphan" else 2, 5)
    await tool.stop(3.0)
    assert observer.seen(sentinel) == []
    assert agent.exit is None


async def test_what_a_dead_tool_left_without_parent_and_environment_is_found(
    session: Session, sentinel: str
) -> None:
    """setsid, double fork, no environment, and the tool itself is gone: only the tag is left."""
    tool = await session.processes.spawn_tool(misbehave("daemon", sentinel))
    assert await tool.read() == b"ready\n"
    await observer.wait_until_seen(sentinel, 2, 5)
    os.kill(tool.pid, 9)
    assert await tool.ended() == ProcessEnd(None, 9)
    assert len(await observer.wait_until_seen(sentinel, 1, 5)) == 1
    await tool.stop(3.0)
    assert observer.seen(sentinel) == []


async def test_a_tool_s_end_harms_no_other_tool(session: Session, sentinel: str) -> None:
    tools = [
        await session.processes.spawn_tool(misbehave("daemon", f"{sentinel}-{n}")) for n in range(2)
    ]
    for tool in tools:
        assert await tool.read() == b"ready\n"
    await observer.wait_until_seen(sentinel, 4, 5)
    await tools[0].stop(3.0)
    assert observer.seen(f"{sentinel}-0") == []
    assert len(observer.seen(f"{sentinel}-1")) == 2
    await tools[0].stop(3.0)  # of one that is gone: nothing
    assert len(observer.seen(f"{sentinel}-1")) == 2


async def test_a_stopped_tool_s_last_words_can_be_read(session: Session, sentinel: str) -> None:
    tool = await session.processes.spawn_tool(misbehave("stubborn", sentinel))
    await observer.wait_until_seen(sentinel, 1, 5)
    await asyncio.sleep(0)
    said = asyncio.create_task(tool.read())
    assert await said == b"ready\n"
    await tool.stop(3.0)
    assert await tool.read() == b""
    assert (await tool.ended()).signal == 9


async def test_a_stop_of_the_session_stops_its_tools(session: Session, sentinel: str) -> None:
    tool = await session.processes.spawn_tool(misbehave("daemon", sentinel))
    assert await tool.read() == b"ready\n"
    await session.stop()
    assert observer.seen(sentinel) == []


async def test_a_scrubbed_orphan_belongs_to_its_session_in_a_shared_host(
    session: Session, sibling: Session, sentinel: str
) -> None:
    for number, one in enumerate((session, sibling)):
        agent = await one.processes.spawn(misbehave("daemon", f"{sentinel}-{number}"))
        assert await agent.read() == b"ready\n"
    await observer.wait_until_seen(sentinel, 4, 5)
    agent = session.processes.agent  # type: ignore[assignment]
    os.kill(agent.pid, 9)
    await session.stop()
    assert observer.seen(f"{sentinel}-0") == []
    assert len(observer.seen(f"{sentinel}-1")) == 2


# Bounds


async def test_the_bound_counts_the_living(session: Session, sentinel: str) -> None:
    for _ in range(PROCESSES_PER_SESSION * 2):
        child = await session.processes.spawn(TRUE)
        await child.wait()
        while await child.read():
            pass
    for _ in range(PROCESSES_PER_SESSION):
        await session.processes.spawn(misbehave("quiet", sentinel))
    with pytest.raises(ProviderProcessFailed, match="8 processes"):
        await session.processes.spawn(TRUE)
    assert len(session.processes.children) <= PROCESSES_PER_SESSION + 1


async def test_tools_are_bounded_and_the_ended_ones_released(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_processes, "ENDED_KEPT", 2)
    tools = []
    for _ in range(TOOLS_PER_SESSION + 8):
        tools.append(await session.processes.spawn_tool(TRUE))
        assert await tools[-1].ended() == ProcessEnd(0, None)
    assert len(session.processes.children) <= 3
    assert await tools[0].ended() == ProcessEnd(0, None)
    assert await tools[0].read() == b""
    await tools[0].stop(1.0)


async def test_too_many_living_tools_are_refused(
    session: Session, sentinel: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_processes, "TOOLS_PER_SESSION", 2)
    for _ in range(2):
        await session.processes.spawn_tool(misbehave("quiet", sentinel))
    with pytest.raises(ProviderProcessFailed, match="2 processes"):
        await session.processes.spawn_tool(TRUE)


# What was started since


async def test_what_an_agent_started_since_a_note_dies_and_nothing_else(
    session: Session, sentinel: str
) -> None:
    agent = await session.processes.spawn(misbehave("spawner", sentinel))
    assert await agent.read() == b"ready\n"
    agent.write(b"before\n")
    assert await agent.read() == b"before\n"
    await observer.wait_until_seen(f"{sentinel}-before", 1, 5)
    note = session.processes.note()
    for word in (b"shell\n", b"daemon\n"):
        agent.write(word)
        assert await agent.read() == word
    await observer.wait_until_seen(sentinel, 4, 5)
    assert await session.processes.stop_since(note, 3.0) == 2
    left = sorted(seen.argv[-2] for seen in observer.seen(sentinel))
    assert left == [sentinel, f"{sentinel}-before"]
    assert agent.exit is None
    assert await session.processes.stop_since(note, 3.0) == 0


async def test_an_agent_that_goes_on_spawning_is_said_at_the_deadline(
    session: Session, sentinel: str
) -> None:
    agent = await session.processes.spawn(misbehave("spawner", sentinel))
    assert await agent.read() == b"ready\n"
    note = session.processes.note()
    agent.write(b"flood\n")
    assert await agent.read() == b"flood\n"
    with pytest.raises(ProviderProcessFailed, match="still run"):
        await session.processes.stop_since(note, 0.3)


async def test_an_agent_that_spawns_for_a_while_is_outlasted(
    session: Session, sentinel: str
) -> None:
    agent = await session.processes.spawn(misbehave("spawner", sentinel))
    assert await agent.read() == b"ready\n"
    note = session.processes.note()
    agent.write(b"burst\n")
    assert await agent.read() == b"burst\n"
    assert await session.processes.stop_since(note, 5.0) >= 1
    left = [seen.argv[-2] for seen in observer.seen(sentinel)]
    assert left == [sentinel]


async def test_a_tool_started_since_is_stopped_too(session: Session, sentinel: str) -> None:
    note = session.processes.note()
    late = await session.processes.spawn(misbehave("stubborn", f"{sentinel}-agent"))
    tool = await session.processes.spawn_tool(misbehave("tool", f"{sentinel}-tool"))
    assert await tool.read() == b"ready\n"
    assert await session.processes.stop_since(note, 3.0) == 2
    assert (await tool.ended()).signal == 9
    assert late.exit is None


def test_these_tests_run_where_tags_are_known() -> None:
    assert sys.platform == "linux"
