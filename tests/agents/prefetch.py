"""Fill the cache with the agents that a test run will want, while it does something else.

    python -m tests.agents.prefetch [--long] [AGENT …]

`build.py test` starts this at its beginning. Tests do not depend on it: each installs what it
needs, and waits for whoever installs it already.
"""

import argparse
import pkgutil
import sys
from collections.abc import Iterable, Iterator
from importlib import import_module

from tests.agents import profiles
from tests.agents.harness import AgentProfile
from tests.agents.install import NotInstalledError, install


def all_profiles() -> Iterator[AgentProfile]:
    """Yield the profile of every agent."""
    for module in pkgutil.iter_modules(profiles.__path__, f"{profiles.__name__}."):
        profile = getattr(import_module(module.name), "PROFILE", None)
        if isinstance(profile, AgentProfile):
            yield profile


def wanted(agents: Iterable[str], *, long: bool) -> list[str]:
    """Return the packages of these agents, or of all whose turn it is; each once."""
    names = set(agents)
    chosen = [p for p in all_profiles() if (p.name in names if names else long or not p.long)]
    return list(dict.fromkeys(package for profile in chosen for package in profile.packages))


def main(arguments: list[str]) -> int:
    """Install one after the other; say what could not be had."""
    parser = argparse.ArgumentParser(prog="prefetch", description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("agents", nargs="*")
    options = parser.parse_args(arguments)
    missing = 0
    for package in wanted(options.agents, long=options.long):
        try:
            print(install(package), flush=True)
        except NotInstalledError as error:
            print(error, file=sys.stderr, flush=True)
            missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
