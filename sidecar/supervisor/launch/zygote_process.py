"""Starts a zygote by exec: the first time as after its death.

Imports neither asyncio nor msgspec: the first zygote imports its modules while the supervisor
imports aiohttp.
"""

import json
import os
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from sidecar.process.commands import own_command, own_environment
from sidecar.process.identity import ProcessKey
from sidecar.process.marks import new_mark, with_mark
from sidecar.process.platform import key_of
from sidecar.process.waited import register, unregister

CLOSE_DEADLINE_S = 3.0
"""EOF on the control socket to the zygote's end: its own hard end is 2.5 s."""


@dataclass(slots=True)
class ZygoteHandle:
    """A started zygote that nobody has taken over yet."""

    process: "subprocess.Popen[bytes]"
    key: ProcessKey
    control: socket.socket
    mark: str
    taken: bool = False

    @property
    def pid(self) -> int:
        """The zygote's pid."""
        return self.process.pid

    def close(self) -> None:
        """End a zygote that no launcher took over; a no-op otherwise."""
        if self.taken:
            return
        self.taken = True
        self.control.close()
        try:
            self.process.wait(CLOSE_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        unregister(self.pid)


def start_zygote(mark: str | None = None, command: Sequence[str] | None = None) -> ZygoteHandle:
    """Start a zygote; returns at once, long before it is ready. Raises OSError.

    From the main thread. `mark` is the instance's, made here when none is given; the environment
    that the zygote is started with carries it, hence so does every host's. `command` is for tests.
    """
    mark = mark or new_mark()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        own = key_of(os.getpid())
        assert own is not None
        hello = {"op": "hello", "pid": own.pid, "createTime": own.create_time}
        ours.send(json.dumps(hello).encode())
        argv = [*(command or own_command("zygote")), "--control-fd", str(theirs.fileno())]
        process = subprocess.Popen(
            argv,
            env=with_mark(own_environment(), mark),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    register(process.pid)
    key = key_of(process.pid) or ProcessKey(process.pid, 0)
    return ZygoteHandle(process, key, ours, mark)
