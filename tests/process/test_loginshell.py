"""The login shell's environment is read whatever the user's files do."""

import asyncio
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.process.loginshell import login_shell, read_login_environment, shell_command

BASE = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
DEADLINE_S = 20.0

pytestmark = pytest.mark.leaves(
    "processes", reason="orphans and zombies, which end with the probe process that reads the shell"
)


def home(tmp_path: Path, profile: str, rc: str = "") -> dict[str, str]:
    """A home with bash's files, as an environment."""
    (tmp_path / ".bash_profile").write_text(profile, "utf-8")
    (tmp_path / ".bashrc").write_text(rc, "utf-8")
    return BASE | {"HOME": str(tmp_path)}


async def test_what_the_files_export_is_found(tmp_path: Path) -> None:
    env = home(
        tmp_path,
        "export PATH=/nvm/bin:$PATH KEY='two\nlines'\n. ~/.bashrc\n",
        "export FROM_RC=1\n",
    )
    found = await read_login_environment("/bin/bash", env, DEADLINE_S)
    assert found["PATH"].startswith("/nvm/bin:")
    assert (found["KEY"], found["FROM_RC"]) == ("two\nlines", "1")


async def test_noise_of_the_files_does_not_matter(tmp_path: Path) -> None:
    env = home(
        tmp_path,
        "echo Welcome; echo A=wrong; head -c 100000 /dev/urandom; cat\n"
        "trap 'echo bye; env' EXIT\nexport A=right\n",
    )
    assert (await read_login_environment("/bin/bash", env, DEADLINE_S))["A"] == "right"


async def test_files_may_know_that_nobody_is_there(tmp_path: Path) -> None:
    env = home(tmp_path, '[ "$AGENT_SIDECAR_RESOLVING_ENVIRONMENT" = 1 ] && export QUIET=yes\n')
    assert (await read_login_environment("/bin/bash", env, DEADLINE_S))["QUIET"] == "yes"


async def test_a_background_job_that_holds_the_output_is_not_waited_for(tmp_path: Path) -> None:
    env = home(tmp_path, "sleep 600 &\nexport A=1\n")
    assert (await read_login_environment("/bin/bash", env, DEADLINE_S))["A"] == "1"


async def test_a_plain_sh_works_too(tmp_path: Path) -> None:
    (tmp_path / ".profile").write_text("export A=1\n", "utf-8")
    env = BASE | {"HOME": str(tmp_path)}
    assert (await read_login_environment("/bin/dash", env, DEADLINE_S))["A"] == "1"


async def test_files_that_hang_are_given_up(tmp_path: Path) -> None:
    env = home(tmp_path, "sleep 600\n")
    with pytest.raises(ProviderProcessFailed, match=r"within 0\.5 s"):
        await read_login_environment("/bin/bash", env, 0.5)


async def test_files_that_end_the_shell_are_told(tmp_path: Path) -> None:
    with pytest.raises(ProviderProcessFailed, match="without showing"):
        await read_login_environment("/bin/bash", home(tmp_path, "exit 3\n"), DEADLINE_S)


async def test_files_that_replace_the_shell_are_given_up(tmp_path: Path) -> None:
    env = home(tmp_path, "exec sleep 600\n")
    with pytest.raises(ProviderProcessFailed):
        await read_login_environment("/bin/bash", env, 0.5)


async def test_a_caller_that_goes_away_leaves_no_shell(tmp_path: Path) -> None:
    env = home(tmp_path, "sleep 600\n")
    task = asyncio.create_task(read_login_environment("/bin/bash", env, DEADLINE_S))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN], ids=["heard", "ignored"])
def hang_up(request: pytest.FixtureRequest) -> Iterator[None]:
    """SIGHUP, which all below an app under nohup ignore."""
    before = signal.signal(signal.SIGHUP, request.param)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("hang_up")
async def test_what_the_files_run_lets_go_of_its_lock_before_it_is_killed(tmp_path: Path) -> None:
    """As `pyenv rehash` does, which is a script of its own: the shell has ended before that."""
    lock, program = tmp_path / "lock", tmp_path / "rehash"
    program.write_text(f"#!/bin/bash\ntrap 'sleep 0.2; rm {lock}' EXIT\ntouch {lock}\nsleep 600\n")
    program.chmod(0o700)
    env = home(tmp_path, f"{program}\n")
    reading = asyncio.create_task(read_login_environment("/bin/bash", env, DEADLINE_S))
    async with asyncio.timeout(DEADLINE_S):
        while not lock.exists():
            await asyncio.sleep(0.02)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert not lock.exists()


def test_tcsh_gets_no_login_flag() -> None:
    assert shell_command("/bin/tcsh", "m")[1:3] == ["-i", "-c"]
    assert shell_command("/usr/bin/fish", "m")[1:4] == ["-i", "-l", "-c"]
    assert "!" not in shell_command("/bin/tcsh", "m")[-1]  # history, even in quotes


def test_the_shell_is_the_users(monkeypatch: pytest.MonkeyPatch) -> None:
    assert login_shell({"SHELL": "/bin/bash"}) == "/bin/bash"
    assert login_shell({"SHELL": "/usr/sbin/nologin"}) is None
    assert login_shell({"SHELL": "/no/such/shell"}) is None
    found = login_shell({})
    assert found is None or os.access(found, os.X_OK)
    monkeypatch.setattr(os, "name", "nt")
    assert login_shell({"SHELL": "/bin/bash"}) is None
