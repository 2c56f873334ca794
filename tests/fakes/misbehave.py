"""A provider that misbehaves: `misbehave.py MODE SENTINEL`. Imports nothing of sidecar.

Everything that it starts carries SENTINEL in its argv, so that an observer finds it by
/proc/*/cmdline alone. It prints `ready` once its whole tree stands.

    quiet     ends at stdin EOF
    stubborn  ignores SIGTERM and stdin EOF
    daemon    leaves a grandchild: setsid, double fork, no environment; then as stubborn
    storm     a binary tree of processes in its own group, each ignoring SIGTERM
    respawn   two processes in sessions of their own, each restarting the other
    orphan    exits at once; a child in another session holds its stdout and stderr
    tool      runs a shell in a session of its own, as agents' tools do; then as quiet
    exit N    exits with code N
    noise     writes 1 MB to stderr, then as quiet
"""

import os
import signal
import subprocess
import sys
import time

MODE, SENTINEL = sys.argv[1:3]


def say(word: str) -> None:
    os.write(1, word.encode() + b"\n")


def be(mode: str, **options: object) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", __file__, mode, SENTINEL], **options)  # type: ignore[call-overload, no-any-return]


def ignore_sigterm() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def sleep_for_ever() -> None:
    while True:
        time.sleep(60)


def stubborn() -> None:
    ignore_sigterm()
    say("ready")
    sleep_for_ever()


def quiet() -> None:
    say("ready")
    while os.read(0, 65536):
        pass


def daemon() -> None:
    read, write = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 3)
            os.execve(
                sys.executable,
                [sys.executable, "-S", __file__, "sleep", SENTINEL, str(os.dup(write))],
                {},
            )
        os._exit(0)
    os.wait()
    stubborn()


def storm(depth: int = 4) -> None:
    ignore_sigterm()
    while depth and os.fork() and os.fork():
        depth = 0
    while depth > 0:
        depth -= 1
        if os.fork() and os.fork():
            break
    if os.getpid() == os.getpgrp():
        say("ready")
    sleep_for_ever()


def respawn() -> None:
    ignore_sigterm()
    be("pair", start_new_session=True)
    time.sleep(0.3)
    stubborn()


def pair() -> None:
    """Restart the other one whenever it dies, half of the time as an orphan."""
    ignore_sigterm()
    while True:
        be("sleep", start_new_session=True).wait()


def orphan() -> None:
    be("sleep", start_new_session=True, stdin=subprocess.DEVNULL)
    say("ready")


def tool() -> None:
    be("sleep", start_new_session=True)
    quiet()


def noise() -> None:
    os.write(1, b"ready\n")
    for _ in range(1024):
        os.write(2, b"x" * 1023 + b"\n")
    os.write(2, b"last words \xff\xe2\x82")
    while os.read(0, 65536):
        pass


if MODE == "exit":
    sys.exit(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
{
    "quiet": quiet,
    "stubborn": stubborn,
    "daemon": daemon,
    "storm": storm,
    "respawn": respawn,
    "pair": pair,
    "orphan": orphan,
    "tool": tool,
    "noise": noise,
    "sleep": sleep_for_ever,
}[MODE]()
