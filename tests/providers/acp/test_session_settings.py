"""What is set in an ACP session and attached to its turns, against real agent processes."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import (
    LimitExceeded,
    ProviderProcessFailed,
    ProviderRequestFailed,
    Unsupported,
    ValidationFailed,
)
from sidecar.contract.limits import ATTACHMENT_BYTES, ATTACHMENTS
from sidecar.contract.methods import (
    Attachment,
    ModelSelection,
)
from tests.providers.acp.agents import agent
from tests.providers.context import Running, turn

# Settings


async def test_a_model_is_set_at_the_start_and_with_a_turn() -> None:
    async with Running(agent(model_selection=ModelSelection(model="large"))) as run:
        await run.turn("say a")
        await run.turn("say b", model_selection=ModelSelection(model="small"))
        await run.turn("say c", model_selection=ModelSelection(model="small"))
        models = [event.payload.model for event in run.context.of("turn.started")]
        assert models == ["large", "small", "small"]
        changes = [event.payload.config for event in run.context.of("session.configured")[1:]]
        assert changes == [{"currentModelId": "large"}, {"currentModelId": "small"}]


@pytest.mark.parametrize(
    ("tricks", "why"), [(("no-models",), "no setting 'model'"), ((), "no such model")]
)
async def test_a_session_starts_without_the_model_that_it_cannot_have(
    tricks: Any, why: str
) -> None:
    selection = ModelSelection(model="refused")
    async with Running(agent(*tricks, model_selection=selection)) as run:
        (warning,) = run.context.of("runtime.warning")
        assert why in warning.payload.message
        assert warning.payload.detail == {"kind": "model-not-set"}


async def test_a_turn_with_a_model_that_is_refused_is_not_begun() -> None:
    async with Running(agent()) as run:
        with pytest.raises(ProviderRequestFailed, match="no such model"):
            await run.session.send_turn(
                turn("say a", model_selection=ModelSelection(model="refused"))
            )
        assert run.context.of("turn.started") == []


async def test_plan_mode_is_entered_and_left() -> None:
    async with Running(agent()) as run:
        for mode in ("plan", "plan", "default", "default"):
            await run.turn("say a", interaction_mode=mode)
        modes = [
            event.payload.config["currentModeId"]
            for event in run.context.of("session.configured")[1:]
        ]
        assert list(dict.fromkeys(modes)) == ["plan", "ask"]


async def test_an_agent_without_plan_mode_says_so() -> None:
    async with Running(agent("no-models")) as run:
        with pytest.raises(Unsupported, match="no plan mode"):
            await run.session.send_turn(turn("say a", interaction_mode="plan"))
        await run.turn("say a", interaction_mode="default")


async def test_set_config_sets_what_is_offered() -> None:
    async with Running(agent()) as run:
        assert await run.session.set_config("mode", "plan") == {"config": {"mode": "plan"}}
        with pytest.raises(Unsupported, match="no setting 'colour'"):
            await run.session.set_config("colour", "red")
    with pytest.raises(ProviderProcessFailed):
        await agent().set_config("mode", "plan")


# Attachments


def image(**fields: Any) -> Attachment:
    return Attachment(type="image", mime_type="image/png", **fields)


async def test_images_are_sent_to_an_agent_that_takes_them(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"png")
    async with Running(agent("images")) as run:
        files = [image(path=str(tmp_path / "a.png")), image(data=b"png")]
        await run.turn("images", attachments=files)
        assert run.context.text() == "2"


async def test_images_are_refused_for_an_agent_that_does_not() -> None:
    async with Running(agent()) as run:
        with pytest.raises(Unsupported, match="takes no images"):
            await run.session.send_turn(turn("images", attachments=[image(data=b"x")]))


@pytest.mark.parametrize(
    ("attachments", "error", "words"),
    [
        ([image()], ValidationFailed, "neither data nor path"),
        ([image(path="/no/such/file")], ValidationFailed, "Cannot read /no/such/file"),
        ([image(path="/dev/zero")], ValidationFailed, "no regular file"),
        ([image(data=b"x")] * (ATTACHMENTS + 1), LimitExceeded, "at most 8 attachments"),
        ([image(data=b"x" * (ATTACHMENT_BYTES + 1))], LimitExceeded, "An attachment takes"),
        ([image(data=b"x" * ATTACHMENT_BYTES)] * 5, LimitExceeded, "bytes of attachments"),
    ],
    ids=["empty", "missing", "device", "many", "large", "total"],
)
async def test_a_bad_attachment_is_refused(attachments: Any, error: Any, words: str) -> None:
    async with Running(agent("images")) as run:
        with pytest.raises(error, match=words):
            await run.session.send_turn(turn("images", attachments=attachments))
        assert run.context.of("turn.started") == []


async def test_a_file_over_the_bound_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    with path.open("wb") as file:
        file.truncate(ATTACHMENT_BYTES + 2)
    async with Running(agent("images")) as run:
        with pytest.raises(LimitExceeded):
            await run.session.send_turn(turn("images", attachments=[image(path=str(path))]))
