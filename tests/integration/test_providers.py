"""Providers that nobody built in: manifests, drop-ins, instances, and what is known of each."""

import asyncio
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import SessionNotFound, ValidationFailed
from tests.support import observer
from tests.support.client import SidecarClient
from tests.support.sidecar import RunningSidecar, start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
FAKES = ROOT / "tests" / "fakes"
AGENT = f'command = "{sys.executable}"\nargs = ["{FAKES / "acp_agent.py"}"]\n'
WAIT_S = 20.0
DEAD_S = 3.0
"""Promised: nothing lives that long after the supervisor's end."""


def manifest(data: Path, name: str, text: str = AGENT) -> Path:
    path = data / "providers" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def plugin(data: Path, name: str = "echo") -> Path:
    return Path(shutil.copytree(EXAMPLES / "plugins" / "echo", data / "plugins" / name))


async def status_of(client: SidecarClient, provider: str, **more: Any) -> dict[str, Any]:
    answer = await client.request("provider.status", {"provider": provider} | more, timeout_s=30)
    (row,) = [p for p in answer["providers"] if not p.get("providerInstanceId")]
    found: dict[str, Any] = row
    return found


async def talk(client: SidecarClient, thread: str, text: str, **start: Any) -> str:
    """Run one turn of a new session; return what the agent said."""
    await client.request("session.start", start_params(thread, **start))
    await client.request("session.sendTurn", turn_params(thread, text))
    await client.wait_event("turn.completed", thread_id=thread)
    return assistant_text(client.of_thread(thread))


class TestManifests:
    @pytest.mark.must("P5.21")
    async def test_a_file_makes_a_provider_without_a_restart(
        self, sidecar: RunningSidecar, client: SidecarClient
    ) -> None:
        with pytest.raises(ValidationFailed, match="no provider 'mine'"):
            await client.request("session.start", start_params("t1", "mine"))
        with pytest.raises(SessionNotFound):
            await client.request("session.get", {"threadId": "t1"})
        path = manifest(sidecar.data_dir, "mine.toml")
        await client.request("session.start", start_params("t1", "mine"))
        await client.request("session.stop", {"threadId": "t1"})
        assert_balanced(client.of_thread("t1"))
        path.unlink()
        with pytest.raises(ValidationFailed):
            await client.request("session.start", start_params("t2", "mine"))

    async def test_settings_make_one_too(self, tmp_path: Path) -> None:
        agent = {"command": sys.executable, "args": [str(FAKES / "acp_agent.py")]}
        settings = {"agents": {"mine": agent}}
        async with RunningSidecar(tmp_path, settings=settings) as sidecar, sidecar.client() as c:
            await c.request("session.start", start_params("t1", "mine"))
            listed = (await c.request("provider.list", {"provider": "mine"}))["providers"]
            assert [p["provider"] for p in listed] == ["mine"]

    @pytest.mark.must("P5.17", "P5.21")
    async def test_a_bad_one_is_told_and_keeps_nothing_from_starting(self, tmp_path: Path) -> None:
        manifest(tmp_path, "bad.toml", "command = \n")
        manifest(tmp_path, "demo.toml")
        async with RunningSidecar(tmp_path) as sidecar, sidecar.client() as client:
            await client.request("session.start", start_params("t1"))
            rows = (await client.request("provider.list", {}))["providers"]
            bad = next(p for p in rows if p["provider"] == "bad")
            assert bad["installed"] is False
            assert "no TOML" in bad["reason"]
            assert "bad.toml" in bad["reason"]
            shadow = next(p for p in rows if p["provider"] == "demo-2")
            assert "cannot be replaced" in shadow["reason"]
            with pytest.raises(ValidationFailed, match="no TOML"):
                await client.request("session.start", start_params("t2", "bad"))
            assert "no TOML" in (await status_of(client, "bad"))["reason"]
        assert "manifest.bad" in sidecar.stderr_text

    async def test_the_example_is_whole(self, tmp_path: Path) -> None:
        (tmp_path / "providers").mkdir()
        shutil.copy(EXAMPLES / "providers" / "gemini.toml", tmp_path / "providers")
        env = {"PATH": "/usr/bin:/bin"}
        async with RunningSidecar(tmp_path, env=env) as sidecar, sidecar.client() as client:
            row = await status_of(client, "gemini")
            assert (row["displayName"], row["installed"]) == ("Gemini CLI", False)
            assert row["reason"] == "there is no command gemini on PATH"


