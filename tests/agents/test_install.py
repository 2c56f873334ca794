"""The cache of real agents: each package once, whatever is cut or asked for at the same time."""

import sys
import threading
from pathlib import Path

import pytest

from tests.agents import install as cache
from tests.agents.install import NotInstalledError, folder_of, install
from tests.agents.prefetch import all_profiles, wanted

NPM = """#!/usr/bin/env python3
import pathlib, sys, time
calls = pathlib.Path({calls!r})
with calls.open("a") as log:
    log.write(sys.argv[-1] + "\\n")
folder = pathlib.Path(sys.argv[sys.argv.index("--prefix") + 1])
assert not (folder / "node_modules").exists(), "what a cut run left"
(folder / "node_modules").mkdir()
time.sleep(0.1)
if len(calls.read_text().splitlines()) <= {failures}:
    sys.exit("npm error network is down")
(folder / "node_modules" / ".bin").mkdir()
"""


class Npm:
    """An npm that notes its calls, and fails the first `failures` of them."""

    def __init__(self, folder: Path) -> None:
        self.calls_file = folder / "calls"
        self.program = folder / "npm"
        self.fail(0)

    def fail(self, failures: int) -> None:
        """Write the program."""
        text = NPM.format(calls=str(self.calls_file), failures=failures)
        self.program.write_text(text.replace("/usr/bin/env python3", sys.executable))
        self.program.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        """The packages that were asked for."""
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Npm:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(cache, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(cache, "RETRY_S", 0.0)
    monkeypatch.setattr(cache, "_failed", {})
    return Npm(folder)


def test_a_package_is_installed_once(npm: Npm) -> None:
    bins = install("@scope/agent@1.2.3")
    assert bins.is_dir()
    assert install("@scope/agent@1.2.3") == bins
    assert npm.calls == ["@scope/agent@1.2.3"]


def test_who_asks_meanwhile_waits_for_it(npm: Npm) -> None:
    threads = [threading.Thread(target=install, args=["agent@1.0.0"]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert npm.calls == ["agent@1.0.0"]


def test_versions_and_scopes_have_folders_of_their_own(npm: Npm) -> None:
    folders = {folder_of(p) for p in ("agent@1", "agent@2", "@a/agent@1", "@b/agent@1")}
    assert len(folders) == 4
    assert folder_of("agent@1").name == "agent@1"
    assert folder_of("@a/agent@1").name == "a-agent@1"


def test_what_a_cut_run_left_is_begun_anew(npm: Npm) -> None:
    (folder_of("agent@1") / "node_modules" / "half").mkdir(parents=True)
    assert install("agent@1").is_dir()


def test_a_failure_is_tried_again(npm: Npm) -> None:
    npm.fail(1)
    assert install("agent@1").is_dir()
    assert len(npm.calls) == 2


def test_what_cannot_be_had_is_told_with_npms_words_and_not_tried_for_each_test(npm: Npm) -> None:
    npm.fail(10)
    for _ in range(3):
        with pytest.raises(NotInstalledError, match="agent@1 cannot be installed: npm error netw"):
            install("agent@1")
    assert len(npm.calls) == cache.TRIES


def test_without_npm_the_reason_says_so(npm: Npm) -> None:
    npm.program.unlink()
    with pytest.raises(NotInstalledError, match="npm is not on PATH"):
        install("agent@1")


def test_every_package_is_pinned_and_fetched_when_its_tests_run() -> None:
    profiles = list(all_profiles())
    assert profiles
    for profile in profiles:
        assert all("@" in package[1:] for package in profile.packages)
        assert set(profile.packages) <= set(wanted([], long=True))
        assert set(wanted([profile.name], long=False)) == set(profile.packages)
    usual = set(wanted([], long=False))
    assert usual == {p for profile in profiles if not profile.long for p in profile.packages}
