"""A host's main loop for tests of launching: obeys lines on its channel, one answer a line.

    ping                → pong PID
    start MODE SENTINEL → started PID     a Child running misbehave.py
    spin                → spinning        then never answers: a busy main thread
    exit CODE           → (the process ends)

Ends in an orderly way (everything below it is stopped) when its channel ends.
"""

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path

from sidecar.host.entry import main as exec_main
from sidecar.host.zygote import main as zygote_main
from sidecar.process import (
    Child,
    Ladder,
    OrphanReaper,
    new_mark,
    provider_environment,
    stop_session_tree,
    with_mark,
)

MISBEHAVE = str(Path(__file__).with_name("misbehave.py"))


async def _obey(channel: socket.socket) -> int:
    channel.setblocking(False)
    reaper = OrphanReaper()
    reaper.start()
    reader, writer = await asyncio.open_unix_connection(sock=channel)
    writer.write(b"hello %d\n" % os.getpid())
    children: list[Child] = []
    mark, verb = new_mark(), ""
    code = 0
    while line := await reader.readline():
        verb, *words = line.decode().split()
        if verb == "ping":
            writer.write(b"pong %d\n" % os.getpid())
        elif verb == "start":
            env = with_mark(provider_environment(os.environ), mark)
            child = await Child.spawn([sys.executable, MISBEHAVE, *words], env=env)
            children.append(child)
            await child.read()  # it says when its tree stands
            writer.write(b"started %d\n" % child.pid)
        elif verb == "spin":
            writer.write(b"spinning\n")
            await writer.drain()
            while True:
                pass
        elif verb == "crash":
            os.abort()
        elif verb == "exit":
            code = int(words[0])
            break
    if verb != "exit":
        await stop_session_tree(children, mark=mark, ladder=Ladder.within(1.0))
    reaper.close()
    with contextlib.suppress(OSError):
        writer.close()
    return code


def run(channel: socket.socket) -> int:
    """Be the entry of a host."""
    return asyncio.run(_obey(channel))


if __name__ == "__main__":
    option, fd = sys.argv[1:]
    entry = {"--control-fd": zygote_main, "--channel-fd": exec_main}[option]
    sys.exit(entry(int(fd), run))