class TestDropIns:
    @pytest.mark.parametrize("host_launch", ["zygote", "exec"])
    async def test_a_folder_speaks_a_protocol_of_its_own(
        self, tmp_path: Path, host_launch: str
    ) -> None:
        plugin(tmp_path)
        settings = {"hostLaunch": host_launch}
        async with RunningSidecar(tmp_path, settings=settings) as sidecar, sidecar.client() as c:
            assert await talk(c, "t1", "Hello there", provider="echo") == "Hello there"
            await c.request("session.stop", {"threadId": "t1"})
            assert_balanced(c.of_thread("t1"))
            row = await status_of(c, "echo")
            assert (row["installed"], row["auth"], row["version"]) == (True, "ok", "1")
            models = await c.request("provider.models", {"provider": "echo"})
            assert [m["slug"] for m in models["models"]] == ["echo-1"]

    async def test_one_that_cannot_be_imported_fails_its_own_sessions_in_words(
        self, sidecar: RunningSidecar, client: SidecarClient
    ) -> None:
        folder = plugin(sidecar.data_dir)
        (folder / "echo_provider" / "session.py").write_text("import no_such_module\n", "utf-8")
        with pytest.raises(Exception, match="no_such_module"):
            await client.request("session.start", start_params("t1", "echo"))
        assert await talk(client, "t2", "Hello") != ""

    async def test_its_code_is_never_imported_by_the_supervisor(
        self, sidecar: RunningSidecar, client: SidecarClient
    ) -> None:
        folder = plugin(sidecar.data_dir)
        trace = sidecar.data_dir / "imported-by"
        note = f"import os\nopen({str(trace)!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
        (folder / "echo_provider" / "__init__.py").write_text(note, "utf-8")
        await talk(client, "t1", "Hello", provider="echo")
        await status_of(client, "echo")
        importers = {int(line) for line in trace.read_text("utf-8").splitlines()}
        assert len(importers) == 2  # a host and a probe
        assert sidecar.pid not in importers


SLOW = """
import asyncio
from sidecar.providers.base import Finding, ProviderCommand, ProviderProbe

class EchoProbe(ProviderProbe):
    async def status(self):
        await self.context.spawn(ProviderCommand(argv=["sh", "-c", "setsid sleep 600 & sleep 600"]))
        await asyncio.sleep(600)
"""


class TestStatus:
    @pytest.mark.must("P5.17", "P5.18")
    async def test_a_list_answers_at_once_and_a_look_is_remembered(
        self, sidecar: RunningSidecar, client: SidecarClient
    ) -> None:
        plugin(sidecar.data_dir)
        (before,) = (await client.request("provider.list", {"provider": "echo"}))["providers"]
        assert "not looked at yet" in before["reason"]
        assert "checkedAt" not in before
        await status_of(client, "echo")
        (after,) = (await client.request("provider.list", {"provider": "echo"}))["providers"]
        assert (after["installed"], after["version"]) == (True, "1")
        again = await status_of(client, "echo")
        assert again["checkedAt"] == after["checkedAt"]
        fresh = await status_of(client, "echo", refresh=True)
        assert fresh["checkedAt"] > after["checkedAt"]

    @pytest.mark.must("P5.18")
    async def test_a_probe_that_hangs_blocks_nobody_and_leaves_nothing(
        self, tmp_path: Path
    ) -> None:
        (plugin(tmp_path) / "echo_provider" / "probe.py").write_text(SLOW, "utf-8")
        word = observer.new_sentinel()
        settings = {"probeMs": 1500}
        sidecar = RunningSidecar(tmp_path, settings=settings, env={"WORD": word})
        async with sidecar, sidecar.client() as client:
            asking = [asyncio.create_task(status_of(client, "echo")) for _ in range(3)]
            assert "Hello" in await talk(client, "t1", "Hello")
            await client.request("session.stop", {"threadId": "t1"})
            rows = await asyncio.gather(*asking)
            assert {row["reason"] for row in rows} == {"it did not answer within 1.5 s"}
            assert len({row["checkedAt"] for row in rows}) == 1
            assert not [p for p in observer.seen_with_env(word) if "sleep" in p.argv[0]]

    async def test_with_the_supervisor_a_probe_dies(self, tmp_path: Path) -> None:
        (plugin(tmp_path) / "echo_provider" / "probe.py").write_text(SLOW, "utf-8")
        word = observer.new_sentinel()
        sidecar = RunningSidecar(tmp_path, env={"WORD": word})
        await sidecar.start()
        client = sidecar.client()
        await client.connect()
        await client.send_request("provider.status", {"provider": "echo"})

        def sleepers() -> list[observer.Seen]:
            return [p for p in observer.seen_with_env(word) if "sleep" in p.argv[0]]

        async with asyncio.timeout(WAIT_S):
            while len(sleepers()) < 2:
                await asyncio.sleep(0.02)
        sidecar.kill()
        async with asyncio.timeout(DEAD_S):
            while observer.seen_with_env(word):
                await asyncio.sleep(0.02)
        await client.close()
        await sidecar.wait()

    @pytest.mark.must("P5.19")
    async def test_models_need_a_provider(self, client: SidecarClient) -> None:
        with pytest.raises(ValidationFailed, match="needs a provider"):
            await client.request("provider.models", {})
        assert (await client.request("provider.models", {"provider": "demo"}))["models"] == []


