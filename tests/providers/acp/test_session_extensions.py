"""An ACP session with an extension: what an agent asks beyond the protocol."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import ValidationFailed
from sidecar.contract.methods import RespondToUserInputParams
from sidecar.providers.acp.extension import Extension, Told
from sidecar.providers.acp.mapping import AcpMapping
from sidecar.providers.acp.session import AcpSession
from sidecar.providers.acp.wire import METHOD_NOT_FOUND, REQUEST_CANCELLED
from tests.providers.acp.puppets import (
    answered,
    ask,
    begin,
    given_up,
    opened,
    pumped,
    puppet_session,
    refused,
)
from tests.providers.acp.talk import inquiry
from tests.providers.context import FakeContext, Puppet, spec, turn, until_true


class Echo(Extension):
    """An extension whose questions are asked as they come."""

    def __init__(self, mapping: AcpMapping) -> None:
        self.mapping = mapping

    def heard(self, method: str, params: dict[str, Any], rpc_id: Any) -> Told | None:
        if method == "x/ask":
            return Told([], inquiry=replace(inquiry(), rpc_id=rpc_id))
        if method == "x/tell":
            return Told(self.mapping.conversation.warning("told"), "thanks")
        return None

    def refusal(self, method: str) -> Any:
        return "not now" if method.startswith("x/") else None


class EchoSession(AcpSession):
    def extension(self, mapping: AcpMapping) -> Extension | None:
        return Echo(mapping)


async def test_a_session_without_an_extension_has_no_questions_to_answer() -> None:
    session, _, puppet = puppet_session()
    async with pumped(session, puppet):
        await opened(session, puppet)
        params = RespondToUserInputParams(
            idempotency_key="k", thread_id="t", request_id="req-1", answers={}
        )
        with pytest.raises(ValidationFailed, match="req-1 is not open"):
            await session.respond_to_user_input(params)


async def test_an_interrupt_cancels_questions_and_a_new_permission_over_the_bound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context, puppet = FakeContext(spec(options={"command": "puppet"})), Puppet()
    context.puppet = puppet
    session = EchoSession(context)
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        with monkeypatch.context() as patch:
            patch.setattr("sidecar.core.conversation.parts.OPEN_REQUESTS", 0)
            answer = await ask(puppet, "session/request_permission", toolCall={}, options=[])
            assert answer == {"outcome": {"outcome": "cancelled"}}
        asked = begin(puppet, "x/ask")
        await context.first("user-input.requested")
        await session.cancel()
        assert (await answered(puppet, asked))["result"] == "cancelled"
        assert context.of("user-input.resolved")[0].payload.answers == {}


async def test_an_extension_is_heard_in_a_session_and_refused_before_it() -> None:
    context, puppet = FakeContext(spec(options={"command": "puppet"})), Puppet()
    context.puppet = puppet
    session = EchoSession(context)
    async with pumped(session, puppet):
        assert (await answered(puppet, begin(puppet, "x/tell")))["result"] == "not now"
        puppet.say({"method": "x/tell", "params": {}})
        assert (await refused(puppet, "y/tell"))[0] == METHOD_NOT_FOUND
        await opened(session, puppet)
        assert (await answered(puppet, begin(puppet, "x/tell")))["result"] == "thanks"
        puppet.say({"method": "x/tell", "params": {}}, {"method": "y/tell", "params": {}})
        await context.until(lambda: len(context.of("runtime.warning")) == 2)
        assert (await refused(puppet, "y/tell"))[0] == METHOD_NOT_FOUND


async def test_questions_are_answered_withdrawn_or_over_the_bound_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context, puppet = FakeContext(spec(options={"command": "puppet"})), Puppet()
    context.puppet = puppet
    session = EchoSession(context)
    async with pumped(session, puppet):
        await opened(session, puppet)
        await session.send_turn(turn("go"))
        asked = begin(puppet, "x/ask")
        event = await context.first("user-input.requested")
        assert event.request_id
        params = RespondToUserInputParams(
            idempotency_key="k", thread_id="t", request_id=event.request_id, answers={"q": "a"}
        )
        with pytest.raises(ValidationFailed, match="Cannot answer: no"):
            await session.respond_to_user_input(msgspec.structs.replace(params, answers={}))
        await session.respond_to_user_input(params)
        assert (await answered(puppet, asked))["result"] == {"q": "a"}
        asked = begin(puppet, "x/ask")
        await context.first("user-input.requested", 1)
        puppet.say(given_up("another"), given_up(asked))
        assert (await answered(puppet, asked))["error"]["code"] == REQUEST_CANCELLED
        await until_true(lambda: len(context.of("user-input.resolved")) == 2)
        monkeypatch.setattr("sidecar.core.conversation.parts.OPEN_REQUESTS", 0)
        assert (await answered(puppet, begin(puppet, "x/ask")))["result"] == "cancelled"
