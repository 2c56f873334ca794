"""The models that an account has, and what each can be set to. Pure.

Gates what was asked for: a model that the account has not, an effort or tier that the model has not
would fail each turn. Only a ChatGPT account's list is complete: a key, or another provider in
config.toml, may serve models that it does not name.
"""

from typing import Any, Final, NamedTuple

from sidecar.contract.results import Model
from sidecar.providers.shapes import DETAIL_CHARS, a_map, maps, text

MODELS = 256
"""Models taken from the list; Codex has a dozen."""

FAST_TIER: Final = "priority"
"""The service tier that Codex's own interface calls Fast."""


class CodexModel(NamedTuple):
    """One model, as far as the list had the right shape."""

    slug: str
    name: str
    description: str | None
    is_default: bool
    efforts: tuple[str, ...]
    default_effort: str | None
    tiers: tuple[dict[str, str], ...]
    takes_images: bool
    hidden: bool


class Choice(NamedTuple):
    """What a turn or thread is to be set to; None leaves it to Codex. `dropped` says in words."""

    model: str | None = None
    effort: str | None = None
    service_tier: str | None = None
    dropped: tuple[str, ...] = ()


class Catalog:
    """The models of one account. `complete`: no other model can be used."""

    def __init__(self, rows: object = None, *, complete: bool = False) -> None:
        found = [_model(row) for row in maps(rows)[:MODELS]]
        self.models = [model for model in found if model is not None]
        self._complete = complete and bool(self.models)

    def find(self, slug: str | None) -> CodexModel | None:
        """Return a model by its name."""
        return next((model for model in self.models if model.slug == slug), None)

    def choose(self, asked: Choice, current: str | None) -> Choice:
        """Return what of `asked` can be had; `current` is the model in force."""
        dropped: list[str] = []
        model = asked.model
        if model is not None and self._complete and self.find(model) is None:
            instead = next((m.slug for m in self.models if m.is_default), None)
            dropped.append(f"this account has no model {model}" + _using(instead))
            model = instead
        known = self.find(model or current)
        effort, tier = asked.effort, asked.service_tier
        if known is not None and effort and known.efforts and effort not in known.efforts:
            dropped.append(f"{known.slug} has no reasoning effort {effort}")
            effort = None
        tiers = {row["id"] for row in known.tiers} if known is not None else set()
        if known is not None and tier and tier not in tiers:
            dropped.append(f"{known.slug} has no service tier {tier}")
            tier = None
        return Choice(model, effort, tier, tuple(dropped))

    def takes_images(self, slug: str | None) -> bool:
        """Tell whether a model takes images; one that is not listed is asked to."""
        known = self.find(slug)
        return known is None or known.takes_images

    def shown(self) -> list[Model]:
        """Return the models as provider.models lists them, hidden ones left out."""
        return [_shown(model) for model in self.models if not model.hidden]


def choice_of(model: str | None, options: dict[str, Any] | None) -> Choice:
    """Return what a modelSelection or the options of a turn ask for.

    `effort` or `reasoningEffort`, `serviceTier`, or `fastMode` true for the faster tier.
    """
    asked = options or {}
    tier = text(asked.get("serviceTier")) or (FAST_TIER if asked.get("fastMode") is True else None)
    effort = text(asked.get("effort")) or text(asked.get("reasoningEffort"))
    return Choice(model, effort, tier)


def _using(instead: str | None) -> str:
    return f"; {instead} is used instead" if instead else ""


def _model(row: dict[str, Any]) -> CodexModel | None:
    slug = text(row.get("model")) or text(row.get("id"))
    if slug is None:
        return None
    efforts = [text(e.get("reasoningEffort")) for e in maps(row.get("supportedReasoningEfforts"))]
    modalities = row.get("inputModalities")
    return CodexModel(
        slug=slug,
        name=text(row.get("displayName")) or slug,
        description=text(row.get("description"), DETAIL_CHARS),
        is_default=row.get("isDefault") is True,
        efforts=tuple(effort for effort in efforts if effort is not None),
        default_effort=text(row.get("defaultReasoningEffort")),
        tiers=tuple(tier for t in maps(row.get("serviceTiers")) if (tier := _tier(t))),
        takes_images=not isinstance(modalities, list) or "image" in modalities,
        hidden=row.get("hidden") is True,
    )


def _tier(row: dict[str, Any]) -> dict[str, str] | None:
    id_ = text(row.get("id"))
    if id_ is None:
        return None
    tier = {"id": id_, "name": text(row.get("name")) or id_}
    description = text(row.get("description"))
    return tier | ({"description": description} if description else {})


def _shown(model: CodexModel) -> Model:
    options: dict[str, Any] = {"takesImages": model.takes_images}
    if model.efforts:
        options["efforts"] = list(model.efforts)
    if model.default_effort:
        options["defaultEffort"] = model.default_effort
    if model.tiers:
        options["serviceTiers"] = [dict(tier) for tier in model.tiers]
    return Model(
        slug=model.slug,
        name=model.name,
        description=model.description,
        is_default=model.is_default or None,
        options=options,
    )


def account_shown(account: object) -> dict[str, Any]:
    """Return what may be said of an account: its kind, plan and names; never a credential."""
    keys = ("type", "planType", "email", "workspaceName")
    found = {key: text(a_map(account).get(key)) for key in keys}
    return {key: value for key, value in found.items() if value is not None}
