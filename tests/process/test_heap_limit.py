"""A limit of a process's own heap: a MemoryError for it, and nothing for what it starts."""

import subprocess
import sys
import textwrap

MB = 1_000_000


def run(script: str) -> list[str]:
    """Run a script in a process of its own: a limit is for ever. Its words, one a line."""
    source = textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout.split()


def test_growth_beyond_it_is_a_memory_error_and_what_is_free_again_may_be_used_again() -> None:
    words = run(
        """
        from sidecar.process.platform import os_
        before = os_.heap_bytes()
        limit = os_.limit_heap(100_000_000)
        print(limit - before)
        kept = bytearray(80_000_000)
        try:
            bytearray(80_000_000)
        except MemoryError:
            print("refused")
        del kept
        bytearray(80_000_000)
        print("again")
        """
    )
    assert 100 * MB <= int(words[0]) < 101 * MB
    assert words[1:] == ["refused", "again"]


def test_it_can_be_raised_by_a_reserve_but_not_above_what_was_there_before() -> None:
    words = run(
        """
        import resource
        from sidecar.process.platform import os_
        most = os_.heap_bytes() + 500_000_000
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
        print(os_.limit_heap(1_000_000_000))
        first = os_.limit_heap(50_000_000)
        second = os_.limit_heap(90_000_000)
        print(second > first)
        print(os_.limit_heap(1_000_000_000))
        os_.heap_limit_restorer()()
        print(resource.getrlimit(resource.RLIMIT_DATA)[0] == most)
        """
    )
    assert words == ["None", "True", "None", "True"]


def test_who_has_no_limit_restores_none() -> None:
    words = run(
        """
        import resource
        from sidecar.process.platform import os_
        before = resource.getrlimit(resource.RLIMIT_DATA)
        os_.heap_limit_restorer()()
        print(resource.getrlimit(resource.RLIMIT_DATA) == before)
        """
    )
    assert words == ["True"]
