"""A provider that misbehaves: `misbehave.py MODE SENTINEL`. Imports nothing of sidecar.

Everything that it starts carries SENTINEL in its argv, so that an observer finds it by
/proc/*/cmdline alone. It prints `ready` once its whole tree stands.

    quiet     ends at stdin EOF
    stubborn  ignores SIGTERM and stdin EOF
    sleepy    ignores stdin EOF, ends at SIGTERM
    farewell  says a lot at stdin EOF, then ends
    daemon    leaves a grandchild: setsid, double fork, no environment; then as stubborn
    storm     a binary tree of processes in its own group, each ignoring SIGTERM
    respawn   a process in a session of its own restarts another one whenever it dies
    orphan    exits at once; a child in another session holds its stdout and stderr
    tool      runs a shell in a session of its own, as agents' tools do; then as quiet
    tree      leaves an orphan in a session of its own; then as stubborn
    exit N    exits with code N
    spawner   starts what each line of stdin asks for, and echoes the line: `before` and `shell` a
              process in a session of its own, `daemon` a double fork without environment, `flood`
              and `burst` one process after another, for ever or for half a second
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
    lose("sleep", SENTINEL)
    stubborn()


def storm() -> None:
    """Be 32 processes; every other one hands its life on to a fork of itself, 20 times a second."""
    ignore_sigterm()
    leader = os.getpid()
    for _ in range(5):
        os.fork()
    if os.getpid() == leader:
        say("ready")
        sleep_for_ever()
    if os.getpid() % 2:
        for _ in range(400):  # an end, should a test fail
            time.sleep(0.05)
            if os.fork():
                os._exit(0)
    sleep_for_ever()


def respawn() -> None:
    ignore_sigterm()
    be("pair", start_new_session=True)
    time.sleep(0.3)
    stubborn()


def pair() -> None:
    """Restart the other one whenever it dies."""
    ignore_sigterm()
    while True:
        be("sleep", start_new_session=True).wait()


def orphan() -> None:
    be("sleep", start_new_session=True, stdin=subprocess.DEVNULL)
    say("ready")


def tool() -> None:
    be("sleep", start_new_session=True)
    quiet()


def tree() -> None:
    subprocess.run(
        [sys.executable, "-S", __file__, "leave", SENTINEL], check=True, stdin=subprocess.DEVNULL
    )
    stubborn()


def leave() -> None:
    be("sleep", start_new_session=True, stdin=subprocess.DEVNULL)


def sleepy() -> None:
    say("ready")
    sleep_for_ever()


def farewell() -> None:
    quiet()
    for _ in range(20_000):
        os.write(1, b"farewell")
    os.write(2, b"goodbye")


def noise() -> None:
    os.write(1, b"ready\n")
    for _ in range(1024):
        os.write(2, b"x" * 1023 + b"\n")
    os.write(2, b"last words \xff\xe2\x82")
    while os.read(0, 65536):
        pass


def spawner() -> None:
    say("ready")
    for line in sys.stdin:
        word = line.strip()
        if word in ("flood", "burst"):
            say(word)
            end = time.monotonic() + (0.5 if word == "burst" else 3600)
            while time.monotonic() < end:
                be("sleep", start_new_session=True)
                time.sleep(0.002)
        elif word == "daemon":
            lose("sleep", f"{SENTINEL}-daemon")
            say(word)
        else:
            argv = [sys.executable, "-S", __file__, "sleep", f"{SENTINEL}-{word}"]
            subprocess.Popen(argv, start_new_session=True)
            say(word)


def lose(mode: str, sentinel: str) -> None:
    """Start a process that nothing but its kernel's memory ties to us."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 3)
            os.execve(sys.executable, [sys.executable, "-S", __file__, mode, sentinel], {})
        os._exit(0)
    os.wait()


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
    "tree": tree,
    "leave": leave,
    "sleepy": sleepy,
    "farewell": farewell,
    "spawner": spawner,
    "noise": noise,
    "sleep": sleep_for_ever,
}[MODE]()
