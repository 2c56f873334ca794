"""Changing a running agent's settings: model, mode, plan mode, config options.

Owns which mode to go back to after plan mode. What the agent offers stands in `offers`.
"""

from collections.abc import Callable
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.errors import Unsupported
from sidecar.contract.methods import ModelSelection
from sidecar.providers.acp.link import AcpLink
from sidecar.providers.acp.offers import Offers

SETTING_DEADLINE_S = 15.0
"""One change of a setting; agents answer within milliseconds, or after a round trip to a server."""

_CURRENT: Final = {"model": "currentModelId", "mode": "currentModeId"}


class Settings:
    """The settings of one open session. `say` emits what is in force after a change."""

    def __init__(
        self, link: AcpLink, offers: Offers, say: Callable[[dict[str, Any]], None]
    ) -> None:
        self._link = link
        self._offers = offers
        self._say = say
        self._usual_mode: str | None = None

    @property
    def model(self) -> str | None:
        """The model in force, as far as the agent tells."""
        return self._offers.model

    @property
    def plans(self) -> bool:
        """Whether the agent is in its plan mode."""
        return self._offers.mode is not None and self._offers.mode == self._offers.plan_mode()

    async def set(self, key: str, value: Json) -> Json:
        """Set `key`, nothing if it has the value; return what is in force then.

        Raises Unsupported when the agent has no such setting and ProviderRequestFailed when it
        refuses the value.
        """
        if value is not None and value == self._offers.current(key):
            return value
        call = self._offers.setting(key, value)
        if call is None:
            raise Unsupported(f"This agent has no setting {key!r}", key=key)
        taken = next(call.params[k] for k in ("modelId", "modeId", "value") if k in call.params)
        if taken is not None and taken == self._offers.current(key):
            return taken
        answer = await self._link.result(call.method, call.params, SETTING_DEADLINE_S)
        self._offers.took(key, taken)
        self._offers.heard(answer)
        options = answer.get("configOptions")
        told = {"configOptions": options} if isinstance(options, list) else {}
        self._say({_CURRENT.get(key, key): taken, **told})
        return taken

    async def select(self, selection: ModelSelection) -> None:
        """Set a model and its options, each a config option of the agent. Raises as set does."""
        await self.set("model", selection.model)
        for key, value in (selection.options or {}).items():
            await self.set(key, value)

    async def set_plan_mode(self, *, on: bool) -> None:
        """Go to the agent's plan mode, or back to the mode before. Raises Unsupported without."""
        plan = self._offers.plan_mode()
        if on:
            if plan is None:
                raise Unsupported("This agent has no plan mode")
            if self._offers.mode != plan:
                self._usual_mode = self._offers.mode
            await self.set("mode", plan)
        elif plan is not None and self._offers.mode == plan and self._usual_mode is not None:
            await self.set("mode", self._usual_mode)

    def heard(self, said: dict[str, Any]) -> None:
        """Note what the agent itself says to be in force."""
        self._offers.heard(said)
