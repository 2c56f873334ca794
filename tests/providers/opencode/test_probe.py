"""The probe: what is told of a program without a session."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.base import ProviderCommand, ProviderProcess
from sidecar.providers.opencode.probe import OpencodeProbe

MODELS = "opencode/free\nfake/one\nfake/one\n\x1b[1mnoise\x1b[0m and more\n"


class Probing:
    """A ProbeContext whose program says what a test wants."""

    instance_home = None

    def __init__(self, home: Path, says: Any = "1.18.33\n", **env: str) -> None:
        program = home / "opencode"
        program.touch(mode=0o755)
        self.settings: Mapping[str, Any] = {}
        self.env: Mapping[str, str] = {"PATH": str(home), "HOME": str(home), **env}
        self._says = says

    async def run(self, argv: Sequence[str], deadline_s: float) -> tuple[int | None, str, str]:
        if isinstance(self._says, Exception):
            raise self._says
        return 0, MODELS if argv[1] == "models" else self._says, ""

    async def spawn(self, command: ProviderCommand) -> ProviderProcess:
        raise NotImplementedError

    def log(self, level: str, event: str, **fields: Any) -> None:
        pass


async def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    context = Probing(tmp_path)
    context.settings = {"command": "opencode-of-another-name"}
    finding = await OpencodeProbe(context).status()
    assert not finding.installed
    assert "npm install" in (finding.reason or "")
    assert await OpencodeProbe(context).models() == []


@pytest.mark.parametrize("variable", ["HOME", "XDG_DATA_HOME"])
async def test_a_login_is_found_where_it_is(tmp_path: Path, variable: str) -> None:
    data = tmp_path / ".local" / "share" if variable == "HOME" else tmp_path / "data"
    (data / "opencode").mkdir(parents=True)
    (data / "opencode" / "auth.json").write_text(json.dumps({"fake": {"type": "api"}}))
    env = {} if variable == "HOME" else {variable: str(data)}
    finding = await OpencodeProbe(Probing(tmp_path, **env)).status()
    assert (finding.auth, finding.version, finding.reason) == ("ok", "1.18.33", None)
    assert finding.path == str(tmp_path / "opencode")


@pytest.mark.parametrize("auth", [None, "{broken", "[]", "{}"])
async def test_without_a_login_it_says_how(tmp_path: Path, auth: str | None) -> None:
    folder = tmp_path / ".local" / "share" / "opencode"
    folder.mkdir(parents=True)
    if auth is not None:
        (folder / "auth.json").write_text(auth)
    finding = await OpencodeProbe(Probing(tmp_path)).status()
    assert finding.installed
    assert finding.auth == "unknown"
    assert "auth login" in (finding.reason or "")


async def test_a_version_that_is_too_old_says_so(tmp_path: Path) -> None:
    finding = await OpencodeProbe(Probing(tmp_path, says="0.15.2")).status()
    assert "older than 1.2" in (finding.reason or "")


@pytest.mark.parametrize("says", ["what?", ProviderProcessFailed("no")])
async def test_no_version_is_no_reason_to_fail(tmp_path: Path, says: Any) -> None:
    finding = await OpencodeProbe(Probing(tmp_path, says=says)).status()
    assert finding.installed
    assert finding.version is None


async def test_models_are_listed_once(tmp_path: Path) -> None:
    models = await OpencodeProbe(Probing(tmp_path)).models()
    assert [(m.slug, m.name) for m in models] == [("opencode/free", "free"), ("fake/one", "one")]
