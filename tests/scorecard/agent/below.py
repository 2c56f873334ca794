"""What the agent starts below itself: a tool, or a grandchild that gets away from its parents.

    python -I -S below.py --sentinel WORD --thread NAME tool
    python -I -S below.py --sentinel WORD --thread NAME daemon [MB_PER_S MOST_MB]
    python -I -S below.py --sentinel WORD --thread NAME masked

All are in a session of their own and live until they are killed. A daemon forks once more, so that
it is re-parented, says its pid, and is deaf to SIGHUP and SIGTERM; with numbers it eats memory. The
words in their argv are how an observer finds them. A masked one is a daemon that becomes another
program, with neither the words nor an environment: it is found by the pid that it said.
"""

import os
import signal
import sys
import threading

SHARES_PER_S = 10


def eat(mb_per_s: int, most_mb: int, over: threading.Event) -> None:
    """Allocate and touch every page, a tenth of a second's share at a time; hold it until `over`.

    At `most_mb` it stops growing, so that a forgotten one does not take the machine.
    """
    eaten: list[bytearray] = []
    share_bytes = mb_per_s * 1024 * 1024 // SHARES_PER_S
    while sum(map(len, eaten)) < most_mb * 1024 * 1024:
        eaten.append(bytearray(b"\x01") * share_bytes)
        if over.wait(1 / SHARES_PER_S):
            return
    over.wait()


def get_away() -> None:
    """Fork, so that init or a subreaper becomes the parent; the one that is left says the pid."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if (pid := os.fork()) > 0:
        print(pid, flush=True)
        os._exit(0)


def main() -> None:
    """Be what argv says."""
    os.setsid()
    kind, *numbers = sys.argv[5:]
    if kind != "tool":
        get_away()
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in range(3):
        os.dup2(nowhere, fd)
    if kind == "masked":
        os.chdir("/")
        os.execve("/bin/sleep", ["a-stranger", "86400"], {})
    mb_per_s, most_mb = map(int, numbers or ("0", "0"))
    eat(mb_per_s, most_mb, threading.Event())


if __name__ == "__main__":
    main()
