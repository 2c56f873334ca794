"""From session.sendTurn to the body of `prompt_async`, and what a prompt is set to."""

import base64
from dataclasses import dataclass, replace
from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.errors import Unsupported, ValidationFailed
from sidecar.contract.methods import SendTurnParams
from sidecar.providers.attachments import read_images
from sidecar.providers.shapes import text

PLAN_AGENT = "plan"
"""The agent that OpenCode has for plan mode."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a prompt is sent with; None leaves it to the server."""

    model: str | None = None
    """`provider/model`."""
    variant: str | None = None
    """OpenCode's word for the reasoning effort."""
    agent: str | None = None

    def body(self) -> dict[str, Any]:
        """Return the fields of the prompt's body."""
        body: dict[str, Any] = {}
        if self.model is not None:
            provider, model = self.model.split("/", 1)
            body["model"] = {"providerID": provider, "modelID": model}
        if self.variant is not None:
            body["variant"] = self.variant
        if self.agent is not None:
            body["agent"] = self.agent
        return body

    def changed(self, key: str, value: Json) -> "Chosen":
        """Return it with one setting changed; None goes back to the server's own.

        Raises Unsupported for an unknown key and ValidationFailed for a bad value.
        """
        name = {"effort": "variant", "mode": "agent"}.get(key, key)
        if name not in ("model", "variant", "agent"):
            raise Unsupported(f"OpenCode has no setting {key!r}", key=key)
        if value is not None and text(value) is None:
            raise ValidationFailed(f"Cannot set {key}: {value!r} is no name", key=key)
        if name == "model" and value is not None:
            checked_model(str(value))
        return replace(self, **{name: value})


def checked_model(model: str) -> str:
    """Return a model's name. Raises ValidationFailed when it names no provider."""
    provider, slash, name = model.partition("/")
    if not slash or not text(provider) or not text(name):
        raise ValidationFailed(
            f"Cannot use the model {model!r}: OpenCode's models are called provider/model",
            model=model,
        )
    return model


def chosen_for(params: SendTurnParams, usual: Chosen) -> tuple[Chosen, Chosen]:
    """Return what this turn is sent with, and what the session is set to from now on.

    A model that comes with a turn stays, as with other providers; plan mode is the turn's own.
    """
    options = params.options or {}
    if params.model_selection is not None:
        usual = usual.changed("model", params.model_selection.model)
        options = {**(params.model_selection.options or {}), **options}
    for key in ("variant", "effort"):
        if options.get(key) is not None:
            usual = usual.changed(key, options[key])
    planning = params.interaction_mode == "plan"
    return (replace(usual, agent=PLAN_AGENT) if planning else usual), usual


async def prompt_body(params: SendTurnParams, chosen: Chosen) -> dict[str, Any]:
    """Return the body of a prompt.

    Raises ValidationFailed for an empty turn or an unreadable file, LimitExceeded for what is over
    the contract's bounds.
    """
    parts: list[dict[str, Any]] = []
    if params.input is not None:
        parts.append({"type": "text", "text": params.input})
    for number, image in enumerate(await read_images(params.attachments), 1):
        data = base64.b64encode(image.data).decode()
        parts.append(
            {
                "type": "file",
                "mime": image.mime_type,
                "filename": f"image-{number}",
                "url": f"data:{image.mime_type};base64,{data}",
            }
        )
    if not parts:
        raise ValidationFailed("Cannot start a turn: it has neither input nor attachments")
    return {"parts": parts, **chosen.body()}
