"""The words of an error, wherever the server puts them. Pure."""

from sidecar.contract.base import Json
from sidecar.providers.shapes import DETAIL_CHARS, a_map, text


def error_text(value: Json) -> str | None:
    """Return the message of an error as the server says it: `{data: {message}}`, `{message}` …"""
    error = a_map(value)
    places = (a_map(error.get("data")).get("message"), error.get("message"), error.get("name"))
    return next((found for place in places if (found := text(place, DETAIL_CHARS))), None)
