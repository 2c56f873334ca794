"""Size reports and budgets for tests of the size rules, in the shape that a freeze writes."""

from typing import Any

COMPONENTS = {
    "python runtime": 5_800_000,
    "python stdlib": 5_300_000,
    "shared libraries": 1_600_000,
    "aiohttp": 1_200_000,
    "sidecar": 300_000,
}

BUDGET: dict[str, Any] = {
    "onedir": {"disk_bytes": 20_000_000, "xz_bytes": 8_000_000},
    "onefile": {"disk_bytes": 10_000_000},
    "aims": {"onedir_ready_ms": 400, "rss_bytes": 70_000_000},
    "components": {"allowed": [*COMPONENTS, "other data"]},
}


def report(**changes: Any) -> dict[str, Any]:
    """Return a good onedir report with some fields changed; the total follows the components."""
    made: dict[str, Any] = {
        "layout": "onedir",
        "platform": "linux",
        "machine": "x86_64",
        "python": "3.13",
        "pythonVersion": "3.13.0",
        "pythonBuild": "aaaa",
        "stripped": True,
        "xzBytes": 5_300_000,
        "readyMs": 250,
        "rssBytes": 60_000_000,
        "pssBytes": 40_000_000,
        "components": dict(COMPONENTS),
        "biggest": [
            {"component": "python runtime", "name": "libpython3.13.so", "size_bytes": 5_700_000}
        ],
        **changes,
    }
    return {"totalBytes": sum(made["components"].values()), **made}


def grown(name: str, by_bytes: int, **changes: Any) -> dict[str, Any]:
    """Return the good report with one component larger by some bytes."""
    components = {**COMPONENTS, name: COMPONENTS.get(name, 0) + by_bytes}
    return report(components=components, **changes)
