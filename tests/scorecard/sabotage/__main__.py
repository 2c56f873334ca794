"""Run the sidecar from source, with a mechanism disabled: `… NAME serve …`, or `… NAME --check`.

What it starts of its own kind (zygote, hosts, probes) is started the same way. Exit 3 when the
sabotage finds its target gone.
"""

import sys

from tests.scorecard.sabotage.catalog import SABOTAGES
from tests.scorecard.sabotage.patching import TargetGoneError, replace

EX_GONE = 3
CHECK = "--check"


def main(arguments: list[str]) -> int:
    """Disable what is named, then be the sidecar."""
    name, *rest = arguments

    def own_command(subcommand: str, *more: str) -> list[str]:
        return [sys.executable, "-m", "tests.scorecard.sabotage", name, subcommand, *more]

    try:
        replace("sidecar.process.commands:own_command", own_command)
        if name != "none" and (rest[0] in SABOTAGES[name].roles or rest == [CHECK]):
            SABOTAGES[name].disable()
    except TargetGoneError as error:
        sys.stderr.write(f"sabotage {name}: {error}\n")
        return EX_GONE
    if rest == [CHECK]:
        return 0
    from sidecar.cli import main as sidecar  # noqa: PLC0415 - after the patches

    return sidecar(rest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
