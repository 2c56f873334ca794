"""Permissions and questions against a fake server, which is none."""

import pytest

from sidecar.contract.errors import ProviderRequestFailed, ValidationFailed
from sidecar.contract.methods import (
    Attachment,
    RespondToUserInputParams,
)
from sidecar.providers.opencode.mapping.permissions import PLAN_MODE_REFUSAL
from tests.providers.opencode.house import House, answer, spec_of

PNG = Attachment(type="image", mime_type="image/png", data=b"png")


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


async def test_an_answer_that_the_server_does_not_take_leaves_it_open(house: House) -> None:
    guest = await house.open()
    turn_id = await guest.send("ask")
    await guest.context.first("request.opened")
    await house.steer("refuse=1")
    with pytest.raises(ProviderRequestFailed):
        await answer(guest, "acceptForSession")
    assert not guest.context.of("request.resolved")
    await answer(guest, "acceptForSession")
    await guest.end_of(turn_id)
    decisions = [e.payload.decision for e in guest.context.of("request.resolved")]
    assert decisions == ["acceptForSession"]


async def test_questions_whose_answer_the_server_does_not_take_stay_open(house: House) -> None:
    guest = await house.open()
    turn_id = await guest.send("question")
    asked = await guest.context.first("user-input.requested")
    assert asked.request_id is not None
    params = RespondToUserInputParams(
        idempotency_key="k", thread_id="t", request_id=asked.request_id, answers={"0": "B"}
    )
    await house.steer("refuse=1")
    with pytest.raises(ProviderRequestFailed):
        await guest.session.respond_to_user_input(params)
    assert not guest.context.of("user-input.resolved")
    await guest.session.respond_to_user_input(params)
    await guest.end_of(turn_id)
    assert [e.payload.answers for e in guest.context.of("user-input.resolved")] == [{"0": "B"}]


async def test_a_grant_that_the_server_does_not_take_asks_a_person(house: House) -> None:
    guest = await house.open(spec_of(runtime_mode="full-access"))
    await house.steer("refuse=1")
    turn_id = await guest.send("ask")
    await guest.context.first("runtime.warning")
    await answer(guest, "accept")
    await guest.end_of(turn_id)
    assert guest.context.balance.closed()


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
