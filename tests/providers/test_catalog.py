"""The catalog knows what is declared now, and what of it cannot be used."""

import errno
import os
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sidecar.contract.errors import ValidationFailed
from sidecar.observe.log import Log
from sidecar.providers.catalog import SOURCES_MAX, Catalog
from sidecar.providers.registry import PROVIDERS

AGENT = 'command = "agent"\n'


class Records(list[dict[str, Any]]):
    """A log's sink that keeps what it is told."""

    def __call__(self, line: str) -> None:
        self.append(msgspec.json.decode(line))

    def log(self) -> Log:
        return Log((self,))


def put(folder: Path, name: str, text: str = AGENT) -> Path:
    path = folder / "providers" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_without_anything_declared_there_is_what_is_built_in(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    assert catalog.rows() == PROVIDERS
    assert not catalog.problems()


def test_settings_files_and_packages_are_providers(tmp_path: Path) -> None:
    put(tmp_path, "from-file.toml")
    plugin = tmp_path / "plugins" / "dropped"
    plugin.mkdir(parents=True)
    (plugin / "provider.toml").write_text('module = "d"\nsessionClass = "D"\n', "utf-8")
    catalog = Catalog(tmp_path, {"from-settings": {"command": "agent"}})
    assert set(catalog.rows()) - set(PROVIDERS) == {"from-settings", "from-file", "dropped"}
    assert catalog.info("dropped").package_dir == str(plugin)


def test_a_file_is_read_again_when_it_changes_and_forgotten_when_it_goes(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path)
    assert "mine" not in catalog.rows()
    path = put(tmp_path, "mine.toml")
    assert catalog.info("mine").options["command"] == "agent"
    path.write_text('command = "another"\n', "utf-8")
    assert catalog.info("mine").options["command"] == "another"
    path.unlink()
    assert "mine" not in catalog.rows()


def test_nothing_is_read_twice_that_did_not_change(tmp_path: Path) -> None:
    path = put(tmp_path, "mine.toml")
    catalog = Catalog(tmp_path)
    first = catalog.info("mine")
    stamp = path.stat()
    path.write_text(AGENT.replace("agent", "tnega"), "utf-8")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert catalog.info("mine") is first


def test_a_bad_one_is_told_once_and_the_others_work(tmp_path: Path) -> None:
    put(tmp_path, "bad.toml", "command = \n")
    put(tmp_path, "good.toml")
    records = Records()
    catalog = Catalog(tmp_path, log=records.log())
    for _ in range(2):
        assert "good" in catalog.rows()
    with pytest.raises(ValidationFailed, match="no TOML"):
        catalog.info("bad")
    assert [record["event"] for record in records] == ["manifest.bad"]
    assert records[0]["where"] == str(tmp_path / "providers" / "bad.toml")
    put(tmp_path, "bad.toml", AGENT)
    assert catalog.info("bad").options["command"] == "agent"
    assert not catalog.problems()


def test_a_built_in_name_stays_what_it_is(tmp_path: Path) -> None:
    put(tmp_path, "demo.toml")
    catalog = Catalog(tmp_path, {"acp": {"command": "agent"}})
    assert catalog.rows() == PROVIDERS
    assert set(catalog.problems()) == {"demo-2", "acp-2"}


def test_of_two_with_one_name_the_first_wins(tmp_path: Path) -> None:
    put(tmp_path, "mine.toml", 'command = "file"\n')
    catalog = Catalog(tmp_path, {"mine": {"command": "settings"}})
    assert catalog.info("mine").options["command"] == "settings"
    assert "another provider" in catalog.problems()["mine-2"].reason


def test_a_file_with_an_impossible_name_is_shown_under_a_possible_one(tmp_path: Path) -> None:
    for name in ("mein Agent.toml", "1.toml", "ü.toml"):
        put(tmp_path, name)
    assert set(Catalog(tmp_path).problems()) == {"mein-Agent", "manifest-1", "manifest"}


def test_an_unknown_name_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed, match="no provider 'nope'; known are acp") as refused:
        Catalog(tmp_path).info("nope")
    assert refused.value.data["known"] == sorted(PROVIDERS)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "providers" / "folder.toml").mkdir(parents=True)
    os.mkfifo(tmp_path / "providers" / "fifo.toml")
    put(tmp_path, ".hidden.toml", "bad")
    put(tmp_path, "notes.txt", "bad")
    catalog = Catalog(tmp_path)
    assert catalog.rows() == PROVIDERS
    assert not catalog.problems()


def test_a_file_that_cannot_be_read_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path, "mine.toml")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    assert Catalog(tmp_path).problems()["mine"].reason == "it cannot be read: Permission denied"


@pytest.mark.parametrize("where", ["iterdir", "open"])
def test_without_a_descriptor_to_look_with_all_stays_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    path = put(tmp_path, "mine.toml")
    catalog = Catalog(tmp_path)
    before = catalog.rows()
    path.write_text('command = "another one"\n', "utf-8")

    def none_left(*_args: object, **_options: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(Path, where, none_left)
        assert catalog.rows() == before
        assert not catalog.problems()
        assert catalog.info("demo") == PROVIDERS["demo"]
    assert catalog.info("mine").options["command"] == "another one"


def test_there_is_a_bound(tmp_path: Path) -> None:
    records = Records()
    agents = {f"a{n}": {"command": "x"} for n in range(SOURCES_MAX + 5)}
    catalog = Catalog(tmp_path, agents, records.log())
    assert len(catalog.rows()) == len(PROVIDERS) + SOURCES_MAX
    assert records[-1]["event"] == "manifest.too-many"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site folder with a distribution whose entry point names the package `mine_pkg`."""
    site = tmp_path / "site"
    metadata = site / "mine-1.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n", "utf-8")
    (metadata / "entry_points.txt").write_text(
        "[agent_sidecar.providers]\nmine = mine_pkg\ngone = no_such_package\n", "utf-8"
    )
    package = site / "mine_pkg"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')\n", "utf-8")
    (package / "provider.toml").write_text(
        'module = "mine_pkg.session"\nsessionClass = "Mine"\n', "utf-8"
    )
    monkeypatch.syspath_prepend(str(site))
    return site


def test_an_installed_package_is_found_by_its_entry_point_and_not_imported(
    installed: Path, tmp_path: Path
) -> None:
    catalog = Catalog(tmp_path)
    info = catalog.info("mine")
    assert (info.module, info.package_dir) == ("mine_pkg.session", str(installed))
    assert "mine_pkg" not in sys.modules
    assert "no package" in catalog.problems()["gone"].reason


def test_a_frozen_build_looks_for_none(
    installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert "mine" not in Catalog(tmp_path).rows()
