"""Careful reading of an agent's JSON; what every provider shares stands in sidecar.providers."""

from sidecar.providers.shapes import DETAIL_CHARS, TITLE_CHARS, a_map, count, maps, text

__all__ = ["DETAIL_CHARS", "TITLE_CHARS", "a_map", "count", "maps", "text"]
