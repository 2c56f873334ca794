"""A prepared process and the one that prepared it: it dies with it, and has not its limits."""

import signal
import subprocess
import sys
import textwrap

import pytest

from tests.support import observer

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone")


def run(script: str) -> list[str]:
    """Run a script in a process of its own; its words, one a line."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
        timeout=60,
    )
    return done.stdout.split()


def test_there_is_none_where_its_stdio_could_not_be_told_from_our_own() -> None:
    words = run(
        """
        import os
        from sidecar.process import prepared
        os.close(0)
        print(prepared.prepare())
        """
    )
    assert words == ["None"]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
async def test_it_dies_with_the_process_that_prepared_it(number: int) -> None:
    words = run(
        f"""
        import os
        from sidecar.process import prepared
        print(prepared.prepare(), flush=True)
        os.kill(os.getpid(), {int(number)})
        """
    )
    assert await observer.wait_until_ended([int(words[0])], 5) == []


async def test_it_dies_with_it_in_whichever_of_its_ways_comes_first() -> None:
    """Without the signal there is the end of its socket."""
    words = run(
        """
        import os
        from sidecar.process import linux, prepared
        linux.set_parent_death_signal = lambda number: None
        print(prepared.prepare(), flush=True)
        os.kill(os.getpid(), 9)
        """
    )
    assert await observer.wait_until_ended([int(words[0])], 5) == []


@pytest.mark.parametrize("order", ["prepare limit", "limit prepare"])
def test_a_limit_of_its_parent_s_heap_is_not_its_own(order: str) -> None:
    words = run(
        f"""
        import asyncio, resource
        from sidecar.process import Child, prepared
        from sidecar.process.platform import os_
        steps = {{"prepare": prepared.prepare, "limit": lambda: os_.limit_heap(300_000_000)}}
        before = resource.getrlimit(resource.RLIMIT_DATA)[0]
        pid = [steps[step]() for step in "{order}".split()]["{order}".split().index("prepare")]
        async def main():
            child = await Child.spawn(["/bin/cat", "/proc/self/limits"], env={{}})
            print(child.pid == pid)
            text = (await child.read()).decode()
            line = next(line for line in text.splitlines() if "Max data size" in line)
            print(line.split()[3] == ("unlimited" if before < 0 else str(before)))
            await child.wait()
            child.close()
        asyncio.run(main())
        print(resource.getrlimit(resource.RLIMIT_DATA)[0] != before)
        """
    )
    assert words == ["True", "True", "True"]
