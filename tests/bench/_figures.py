"""What benchmarks make of what they measured: shares of sorted values, rounded units, and rows."""

import json
from collections.abc import Mapping, Sequence
from typing import Any


def at_share(values: Sequence[float], share: float) -> float:
    """Return the value at a share (0.99) of the sorted values: one that was measured."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ms(seconds: float) -> float:
    """Return seconds as milliseconds, to two digits."""
    return round(seconds * 1000, 2)


def ms_at(seconds: Sequence[float], share: float) -> float:
    """Return the value at a share of some seconds, in milliseconds."""
    return ms(at_share(seconds, share))


def mb(size_bytes: float) -> float:
    """Return bytes as MB, to two digits."""
    return round(size_bytes / 1e6, 2)


def show(figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Print figures: a line each, or all as JSON."""
    if as_json:
        print(json.dumps(figures), flush=True)
        return
    width = max(map(len, figures))
    print("\n".join(f"{name:<{width}}  {value}" for name, value in figures.items()), flush=True)


def show_row(figures: Mapping[str, Any], *, as_json: bool) -> None:
    """Print figures as one of several rows."""
    row = "  ".join(f"{name} {value}" for name, value in figures.items())
    print(json.dumps(figures) if as_json else row, flush=True)