class TestInstances:
    @pytest.fixture
    async def two(self, tmp_path: Path) -> AsyncIterator[tuple[RunningSidecar, SidecarClient]]:
        settings = {
            "instances": {
                "work": {"provider": "demo", "env": {"ACCOUNT": "w-0rk"}, "displayName": "Work"},
                "home": {"provider": "demo", "env": {"ACCOUNT": "h-0me"}},
                "other": {"provider": "acp"},
            }
        }
        async with RunningSidecar(tmp_path, settings=settings) as sidecar, sidecar.client() as c:
            yield sidecar, c

    @pytest.mark.must("P5.20")
    async def test_two_run_side_by_side_and_see_nothing_of_each_other(
        self, two: tuple[RunningSidecar, SidecarClient]
    ) -> None:
        sidecar, client = two
        said = {}
        for name in ("work", "home", "undeclared"):
            params = {"runtimeMode": "full-access", "providerInstanceId": name}
            await client.request("session.start", start_params(name, **params))
            text = '@@tool echo "$ACCOUNT:$HOME:$XDG_CONFIG_HOME"; touch "$HOME/mine"@@'
            await client.request("session.sendTurn", turn_params(name, text))
        for name in ("work", "home", "undeclared"):
            await client.wait_event("turn.completed", thread_id=name)
            said[name] = json.dumps([r.event for r in client.of_thread(name)])
            home = sidecar.data_dir / "instances" / name
            assert home.stat().st_mode & 0o777 == 0o700
            assert (home / "mine").exists()
            assert f"{home}:{home}/.config" in said[name]
        assert "w-0rk:" in said["work"]
        assert "h-0me:" in said["home"]
        assert "0rk" not in said["home"] + said["undeclared"]
        assert "0me:" not in said["work"] + said["undeclared"]
        for process in observer.seen_with_env("ACCOUNT="):
            env = Path(f"/proc/{process.pid}/environ").read_bytes()
            assert not (b"w-0rk" in env and b"h-0me" in env)

    async def test_their_secrets_are_written_nowhere(
        self, two: tuple[RunningSidecar, SidecarClient]
    ) -> None:
        sidecar, client = two
        await client.request("session.start", start_params("t1", providerInstanceId="work"))
        facts = json.dumps(await client.request("diagnostics.get", {}))
        assert "w-0rk" not in facts
        await client.request("session.stop", {"threadId": "t1"})
        await sidecar.stop()
        files = [path for path in sidecar.data_dir.rglob("*") if path.is_file()]
        assert not [path for path in files if b"w-0rk" in path.read_bytes()]
        assert "w-0rk" not in sidecar.stderr_text

    @pytest.mark.must("P5.20")
    async def test_one_of_another_provider_is_refused(
        self, two: tuple[RunningSidecar, SidecarClient]
    ) -> None:
        _, client = two
        with pytest.raises(ValidationFailed, match="instance of acp"):
            await client.request("session.start", start_params("t1", providerInstanceId="other"))

    async def test_the_providers_own_name_is_the_users_own_account(
        self, two: tuple[RunningSidecar, SidecarClient]
    ) -> None:
        """Its conversations are resumed under either name, and nobody else's."""
        _, client = two
        for turns, instance in enumerate((None, "demo", "work"), start=1):
            params = {} if instance is None else {"providerInstanceId": instance}
            await client.request("session.start", start_params("t1", **params))
            await client.request("session.sendTurn", turn_params("t1", "so that it can be resumed"))
            await until_turns(client, turns)
            await client.request("session.stop", {"threadId": "t1"})
        facts = [
            r.event["payload"]["config"].get("session")
            for r in client.of_thread("t1")
            if r.event["type"] == "session.configured"
        ]
        assert [f.get("resume", False) for f in facts if f] == [False, True, False]

    async def test_each_has_a_row(self, two: tuple[RunningSidecar, SidecarClient]) -> None:
        _, client = two
        rows = (await client.request("provider.list", {"provider": "demo"}))["providers"]
        assert [(p.get("providerInstanceId"), p["displayName"]) for p in rows] == [
            (None, "Demo agent"),
            ("work", "Demo agent (Work)"),
            ("home", "Demo agent (home)"),
        ]


