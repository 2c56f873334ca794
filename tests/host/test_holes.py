"""With no hole left, what is allocated lies together, whatever was freed before."""

import subprocess
import sys

import pytest

from sidecar.process import own_environment

CODE = """
import sys
from sidecar.host.holes import fill_holes

SIZES = {sizes}
old = [[b"x" * (size - 33) for _ in range(20_000_000 // size // 10)] for size in SIZES]
for of_size in old:
    del of_size[::7]  # a hole in each page

def pages(size):
    new = [b"y" * (size - 33) for _ in range(400)]
    return len({{id(one) >> 12 for one in new}})

before = [pages(size) for size in SIZES]
assert fill_holes() > 0
after = [pages(size) for size in SIZES]
dense = [400 * size // 4096 for size in SIZES]
for size, scattered, together, least in zip(SIZES, before, after, dense):
    assert together <= least * 1.15 + 3, (size, scattered, together, least)
    assert scattered > together * 1.3, (size, scattered, together, least)
"""


def run(code: str, **env: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=own_environment() | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, "")


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="another allocator")
def test_new_objects_lie_together_when_the_holes_are_filled() -> None:
    run(CODE.format(sizes=[48, 64, 96, 128, 208]))


@pytest.mark.skipif(sys.platform != "linux", reason="another allocator")
def test_so_do_large_ones() -> None:
    run(CODE.format(sizes=[640, 1024]))


def test_an_allocator_without_pools_is_left_alone() -> None:
    run(
        "from sidecar.host.holes import _fill_pools; assert _fill_pools() == 0",
        PYTHONMALLOC="malloc",
    )
