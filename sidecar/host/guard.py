"""The guard: a thread in each host that ends the host when its supervisor is gone.

It watches the channel for the other side's end and nothing else, so it works while the main
thread is wedged. Never acts as long as the supervisor lives: a wedged host is the heartbeat's.
"""

import os
import select
import socket
import threading
import time

from sidecar.process.census import everything_below, kill_until_empty

HOST_EOF_DEADLINE_S = 1.5
"""The supervisor's end to the host's own orderly end. Half of the promised 3 s: the undertaker
needs the rest for hosts in which not even this thread runs."""

GUARD_KILL_S = 1.0
"""Killing the tree: milliseconds, unless it is a fork storm. With HOST_EOF_DEADLINE_S it ends
inside the promised 3 s."""

EX_GUARDED = 75
"""Exit code of a host that its guard ended (sysexits.h: EX_TEMPFAIL)."""


def start_guard(channel: socket.socket) -> threading.Thread:
    """Start the guard on a duplicate of the host's end of the channel.

    A lifeline of its own would be a second thing that must not leak into anybody.
    """
    watched = os.dup(channel.fileno())
    thread = threading.Thread(target=_guard, args=(watched,), name="guard", daemon=True)
    thread.start()
    return thread


def _guard(watched: int) -> None:
    _wait_for_hangup(watched)
    time.sleep(HOST_EOF_DEADLINE_S)  # an orderly end of the main thread ends this thread too
    kill_until_empty(everything_below, GUARD_KILL_S)
    os._exit(EX_GUARDED)


def _wait_for_hangup(watched: int) -> None:
    """Return when the other end is closed; bytes that wait to be read do not matter."""
    poll = select.poll()
    poll.register(watched, getattr(select, "POLLRDHUP", 0))
    while not poll.poll():
        pass
