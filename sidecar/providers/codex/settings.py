"""Changing a running thread's settings: model, effort, tier, rights, plan mode.

Owns what is in force, as far as Codex tells.
"""

from typing import Any, Final, get_args

from sidecar.contract.base import Json
from sidecar.contract.errors import Unsupported, ValidationFailed
from sidecar.contract.vocabulary import ApprovalPolicy, InteractionMode, SandboxMode
from sidecar.providers.codex.catalog import Catalog, Choice
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.codex.options import policy_in_codex, sandbox_policy
from sidecar.providers.shapes import a_map, text

_PLAIN: Final = {
    "model": "model",
    "effort": "effort",
    "reasoningEffort": "effort",
    "serviceTier": "serviceTier",
    "personality": "personality",
    "summary": "summary",
}
"""Settings whose value goes to Codex as it is, with Codex's name for each."""


class Settings:
    """The settings of one open thread."""

    def __init__(self, link: CodexLink, thread_id: str, catalog: Catalog) -> None:
        self._link = link
        self._thread_id = thread_id
        self._catalog = catalog
        self.model: str | None = None
        self.effort: str | None = None
        self.mode: InteractionMode = "default"

    @property
    def takes_images(self) -> bool:
        """Whether the model in force takes images."""
        return self._catalog.takes_images(self.model)

    def heard(self, said: dict[str, Any]) -> None:
        """Note what Codex says to be in force."""
        self.model = text(said.get("model")) or self.model
        effort = said.get("effort", said.get("reasoningEffort"))
        self.effort = text(effort) or (self.effort if effort is None else None)
        mode = a_map(said.get("collaborationMode")).get("mode")
        if mode is not None:
            self.mode = "plan" if mode == "plan" else "default"

    def choose(self, asked: Choice) -> Choice:
        """Return what of a turn's choice the account and the model have."""
        return self._catalog.choose(asked, self.model)

    def for_turn(self, choice: Choice, mode: InteractionMode | None) -> dict[str, Json]:
        """Return the params of turn/start that carry what differs from what is in force."""
        params: dict[str, Json] = {}
        if choice.model is not None and choice.model != self.model:
            params["model"] = choice.model
        if choice.effort is not None and choice.effort != self.effort:
            params["effort"] = choice.effort
        if choice.service_tier is not None:
            params["serviceTier"] = choice.service_tier
        if mode is not None and mode != self.mode:
            params["collaborationMode"] = self._collaboration(mode, choice)
        return params

    async def set(self, key: str, value: Json, deadline_s: float) -> None:
        """Set `key` from the next turn on.

        Raises Unsupported for an unknown key, ValidationFailed for a value that cannot be and
        ProviderRequestFailed when Codex refuses it.
        """
        await self.update(self._change(key, value), deadline_s)

    async def update(self, changes: dict[str, Json], deadline_s: float) -> None:
        """Send changes of settings; nothing for none. Raises ProviderRequestFailed."""
        if changes:
            params = {"threadId": self._thread_id, **changes}
            await self._link.result("thread/settings/update", params, deadline_s)

    def _change(self, key: str, value: Json) -> dict[str, Json]:
        if key in _PLAIN:
            if text(value) is None:
                raise ValidationFailed(f"Cannot set {key}: its value is text", key=key)
            return {_PLAIN[key]: self._available(key, str(value))}
        if key in ("interactionMode", "mode"):
            mode = _one_of(key, value, get_args(InteractionMode))
            return {"collaborationMode": self._collaboration(mode, Choice())}  # type: ignore[arg-type]
        if key == "approvalPolicy":
            policy = _one_of(key, value, get_args(ApprovalPolicy))
            return {"approvalPolicy": policy_in_codex(policy)}  # type: ignore[arg-type]
        if key == "sandboxMode":
            sandbox = _one_of(key, value, get_args(SandboxMode))
            return {"sandboxPolicy": sandbox_policy(sandbox)}  # type: ignore[arg-type]
        raise Unsupported(f"Codex has no setting {key!r}", key=key)

    def _available(self, key: str, value: str) -> str:
        """Return a value that the account and the model have. Raises ValidationFailed."""
        asked = {
            "model": Choice(model=value),
            "effort": Choice(effort=value),
            "serviceTier": Choice(service_tier=value),
        }.get(_PLAIN[key])
        if asked is not None and (dropped := self.choose(asked).dropped):
            raise ValidationFailed(f"Cannot set {key}: {'; '.join(dropped)}", key=key, value=value)
        return value

    def _collaboration(self, mode: InteractionMode, choice: Choice) -> dict[str, Json]:
        """Return a collaboration mode; without instructions of its own Codex has built-in ones."""
        settings: dict[str, Json] = {
            "model": choice.model or self.model or "",
            "reasoning_effort": choice.effort or self.effort,
            "developer_instructions": None,
        }
        return {"mode": mode, "settings": settings}


def _one_of(key: str, value: Json, words: tuple[str, ...]) -> str:
    if value not in words:
        raise ValidationFailed(f"Cannot set {key}: it is one of {', '.join(words)}", key=key)
    return str(value)
