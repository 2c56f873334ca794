"""Two accounts of the real Codex side by side: neither sees anything of the other's."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.agents.conftest import StartAgent
from tests.agents.harness import LiveAgent, LiveSession, Place
from tests.agents.profiles.codex import CONFIG, PROFILE
from tests.agents.scenarios import marks_of
from tests.support import observer

KEYS = {"work": "key-of-w0rk", "home": "key-of-h0me"}

pytestmark = marks_of(PROFILE)


def start(place: Place) -> dict[str, Any]:
    """Return params without account or settings: these are the instance's."""
    return {"options": {"binaryPath": place.bin("codex")}, "env": {"HOME": str(place.home)}}


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("accounts")
    return {name: folder / name for name in KEYS}


@pytest.fixture(scope="module")
def agent(start_agent: StartAgent, homes: dict[str, Path]) -> LiveAgent:
    instances = {
        name: {"provider": "codex", "home": str(home), "env": {"FAKE_KEY": KEYS[name]}}
        for name, home in homes.items()
    }
    settings = {**PROFILE.settings, "instances": instances, "env": {"loginShell": False}}
    return start_agent(replace(PROFILE, start=start, settings=settings))


def session(agent: LiveAgent, homes: dict[str, Path], name: str, **more: Any) -> LiveSession:
    """Return a session of an account, whose own folder has its settings and its login."""
    made = agent.session(name, providerInstanceId=name, **more)
    homes[name].mkdir(exist_ok=True)
    config = CONFIG.format(url=made.place.llm_url, work=made.place.work)
    (homes[name] / "config.toml").write_text(config)
    return made


def rollouts(home: Path) -> set[str]:
    return {path.name for path in home.rglob("rollout-*.jsonl*")}


def test_two_accounts_run_side_by_side_and_see_nothing_of_each_other(
    agent: LiveAgent, homes: dict[str, Path]
) -> None:
    work, home = session(agent, homes, "work"), session(agent, homes, "home")
    with work, home:
        first, second = work.send("@@plain"), home.send("@@plain")
        assert work.finish(first)["state"] == home.finish(second)["state"] == "completed"
        for own in (work, home):
            _sees_its_own_alone(own, homes)
    asked = [r["key"] for r in agent.llm.requests() if r.get("api") == "responses"]
    assert set(asked) == {f"Bearer {key}" for key in KEYS.values()}
    stored = {name: rollouts(place) for name, place in homes.items()}
    assert all(stored.values())
    assert not stored["work"] & stored["home"]
    for made in (work, home):
        assert not (made.place.home / ".codex").exists()  # the user's own was not touched


def _sees_its_own_alone(own: LiveSession, homes: dict[str, Path]) -> None:
    """Look into the environment of all that the session runs."""
    name = own.thread_id.partition("-")[0]
    other = next(n for n in KEYS if n != name)
    processes = observer.seen_with_env(own.place.sentinel)
    assert processes
    for process in processes:
        environment = Path(f"/proc/{process.pid}/environ").read_text("utf-8", "replace")
        assert f"CODEX_HOME={homes[name]}" in environment
        assert KEYS[name] in environment
        assert KEYS[other] not in environment
        assert str(homes[other]) not in environment


def test_a_conversation_of_one_account_is_not_there_for_the_other(
    agent: LiveAgent, homes: dict[str, Path]
) -> None:
    with session(agent, homes, "work") as work:
        work.run("@@plain")
        (started, *_) = work.of("thread.started")
        cursor = {"threadId": started["payload"]["providerThreadId"]}
    with session(agent, homes, "home", resumeCursor=cursor) as home:
        warning = home.until("runtime.warning")["payload"]
        assert warning["detail"]["kind"] == "not-resumed"


def test_each_account_has_a_row_of_its_own(agent: LiveAgent, homes: dict[str, Path]) -> None:
    rows = agent.app.request("provider.status", provider="codex")["providers"]
    assert [row.get("providerInstanceId") for row in rows] == [None, "work", "home"]
