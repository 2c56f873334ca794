"""Opening and turns against a fake server (tests/fakes/opencode_server.py), which is none."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import (
    Overloaded,
    ProviderRequestFailed,
    ValidationFailed,
)
from sidecar.contract.methods import (
    Attachment,
)
from tests.providers.context import WAIT_S, turn
from tests.providers.opencode.house import QUICK, House, answer, spec_of

PNG = Attachment(type="image", mime_type="image/png", data=b"png")


# Opening


async def test_a_session_opens_and_says_what_the_server_offers(house: House) -> None:
    guest = await house.open()
    assert [e.type for e in guest.context.events] == [
        "session.started",
        "thread.started",
        "session.configured",
        "session.state.changed",
    ]
    config = guest.context.of("session.configured")[0].payload.config
    assert config["models"] == [{"id": "fake/one", "name": "One"}]
    assert config["agents"] == ["build"]
    assert config["version"] == "9.9.9"
    (created,) = await house.called("/session")
    assert created == {"metadata": {"agentSidecarMark": guest.context.spec.mark}}
    assert guest.context.cursors == [{"sessionID": guest.session._session_id}]


async def test_a_plain_turn(house: House) -> None:
    guest = await house.open()
    end = await guest.run("plain")
    assert guest.context.text() == "Hello world."
    assert end.payload.state == "completed"
    assert end.payload.total_cost_usd == 0.5
    assert end.payload.model_usage["fake/one"]["totalTokens"] == 15
    usage = guest.context.of("thread.token-usage.updated")[0].payload.usage
    assert (usage.used_tokens, usage.max_tokens) == (15, 1000)
    assert guest.context.balance.closed()


async def test_a_session_is_resumed(house: House) -> None:
    first = await house.open()
    await first.run("plain")
    first.pump.cancel()
    await asyncio.gather(first.pump, return_exceptions=True)
    again = await house.open(spec_of(resume_cursor=first.context.cursors[0]))
    assert again.context.of("session.started")[0].payload.resume == first.context.cursors[0]
    assert (await again.run("plain")).payload.state == "completed"
    thread: Any = await again.session.read_thread()
    assert len(thread["turns"]) == 2


async def test_what_an_earlier_generation_has_left_is_cleared_away(house: House) -> None:
    first = await house.open()
    await first.send("ask")
    await first.context.first("request.opened")
    first.pump.cancel()
    await asyncio.gather(first.pump, return_exceptions=True)
    await house.open(spec_of(resume_cursor=first.context.cursors[0]))
    assert await house.called("/abort") == [None]
    assert (await house.called("/reply"))[-1] == {"reply": "reject"}
    assert (await house.steer())["permissions"] == {}


@pytest.mark.parametrize("cursor", [{"sessionID": "ses_gone"}, {"sessionID": "../x"}, 7])
async def test_a_session_that_is_gone_is_begun_anew_and_said(house: House, cursor: Any) -> None:
    guest = await house.open(spec_of(resume_cursor=cursor))
    assert guest.context.of("runtime.warning")[0].payload.detail == {"kind": "not-resumed"}
    assert guest.context.of("session.started")[0].payload.resume is None
    assert (await guest.run("plain")).payload.state == "completed"


async def test_a_bad_directory_or_option_is_refused(house: House, tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed, match="no absolute directory"):
        await house.open(spec_of(cwd=str(tmp_path / "none")))
    with pytest.raises(ValidationFailed, match="maxRetries"):
        await house.open(spec_of(options={"maxRetries": -1}))
    with pytest.raises(ValidationFailed, match="no JSON map"):
        await house.open(spec_of(env={"OPENCODE_CONFIG_CONTENT": "[]"}))


async def test_a_plugin_marks_the_shells_of_each_session(house: House, tmp_path: Path) -> None:
    await house.open(spec_of(data_dir=str(tmp_path)))
    (plugin,) = (tmp_path / "opencode").iterdir()
    assert "agentSidecarMark" in plugin.read_text()
    assert plugin.as_uri() in (await house.steer())["env"]["OPENCODE_CONFIG_CONTENT"]


async def test_a_session_goes_on_without_a_plugin(house: House, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    guest = await house.open(spec_of(data_dir=str(in_the_way)))
    assert (await guest.run("plain")).payload.state == "completed"


# Turns


async def test_a_turn_of_nothing_is_refused_and_images_are_sent(house: House) -> None:
    guest = await house.open()
    with pytest.raises(ValidationFailed, match="neither input"):
        await guest.session.send_turn(turn(None))
    await guest.run("plain", attachments=[PNG])
    body = (await house.called("/prompt_async"))[0]
    assert body["parts"][1] == {
        "type": "file",
        "mime": "image/png",
        "filename": "image-1",
        "url": "data:image/png;base64,cG5n",
    }


async def test_a_prompt_that_the_server_refuses_is_no_turn(house: House) -> None:
    guest = await house.open()
    with pytest.raises(ProviderRequestFailed, match="no"):
        await guest.send("refuse")
    assert not guest.context.of("turn.started")
    assert (await guest.run("plain")).payload.state == "completed"


async def test_turns_wait_for_one_another(house: House) -> None:
    guest = await house.open()
    first = await guest.send("ask")
    waiting = [await guest.send("plain"), await guest.send("refuse"), await guest.send("plain")]
    assert len(guest.context.of("turn.started")) == 1
    await answer(guest, "accept")
    await guest.end_of(waiting[-1])
    assert guest.states() == [
        (first, "completed"),
        (waiting[0], "completed"),
        (waiting[1], "failed"),
        (waiting[2], "completed"),
    ]


async def test_too_many_turns_are_refused(house: House) -> None:
    guest = await house.open()
    await guest.send("hold")
    for _ in range(8):
        await guest.send("plain")
    with pytest.raises(Overloaded):
        await guest.send("plain")


async def test_an_interrupt_ends_the_turn_kills_its_tools_and_drops_the_queue(
    house: House,
) -> None:
    guest = await house.open()
    first = await guest.send("hold")
    waiting = await guest.send("plain")
    await guest.works()
    guest.context.stopping.clear()
    await guest.session.interrupt(first)
    await guest.context.until(lambda: guest.context.stopped_since)
    assert not guest.context.of("turn.completed"), "its tools may still live"
    guest.context.stopping.set()
    await guest.end_of(waiting)
    assert guest.states() == [(first, "interrupted"), (waiting, "cancelled")]
    assert guest.context.stopped_since == [1]
    assert (await guest.run("plain")).payload.state == "completed"


async def test_a_turn_that_waits_can_be_dropped_alone(house: House) -> None:
    guest = await house.open()
    await guest.session.interrupt(None)  # nothing runs
    first = await guest.send("ask")
    waiting = await guest.send("plain")
    await guest.session.interrupt(waiting)
    await answer(guest, "accept")
    await guest.end_of(waiting)
    assert guest.states() == [(first, "completed"), (waiting, "cancelled")]


async def test_a_turn_sent_behind_an_interrupt_runs(house: House) -> None:
    guest = await house.open()
    first = await guest.send("hold")
    await guest.works()
    guest.context.stopping.clear()
    await guest.session.interrupt(first)
    await guest.context.until(lambda: guest.context.stopped_since)
    second = await guest.send("plain")
    guest.context.stopping.set()
    assert (await guest.end_of(second)).payload.state == "completed"
    assert guest.states() == [(first, "interrupted"), (second, "completed")]


@pytest.mark.parametrize("named", [True, False])
async def test_a_turn_can_be_interrupted_while_it_is_handed_over(
    house: House, monkeypatch: pytest.MonkeyPatch, named: bool
) -> None:
    guest = await house.open()
    first = await guest.send("ask")
    await guest.context.first("request.opened")
    second, third = await guest.send("hold"), await guest.send("plain")
    handing, go = asyncio.Event(), asyncio.Event()
    prompt = guest.session._turns.up().prompt

    async def slow(body: dict[str, Any]) -> None:
        handing.set()
        await go.wait()
        await prompt(body)

    monkeypatch.setattr(guest.session._turns.up(), "prompt", slow)
    await answer(guest, "accept")
    await asyncio.wait_for(handing.wait(), WAIT_S)
    await guest.session.interrupt(second if named else None)
    go.set()
    await guest.end_of(third)
    assert guest.states() == [(first, "completed"), (second, "interrupted"), (third, "cancelled")]


async def test_an_interrupt_that_came_too_soon_is_said_again(house: House) -> None:
    guest = await house.open()
    turn_id = await guest.send("hold")
    await guest.session.interrupt(turn_id)  # the fake has not begun to work, and hears nothing
    assert (await guest.end_of(turn_id)).payload.state == "interrupted"


async def test_a_server_that_ignores_an_abort_is_not_waited_for(house: House) -> None:
    guest = await house.open()
    turn_id = await guest.send("stuck")
    await guest.works()
    guest.context.stop_fails = True
    await guest.session.interrupt(turn_id)
    assert (await guest.end_of(turn_id)).payload.state == "interrupted"
    kinds = [e.payload.detail["kind"] for e in guest.context.of("runtime.warning")]
    assert kinds == ["cancel-ignored", "tools-survive"]


async def test_a_request_that_fails_for_ever_is_given_up(house: House) -> None:
    guest = await house.open(spec_of(options={"maxRetries": 2}))
    end = await guest.run("retry")
    assert end.payload.state == "failed"
    assert end.payload.error_message == "The model request failed 3 times: fake 500"
    assert len(guest.context.of("runtime.warning")) >= 3


async def test_an_error_without_any_work_ends_the_turn(house: House) -> None:
    guest = await house.open()
    end = await guest.run("errors")
    assert (end.payload.state, end.payload.error_message) == ("failed", "no such agent")


async def test_a_prompt_that_nothing_is_done_about_ends(house: House) -> None:
    guest = await house.open()
    assert (await guest.run("silent")).payload.state == "completed"


async def test_idle_before_the_message_is_complete_is_not_the_end(house: House) -> None:
    guest = await house.open(deadlines=dataclasses.replace(QUICK, doubt_s=5.0))
    await guest.run("late")
    assert guest.context.text() == "Hello world."
