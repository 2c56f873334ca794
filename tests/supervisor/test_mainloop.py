"""The supervisor's process ends when its loop does, whatever tasks are left."""

import subprocess
import sys
import textwrap
import time

import pytest

from sidecar.supervisor.mainloop import EX_SOFTWARE, LEAVE_S

DEADLINE_S = 30.0

HEAD = """
import asyncio
from sidecar.supervisor.mainloop import run

async def deaf():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass
"""


def ended(script: str) -> tuple[int, str, str]:
    """Run a script; its exit code, stdout and stderr. Raises when it does not end."""
    done = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(script)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("failure", ["MemoryError", "OSError", "SystemExit"])
def test_a_loop_that_fails_ends_the_process_at_once_and_asks_no_task(failure: str) -> None:
    began_s = time.monotonic()
    code, out, err = ended(f"""
        async def main():
            task = asyncio.create_task(deaf())
            loop = asyncio.get_running_loop()
            def fail(_timeout):
                raise {failure}
            loop.call_later(0.05, setattr, loop._selector, "select", fail)
            try:
                await task
            finally:
                print("asked to stop")
        run(main())
    """)
    assert code == EX_SOFTWARE
    assert failure in err
    assert out == ""
    assert time.monotonic() - began_s < LEAVE_S


def test_a_task_that_does_not_end_is_shown_and_left() -> None:
    code, out, err = ended("""
        async def main():
            asyncio.create_task(deaf())
            await asyncio.sleep(0)
            print("done", flush=True)
        run(main(), leave_s=0.2)
    """)
    assert code == 1
    assert out == "done\n"
    assert "Timeout" in err


def test_what_the_coroutine_raises_is_raised() -> None:
    code, out, _ = ended("""
        async def main():
            raise LookupError("this one")
        try:
            run(main())
        except LookupError as error:
            print(error)
    """)
    assert (code, out) == (0, "this one\n")