async def until_turns(client: SidecarClient, count: int) -> None:
    """Wait until as many turns of t1 have ended."""

    def ended() -> bool:
        events = [r.event["type"] for r in client.of_thread("t1")]
        return events.count("turn.completed") >= count

    await client.wait_for(ended, "the end of a turn")


class TestEnvironment:
    async def environment(
        self, data: Path, settings: dict[str, Any], env: dict[str, str]
    ) -> dict[str, str]:
        """Return the environment that a demo agent was started with."""
        async with (
            RunningSidecar(data, settings=settings, env=env) as sidecar,
            sidecar.client() as c,
        ):
            await c.request("session.start", start_params("t1"))
            nodes = (await c.request("tree.get", {}))["nodes"]
            pids = [n["pid"] for n in nodes if n["kind"] == "process"]
            agent = next(
                pid for pid in pids if b"demo-agent" in Path(f"/proc/{pid}/cmdline").read_bytes()
            )
            raw = Path(f"/proc/{agent}/environ").read_bytes().decode()
        return dict(entry.split("=", 1) for entry in raw.split("\0") if "=" in entry)

    async def test_the_login_shell_gives_its_path_and_what_is_not_set(self, tmp_path: Path) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (home / ".bash_profile").write_text(
            "export PATH=/nvm/bin:$PATH MY_KEY=from-shell SET=shell\necho noise\n", "utf-8"
        )
        env = {"HOME": str(home), "SHELL": "/bin/bash", "SET": "app"}
        found = await self.environment(tmp_path / "data", {"env": {}}, env)
        assert "/nvm/bin" in found["PATH"].split(":")
        assert (found["MY_KEY"], found["SET"]) == ("from-shell", "app")
        assert "AGENT_SIDECAR_RESOLVING_ENVIRONMENT" not in found

    async def test_files_that_hang_delay_a_start_by_a_bounded_time_and_leave_nothing(
        self, tmp_path: Path
    ) -> None:
        home = tmp_path / "home"
        home.mkdir()
        (home / ".bash_profile").write_text("setsid sleep 601 & sleep 601\n", "utf-8")
        env = {"HOME": str(home), "SHELL": "/bin/bash", "WORD": observer.new_sentinel()}
        settings = {"env": {"waitMs": 100, "loginShellMs": 600_000}}
        found = await self.environment(tmp_path / "data", settings, env)
        assert found["PATH"] == os.environ["PATH"]
        assert not observer.seen_with_env(env["WORD"])

    async def test_lists_say_what_is_handed_on(self, tmp_path: Path) -> None:
        env = {"AWS_SECRET": "a", "KEEP": "k", "DROP": "d"}
        settings = {"env": {"loginShell": False, "deny": ["AWS_*"]}}
        found = await self.environment(tmp_path / "deny", settings, env)
        assert "AWS_SECRET" not in found
        assert found["DROP"] == "d"
        settings = {"env": {"loginShell": False, "allow": ["KEEP", "PYTHON*"]}}
        found = await self.environment(tmp_path / "allow", settings, env)
        assert found["KEEP"] == "k"
        assert {"AWS_SECRET", "DROP"}.isdisjoint(found)
        assert "AGENT_SIDECAR_MARKS" in found


async def test_a_setting_that_is_not_known_is_logged_with_its_path(tmp_path: Path) -> None:
    async with RunningSidecar(tmp_path, settings={"env": {"denny": []}}) as sidecar:
        pass
    records = [json.loads(line) for line in sidecar.stderr_text.splitlines()]
    assert [r["path"] for r in records if r["event"] == "settings.unknown"] == ["env.denny"]
