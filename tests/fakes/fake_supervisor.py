"""A supervisor that only launches, to be killed: `fake_supervisor.py KIND SENTINEL`.

Launches two fake hosts by KIND (zygote or exec), starts a tree of misbehaving providers below
each, wedges the second, prints one JSON line with all pids, and sleeps.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from sidecar.supervisor.launch import ExecLauncher, HostLauncher, ZygoteLauncher, start_zygote

FAKE_HOST = [sys.executable, str(Path(__file__).with_name("fake_host.py"))]
MODES = ("stubborn", "daemon", "tool", "tree")


async def _main(kind: str, sentinel: str) -> None:
    launcher: HostLauncher = (
        ExecLauncher(FAKE_HOST)
        if kind == "exec"
        else ZygoteLauncher(start_zygote(command=FAKE_HOST), FAKE_HOST)
    )
    await launcher.start()
    hosts = [await launcher.launch() for _ in range(2)]
    streams = []
    for host in hosts:
        reader, writer = await asyncio.open_unix_connection(sock=host.channel)
        streams.append((reader, writer))
        await reader.readline()
        for mode in MODES:
            writer.write(f"start {mode} {sentinel}\n".encode())
            await reader.readline()
    streams[1][1].write(b"spin\n")
    assert await streams[1][0].readline() == b"spinning\n"
    pids = {"hosts": [host.pid for host in hosts], "zygote": launcher.zygote_pid}
    print(json.dumps({**pids, "pid": os.getpid()}), flush=True)
    await asyncio.sleep(60)


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
