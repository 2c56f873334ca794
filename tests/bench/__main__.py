"""`python -m tests.bench [NAME…]`: run all benchmarks, or those named.

A benchmark is a module `bench_<name>.py` here with `main(arguments: list[str]) -> int`; it prints
its own rows. Arguments after `--` go to each one that runs.
"""

import importlib
import sys
from pathlib import Path


def names() -> list[str]:
    """Return the benchmarks that there are."""
    return sorted(
        path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py")
    )


def main(arguments: list[str]) -> int:
    """Run the named benchmarks, all by default; return the worst exit code."""
    wanted, passed_on = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        wanted, passed_on = arguments[:cut], arguments[cut + 1 :]
    known = names()
    unknown = [name for name in wanted if name not in known]
    if unknown:
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(known) or 'none yet'}")
        return 2
    codes = [0]
    for name in wanted or known:
        print(f"— {name}", flush=True)
        codes.append(importlib.import_module(f"tests.bench.bench_{name}").main(passed_on))
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
