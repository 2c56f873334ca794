"""What a server offers, models and agents, as session.configured shows them. Pure."""

from typing import Any

from sidecar.contract.base import Json
from sidecar.contract.results import Model
from sidecar.providers.shapes import a_map, count, maps, text

MODELS = 1024
"""Models passed on; a person with many providers has hundreds."""

AGENTS = 64


def models(providers: Json) -> list[Model]:
    """Return the models in the answer of GET /config/providers."""
    answer = a_map(providers)
    defaults = {f"{k}/{v}" for k, v in a_map(answer.get("default")).items()}
    found: list[Model] = []
    for provider in maps(answer.get("providers")):
        provider_id = text(provider.get("id"))
        for model_id, row in a_map(provider.get("models")).items():
            slug = text(f"{provider_id}/{model_id}")
            if provider_id is None or slug is None or len(found) >= MODELS:
                continue
            found.append(
                Model(
                    slug=slug,
                    name=text(a_map(row).get("name")) or slug,
                    description=text(provider.get("name")),
                    is_default=True if slug in defaults else None,
                    options=_options(a_map(row)),
                )
            )
    return found


def context_limits(offered: list[Model]) -> dict[str, int]:
    """Return how many tokens each model takes, of those that tell."""
    limits = {model.slug: (model.options or {}).get("contextTokens") for model in offered}
    return {slug: limit for slug, limit in limits.items() if limit}


def config(offered: list[Model], agents: Json, version: str | None) -> dict[str, Any]:
    """Return what session.configured says of the server."""
    names = (text(agent.get("name")) for agent in maps(agents) if agent.get("mode") != "subagent")
    said: dict[str, Any] = {
        "version": version,
        "models": [{"id": model.slug, "name": model.name} for model in offered],
        "agents": list(filter(None, names))[:AGENTS],
    }
    return {key: value for key, value in said.items() if value}


def _options(row: dict[str, Any]) -> dict[str, Any] | None:
    variants = [name for name in a_map(row.get("variants")) if text(name)]
    limit = count(a_map(row.get("limit")).get("context"))
    options: dict[str, Any] = {}
    if variants:
        options["variants"] = variants
    if limit:
        options["contextTokens"] = limit
    return options or None
