"""An instance is an account: who it belongs to and where its home is."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import ValidationFailed
from sidecar.supervisor.instances import Instances
from sidecar.supervisor.settings import InstanceSettings

PROVIDERS = ["codex", "claude"]


def instances(tmp_path: Path, **declared: dict[str, Any]) -> Instances:
    return Instances(tmp_path, msgspec.convert(declared, dict[str, InstanceSettings]))


@pytest.mark.parametrize("name", [None, "codex"])
def test_no_instance_or_the_providers_own_is_the_users_home(
    tmp_path: Path, name: str | None
) -> None:
    found = instances(tmp_path).find("codex", name, PROVIDERS)
    assert (found.id, found.home, found.env) == (name, "", {})


def test_one_that_nobody_declared_gets_a_home_of_its_own(tmp_path: Path) -> None:
    known = instances(tmp_path)
    found = known.find("codex", "work", PROVIDERS)
    assert found.home == str(tmp_path / "instances" / "work")
    assert not Path(found.home).exists()
    known.make_home(found)
    known.make_home(found)
    assert Path(found.home).stat().st_mode & 0o777 == 0o700
    assert Path(found.home).parent.stat().st_mode & 0o777 == 0o700


def test_a_declared_one_has_what_is_declared(tmp_path: Path) -> None:
    known = instances(
        tmp_path,
        work={
            "provider": "codex",
            "home": str(tmp_path / "mine"),
            "env": {"KEY": "k"},
            "options": {"a": 1},
            "displayName": "Work",
        },
        other={"provider": "codex"},
    )
    found = known.find("codex", "work", PROVIDERS)
    assert (found.home, found.env, found.options) == (
        str(tmp_path / "mine"),
        {"KEY": "k"},
        {"a": 1},
    )
    assert found.display_name == "Work"
    assert known.find("codex", "other", PROVIDERS).home == str(tmp_path / "instances" / "other")
    assert known.of_provider("codex") == ["work", "other"]
    assert known.of_provider("claude") == []
    known.make_home(found)
    assert Path(found.home).is_dir()


def test_the_providers_own_may_be_declared(tmp_path: Path) -> None:
    known = instances(tmp_path, codex={"provider": "codex", "env": {"A": "1"}})
    for name in (None, "codex"):
        found = known.find("codex", name, PROVIDERS)
        assert (found.home, found.env) == ("", {"A": "1"})
    assert known.of_provider("codex") == []


def test_a_home_below_the_users_own_is_written_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    known = instances(tmp_path, work={"provider": "codex", "home": "~/.codex-work"})
    assert known.find("codex", "work", PROVIDERS).home == str(tmp_path / ".codex-work")


def test_one_of_another_provider_is_refused(tmp_path: Path) -> None:
    known = instances(tmp_path, work={"provider": "codex"}, claude={"provider": "codex"})
    with pytest.raises(ValidationFailed, match="'work' is an instance of codex, not of claude"):
        known.find("claude", "work", PROVIDERS)
    with pytest.raises(ValidationFailed, match="not of claude"):
        known.find("claude", "claude", PROVIDERS)
    assert known.find("claude", None, PROVIDERS).home == ""
    with pytest.raises(ValidationFailed, match="a provider of its own"):
        instances(tmp_path).find("codex", "claude", PROVIDERS)


def test_a_home_that_another_provider_has_used_is_refused(tmp_path: Path) -> None:
    known = instances(tmp_path)
    known.make_home(known.find("codex", "work", PROVIDERS))
    with pytest.raises(ValidationFailed, match="belongs to instance 'codex/work'"):
        known.make_home(known.find("claude", "work", PROVIDERS))


def test_two_with_one_home_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "same")
    known = instances(
        tmp_path,
        a={"provider": "codex", "home": str(tmp_path / "same")},
        b={"provider": "claude", "home": str(tmp_path / "link")},
        c={"provider": "codex", "home": str(tmp_path / "instances" / "d")},
        d={"provider": "codex"},
    )
    for provider, name in (("codex", "a"), ("claude", "b"), ("codex", "c"), ("codex", "d")):
        with pytest.raises(ValidationFailed, match="same home"):
            known.find(provider, name, PROVIDERS)


def test_a_home_that_is_no_absolute_path_is_refused(tmp_path: Path) -> None:
    known = instances(tmp_path, work={"provider": "codex", "home": "relative"})
    with pytest.raises(ValidationFailed, match="no absolute path"):
        known.find("codex", "work", PROVIDERS)


def test_a_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "instances").write_text("a file")
    known = instances(tmp_path)
    with pytest.raises(ValidationFailed, match="Cannot make the home"):
        known.make_home(known.find("codex", "work", PROVIDERS))
