"""What is found out about Cursor's CLI without a session, with a fake of it on PATH."""

from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.cursor.probe import CursorProbe, read_status


class Context:
    """A ProbeContext whose programs say what the test says."""

    instance_home = None

    def __init__(self, path: Path, said: dict[str, Any], **settings: Any) -> None:
        self.settings = settings
        self.env = {"PATH": str(path)}
        self._said = said

    async def run(self, argv: Any, deadline_s: float) -> tuple[int | None, str, str]:
        assert deadline_s > 0
        found = self._said[argv[-1]]
        if isinstance(found, Exception):
            raise found
        return found  # type: ignore[no-any-return]

    async def spawn(self, command: Any) -> Any:
        raise NotImplementedError

    def log(self, level: str, event: str, **fields: Any) -> None:
        pass


@pytest.fixture
def bin_path(tmp_path: Path) -> Path:
    program = tmp_path / "cursor-agent"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


VERSION = (0, "2026.11.01-abc\n", "")


async def test_a_cli_that_is_logged_in_is_found_with_its_version_and_account(
    bin_path: Path,
) -> None:
    said = {"--version": VERSION, "status": (0, "\x1b[32m✓ Logged in as me@x.org\x1b[0m", "")}
    found = await CursorProbe(Context(bin_path, said)).status()
    assert (found.installed, found.auth, found.version) == (True, "ok", "2026.11.01-abc")
    assert found.path == str(bin_path / "cursor-agent")
    assert found.account == {"email": "me@x.org"}
    assert found.reason is None


async def test_a_missing_login_says_how_to_log_in(bin_path: Path) -> None:
    said = {"--version": (0, "", ""), "status": (1, "", "Not logged in")}
    found = await CursorProbe(Context(bin_path, said)).status()
    assert (found.installed, found.auth, found.version) == (True, "missing", None)
    assert found.reason is not None
    assert "cursor-agent login" in found.reason


async def test_a_key_in_the_environment_is_a_login(bin_path: Path) -> None:
    context = Context(bin_path, {"--version": VERSION})
    context.env["CURSOR_API_KEY"] = "secret"
    assert (await CursorProbe(context).status()).auth == "ok"


async def test_without_a_cli_the_reason_says_so(tmp_path: Path) -> None:
    found = await CursorProbe(Context(tmp_path, {})).status()
    assert not found.installed
    assert found.reason is not None
    assert "not installed" in found.reason


@pytest.mark.parametrize(
    "version",
    [(1, "", "broken"), (None, "", ""), ProviderProcessFailed("no such file")],
    ids=["fails", "hangs", "cannot start"],
)
async def test_a_cli_that_does_not_run_counts_as_not_installed(
    bin_path: Path, version: Any
) -> None:
    found = await CursorProbe(Context(bin_path, {"--version": version})).status()
    assert not found.installed
    assert found.reason is not None
    assert "does not run" in found.reason


async def test_a_status_that_hangs_leaves_the_login_unknown(bin_path: Path) -> None:
    said = {"--version": VERSION, "status": (None, "", "")}
    assert (await CursorProbe(Context(bin_path, said)).status()).auth == "unknown"


async def test_the_old_cli_is_part_of_the_editor(tmp_path: Path) -> None:
    asked: list[list[str]] = []

    class Noting(Context):
        async def run(self, argv: Any, deadline_s: float) -> tuple[int | None, str, str]:
            asked.append(list(argv))
            return VERSION

    await CursorProbe(Noting(tmp_path, {}, command="/opt/cursor")).status()
    assert asked == [["/opt/cursor", "agent", "--version"], ["/opt/cursor", "agent", "status"]]


@pytest.mark.parametrize(
    ("said", "auth", "account"),
    [
        (
            '{"isAuthenticated": true, "userInfo": {"email": "a@b"}}',
            "ok",
            {"email": "a@b"},
        ),
        ('{"isAuthenticated": false}', "missing", None),
        ('{"something": "else"}', "unknown", None),
        ("Logged in as a@b", "ok", {"email": "a@b"}),
        ("You are not authenticated", "missing", None),
        ("", "unknown", None),
    ],
)
def test_a_status_is_read_in_words_and_as_json(said: str, auth: str, account: Any) -> None:
    assert read_status(said) == (auth, account)
