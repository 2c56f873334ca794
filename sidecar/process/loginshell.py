"""The environment of the user's login shell, which an app started from a desktop does not have.

Runs `$SHELL -i -l -c …` and reads what stands between two markers, so that nothing that the
user's files print gets in the way. Whoever calls this kills what it leaves: files may start
daemons. Runs in a probe process, never in the supervisor.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import Mapping
from pathlib import PurePath

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.core.environment import parse_dump
from sidecar.process.census import descendants, is_alive
from sidecar.process.child import Child

RESOLVING = "AGENT_SIDECAR_RESOLVING_ENVIRONMENT"
"""Set to 1 for the shell: its files may leave out what is for people."""

OUTPUT_BYTES = 4 * 1024 * 1024
"""The environment is limited to 2 MiB by the kernel; what is beyond is noise."""

LEAVE_S = 0.3
"""A shell that has shown its environment is about to end."""

HANG_UP_S = 1.0
"""From the hang-up to the kill: files that hold a lock let go of it, as at the end of a terminal.
A shell that is killed in the middle of pyenv's rehash leaves a lock behind that makes each later
shell of the user wait for a minute."""

LOOK_S = 0.02
"""Between two looks at whether what the shell ran has let go too: mostly it holds the locks, and
the shell itself is gone at once."""

NO_SHELLS = ("nologin", "false", "true", "sync")
CSH = ("csh", "tcsh")


def login_shell(env: Mapping[str, str]) -> str | None:
    """Return the user's shell; None where there is none to ask."""
    if os.name != "posix":
        return None
    shell = env.get("SHELL") or _shell_of_user()
    if not shell or PurePath(shell).name in NO_SHELLS or not os.access(shell, os.X_OK):
        return None
    return shell


def _shell_of_user() -> str:
    import pwd  # noqa: PLC0415 - not on Windows

    try:
        return pwd.getpwuid(os.getuid()).pw_shell
    except KeyError:
        return ""


def shell_command(shell: str, marker: str) -> list[str]:
    """Return the call of a shell that prints its environment between markers.

    The shell itself has to understand one quoted word alone, which bash, zsh, fish, tcsh and nu
    do alike; the rest is sh's. tcsh takes -l only as its single argument.
    """
    script = f"printf %s {marker}\\<; env -0 2>/dev/null || env; printf %s \\>{marker}"
    flags = ["-i"] if PurePath(shell).name in CSH else ["-i", "-l"]
    return [shell, *flags, "-c", f"/bin/sh -c '{script}'"]


async def read_login_environment(
    shell: str, env: Mapping[str, str], deadline_s: float
) -> dict[str, str]:
    """Return the variables that the shell has at its first prompt.

    Raises ProviderProcessFailed when the shell cannot be started, does not get that far in time,
    or ends before it.
    """
    marker = secrets.token_hex(12)
    child = await Child.spawn(
        shell_command(shell, marker), env={**env, RESOLVING: "1"}, cwd=env.get("HOME") or "/"
    )
    child.close_stdin()  # files that ask something get no answer
    output = b""
    try:
        async with asyncio.timeout(deadline_s):
            while data := await child.read():
                output = (output + data)[-OUTPUT_BYTES:]
                if (found := parse_dump(output, marker)) is not None:
                    return found
    except TimeoutError:
        raise ProviderProcessFailed(
            f"{shell} did not reach its prompt within {deadline_s:g} s"
        ) from None
    finally:
        await _let_go(child)
    raise ProviderProcessFailed(f"{shell} ended without showing its environment")


async def _let_go(child: Child) -> None:
    """End the shell as a terminal that is closed would, and by force only after that."""
    if await child.wait_at_most(LEAVE_S) is None:
        running = [info.key for info in descendants([child.pid])]
        child.signal_group(_hang_up())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HANG_UP_S):
                await child.wait()
                while any(is_alive(key) for key in running):  # noqa: ASYNC110 - nothing tells
                    await asyncio.sleep(LOOK_S)
    child.close()


def _hang_up() -> int:
    """Return the signal; another one where an app under nohup has all below it ignore SIGHUP."""
    number: int = getattr(signal, "SIGHUP", signal.SIGTERM)
    return signal.SIGTERM if signal.getsignal(number) is signal.SIG_IGN else number
