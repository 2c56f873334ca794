"""Sessions against a fake opencode server (tests/fakes/opencode_server.py), which is none."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import (
    Overloaded,
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.methods import (
    Attachment,
    McpParams,
    ModelSelection,
    RespondToRequestParams,
    RespondToUserInputParams,
)
from sidecar.providers.opencode.mapping.permissions import PLAN_MODE_REFUSAL
from sidecar.providers.opencode.session import OpencodeSession
from tests.providers.context import WAIT_S, turn, until_true
from tests.providers.opencode.house import QUICK, Context, Guest, House, spec_of

PNG = Attachment(type="image", mime_type="image/png", data=b"png")


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with House() as house:
        yield house


async def answer(guest: Guest, decision: Any, option_id: str | None = None, index: int = 0) -> None:
    opened = await guest.context.first("request.opened", index)
    assert opened.request_id is not None
    await guest.session.respond_to_request(
        RespondToRequestParams(
            idempotency_key="k",
            thread_id="t",
            request_id=opened.request_id,
            decision=decision,
            option_id=option_id,
        )
    )


def mcp(name: str | None = None, config: Any = None) -> McpParams:
    return McpParams(thread_id="t", name=name, config=config)


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


# What is asked


@pytest.mark.parametrize(
    ("decision", "option", "reply"),
    [
        ("accept", None, "once"),
        ("decline", None, "reject"),
        ("cancel", None, "reject"),
        ("cancel", "always", "once"),
    ],
)
async def test_a_permission_is_answered(
    house: House, decision: str, option: str | None, reply: str
) -> None:
    guest = await house.open()
    turn_id = await guest.send("ask")
    await answer(guest, decision, option)
    await guest.end_of(turn_id)
    assert await house.called("/reply") == [{"reply": reply}]
    assert guest.context.balance.closed()


async def test_what_is_not_open_or_not_offered_cannot_be_answered(house: House) -> None:
    guest = await house.open()
    await guest.send("ask")
    with pytest.raises(ValidationFailed, match="no option"):
        await answer(guest, "accept", "perhaps")
    await answer(guest, "accept")
    with pytest.raises(ValidationFailed, match="not open"):
        await answer(guest, "accept")
    params = RespondToUserInputParams(
        idempotency_key="k", thread_id="t", request_id="none", answers={}
    )
    with pytest.raises(ValidationFailed, match="not open"):
        await guest.session.respond_to_user_input(params)


async def test_what_was_granted_for_the_session_is_not_asked_again(house: House) -> None:
    guest, sibling = await house.open(), await house.open()
    first = await guest.send("ask")
    await answer(guest, "acceptForSession")
    await guest.end_of(first)
    await guest.run("ask")
    decisions = [e.payload.decision for e in guest.context.of("request.resolved")]
    assert decisions == ["acceptForSession", "accept"]
    await sibling.send("ask")
    await sibling.context.first("request.opened")
    assert not sibling.context.of("request.resolved")
    assert await house.called("/reply") == [{"reply": "once"}] * 2


async def test_modes_answer_what_they_grant(house: House) -> None:
    full = await house.open(spec_of(runtime_mode="full-access"))
    await full.run("ask")
    assert [e.payload.decision for e in full.context.of("request.resolved")] == ["accept"]


async def test_plan_mode_changes_no_file(house: House) -> None:
    guest = await house.open()
    await guest.run("ask edit", interaction_mode="plan")
    assert await house.called("/reply") == [{"reply": "reject", "message": PLAN_MODE_REFUSAL}]
    assert (await house.called("/prompt_async"))[0]["agent"] == "plan"
    await guest.send("ask edit")
    await guest.context.first("request.opened", 1)
    assert len(guest.context.of("request.resolved")) == 1


async def test_questions_are_answered(house: House) -> None:
    guest = await house.open()
    turn_id = await guest.send("question")
    asked = await guest.context.first("user-input.requested")
    assert asked.request_id is not None
    await guest.session.respond_to_user_input(
        RespondToUserInputParams(
            idempotency_key="k", thread_id="t", request_id=asked.request_id, answers={"0": "B"}
        )
    )
    await guest.end_of(turn_id)
    assert await house.called("/reply") == [{"answers": [["B"]]}]


async def test_what_is_open_at_an_interrupt_is_refused_at_the_server(house: House) -> None:
    guest = await house.open()
    turn_id = await guest.send("question")
    await guest.context.first("user-input.requested")
    await guest.session.interrupt(turn_id)
    await guest.end_of(turn_id)
    assert await house.called("/reject") == [None]
    assert guest.context.of("user-input.resolved")[0].payload.answers == {}


# Settings, history, MCP


async def test_settings_go_with_the_next_prompts(house: House) -> None:
    selection = ModelSelection(model="fake/one", options={"variant": "high"})
    guest = await house.open(spec_of(model_selection=selection, options={"agent": "build"}))
    await guest.run("plain")
    await guest.session.set_config("effort", "low")
    assert await guest.session.set_config("mode", None) == {"config": {"mode": None}}
    await guest.run("plain", model_selection=ModelSelection(model="fake/two"), options={"x": 1})
    first, second = await house.called("/prompt_async")
    assert first["model"] == {"providerID": "fake", "modelID": "one"}
    assert (first["variant"], first["agent"]) == ("high", "build")
    assert second["model"]["modelID"] == "two"
    assert second["variant"] == "low"
    assert "agent" not in second
    said = [e.payload.config for e in guest.context.of("session.configured")][1:]
    assert said == [{"variant": "low"}, {"agent": None}, {"model": "fake/two"}]
    started = guest.context.of("turn.started")[0].payload
    assert (started.model, started.effort) == ("fake/one", "high")


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("model", "one", ValidationFailed),
        ("model", " / ", ValidationFailed),
        ("agent", 7, ValidationFailed),
        ("colour", "red", Unsupported),
    ],
)
async def test_bad_settings_are_refused(
    house: House, key: str, value: Any, error: type[Exception]
) -> None:
    guest = await house.open()
    with pytest.raises(error):
        await guest.session.set_config(key, value)


async def test_a_conversation_is_rolled_back(house: House) -> None:
    guest = await house.open()
    await guest.run("plain")
    await guest.run("plain")
    thread: Any = await guest.session.read_thread()
    assert len(thread["turns"]) == 2
    left: Any = await guest.session.rollback_thread(1)
    assert left == {"threadId": "t", "turns": thread["turns"][:1]}
    with pytest.raises(ValidationFailed, match="there are 1"):
        await guest.session.rollback_thread(5)
    await guest.send("hold")
    with pytest.raises(ValidationFailed, match="while a turn runs"):
        await guest.session.rollback_thread(1)


async def test_mcp_servers_are_added_connected_and_listed(house: House) -> None:
    guest = await house.open()
    assert await guest.session.mcp("status", mcp()) == {"servers": []}
    added: Any = await guest.session.mcp("add", mcp("a/b", {"command": "x", "args": ["y"]}))
    assert added == {"servers": [{"name": "a/b", "state": "connected"}]}
    assert (await house.called("/mcp"))[1]["config"] == {
        "type": "local",
        "command": ["x", "y"],
        "enabled": True,
    }
    gone: Any = await guest.session.mcp("disconnect", mcp("a"))
    assert {"name": "a", "state": "disconnected", "error": "none"} in gone["servers"]
    assert guest.context.of("mcp.status.updated")
    with pytest.raises(ValidationFailed, match="without a name"):
        await guest.session.mcp("connect", mcp())
    with pytest.raises(ValidationFailed, match="neither"):
        await guest.session.mcp("add", mcp("a", {}))
    with pytest.raises(Unsupported):
        await guest.session.mcp("polish", mcp("a"))


# Loss and death


async def test_unreadable_events_are_survived(house: House) -> None:
    guest = await house.open()
    assert (await guest.run("garbage")).payload.state == "completed"
    assert guest.context.text() == "Hello world."


async def test_a_broken_stream_loses_no_text(house: House) -> None:
    guest = await house.open(deadlines=dataclasses.replace(QUICK, quiet_s=5.0))
    assert (await guest.run("lose 50")).payload.state == "completed"
    assert guest.context.text() == "".join(f"{n} " for n in range(52))


async def test_a_session_without_credit_holds_up_no_sibling_and_loses_nothing(
    house: House,
) -> None:
    slow, quick = await house.open(), await house.open()
    slow.session._box()._max_events = 100
    slow.context.flowing.clear()
    turn_id = await slow.send("flood 1000")
    for _ in range(3):
        assert (await quick.run("plain")).payload.state == "completed"
    assert not slow.context.of("turn.completed")
    slow.context.flowing.set()
    assert (await slow.end_of(turn_id)).payload.state == "completed"
    assert slow.context.text() == "".join(f"{n} " for n in range(1000))


async def test_a_reload_of_the_server_is_looked_into(house: House) -> None:
    guest = await house.open()
    await guest.send("ask")
    await guest.context.first("request.opened")
    await house.steer("say=server.instance.disposed")
    await until_true(lambda: any(log[1] == "opencode.resync" for log in guest.context.logs))
    await answer(guest, "accept")
    await guest.context.first("turn.completed")


async def test_a_killed_server_ends_every_session(house: House) -> None:
    guest, sibling = await house.open(), await house.open()
    await guest.send("hold")
    await sibling.send("die")
    for pump in (guest.pump, sibling.pump):
        assert await asyncio.wait_for(pump, WAIT_S) == "the opencode server has ended"
    assert all(lease.released for lease in house.services.leases)
    with pytest.raises(ProviderProcessFailed):
        await guest.send("plain")
    await guest.session.interrupt(None)


async def test_a_stop_aborts_what_runs(house: House) -> None:
    guest = await house.open()
    await guest.session.cancel()
    await guest.send("hold")
    await guest.works()
    await guest.session.cancel()
    assert await house.called("/abort") == [None]
    (process,) = house.services.processes
    await process.end()
    await asyncio.wait_for(guest.pump, WAIT_S)
    await guest.session.cancel()


async def test_two_sessions_cannot_have_the_same_conversation(house: House) -> None:
    guest = await house.open()
    with pytest.raises(ProviderProcessFailed, match="in use"):
        await house.open(spec_of(resume_cursor=guest.context.cursors[0]))


async def test_a_session_that_was_not_opened_says_so() -> None:
    session = OpencodeSession(Context(spec_of(), House()))
    await session.cancel()
    with pytest.raises(ProviderProcessFailed, match="not up"):
        await session.send_turn(turn("plain"))
    with pytest.raises(ProviderProcessFailed, match="not started"):
        await session.read_thread()
