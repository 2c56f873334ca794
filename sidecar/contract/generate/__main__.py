"""`python -m sidecar.contract.generate [--check]`."""

import argparse
import sys

from sidecar.contract.generate import documents


def main(arguments: list[str] | None = None) -> int:
    """Write what is stale, or with --check tell what is; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.contract.generate")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 when stale")
    if parser.parse_args(arguments).check:
        found = documents.stale(documents.ROOT)
        for name, difference in found.items():
            _say(f"stale: {name}\n{difference}\n")
        if found:
            _say("Run `python -m sidecar.contract.generate` and commit the result.")
        return 1 if found else 0
    for name in documents.write(documents.ROOT):
        _say(f"written: {name}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
