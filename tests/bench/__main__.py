"""`python -m tests.bench [NAME [ARGUMENT…]]`: run all benchmarks, or one with arguments of its own.

A benchmark is a module of this folder that runs as a program and prints its own rows. Each runs in
a process of its own, so that none inherits another's heap or garbage.
"""

import subprocess
import sys
from pathlib import Path


def names() -> list[str]:
    """Return the benchmarks that there are."""
    stems = (path.stem for path in Path(__file__).parent.glob("*.py"))
    return sorted(stem for stem in stems if not stem.startswith("_"))


def main(arguments: list[str]) -> int:
    """Run all benchmarks, or the named one; return the worst exit code."""
    known = names()
    if arguments and arguments[0] not in known:
        print(f"no benchmark {arguments[0]}; there are: {', '.join(known) or 'none yet'}")
        return 2
    wanted, passed_on = (arguments[:1], arguments[1:]) if arguments else (known, [])
    codes = [0]
    for name in wanted:
        print(f"— {name}", flush=True)
        module = f"{__package__}.{name}"
        codes.append(subprocess.call([sys.executable, "-m", module, *passed_on]))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
