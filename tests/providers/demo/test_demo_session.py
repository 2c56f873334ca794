"""The demo provider: its options, and a session from start to resume."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ValidationFailed
from sidecar.providers.demo.session import DemoSession
from tests.providers.context import FakeContext, Running, spec


def demo(**fields: Any) -> DemoSession:
    return DemoSession(FakeContext(spec("demo", **fields)))


def test_the_command_is_our_own_binary_with_the_options_as_flags(tmp_path: Path) -> None:
    options = {"startDelayMs": 5, "ignoreStop": True, "sentinel": "abc"}
    command = demo(options=options, data_dir=str(tmp_path)).command()
    assert command.own_binary
    words = list(command.argv)
    assert words[words.index("demo-agent") + 1 :] == [
        *("--state-dir", str(tmp_path / "demo-agent")),
        *("--start-delay-ms", "5"),
        "--ignore-stop",
        *("--sentinel", "abc"),
    ]
    assert demo().command().argv[-1] == "demo-agent"


@pytest.mark.parametrize("options", [{"startDelayMs": -1}, {"ignoreStop": "yes"}, {"sentinel": ""}])
def test_bad_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationFailed, match="Cannot start the demo agent"):
        demo(options=options)


async def test_every_harmless_trick_gives_a_balanced_session(tmp_path: Path) -> None:
    async with Running(demo(data_dir=str(tmp_path), cwd=str(tmp_path))) as run:
        done = await run.turn(
            "@@think @@plan @@surrogate @@garbage @@huge 3000000 @@stream 5 1 9 @@recall"
        )
        assert done.payload.state == "completed"
        assert "\U0001f600" in run.context.text()
        assert run.context.balance.closed()
        assert len(run.context.text()) > 3_000_000
        assert len(run.context.of("runtime.warning")) == 5


async def test_a_killed_agent_is_resumed_with_what_it_was_told(tmp_path: Path) -> None:
    async with Running(demo(data_dir=str(tmp_path))) as run:
        await run.turn("remember me")
        (cursor,) = run.context.cursors
    async with Running(demo(data_dir=str(tmp_path), resume_cursor=cursor)) as run:
        await run.turn("@@recall")
        assert run.context.text() == "I remember 2 prompts. "
        assert run.context.of("runtime.warning") == []
