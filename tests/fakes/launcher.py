"""What Electron's main process does, as a program of its own: it can be killed -9.

    launcher.py DATA_DIR BINARY [ARG …]

Spawns `BINARY ARG … serve`, hands the bootstrap over, prints one JSON line
{"spawned": pid, "token": …, "ready": {…}} and then holds stdin open until it dies.
"""

import json
import os
import secrets
import subprocess
import sys
import time


def main() -> None:
    data_dir, command = sys.argv[1], sys.argv[2:]
    token = secrets.token_hex(32)
    child = subprocess.Popen([*command, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    bootstrap = {
        "token": token,
        "parentPid": os.getpid(),
        "dataDir": data_dir,
        # The shell is killed with all else, and some users' shells hold locks meanwhile.
        "settings": {"env": {"loginShell": False}},
    }
    child.stdin.write(json.dumps(bootstrap).encode() + b"\n")
    child.stdin.flush()
    ready = json.loads(child.stdout.readline())
    print(json.dumps({"spawned": child.pid, "token": token, "ready": ready}), flush=True)
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
