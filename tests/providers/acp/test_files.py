"""fs/… reads and writes within the session's directory, and nowhere else."""

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from sidecar.providers.acp import files as module
from sidecar.providers.acp.files import Files
from sidecar.providers.acp.serving import Refused
from sidecar.providers.acp.wire import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "root").mkdir()
    return tmp_path / "root"


async def read(root: Path, path: Path | str, **lines: Any) -> str:
    handler = Files(str(root)).handlers(writes=True)["fs/read_text_file"]
    answer: Any = await handler({"path": str(path), **lines})
    assert set(answer) == {"content"}
    return str(answer["content"])


async def write(root: Path, path: Any, content: Any) -> None:
    handler = Files(str(root)).handlers(writes=True)["fs/write_text_file"]
    assert await handler({"path": str(path), "content": content}) == {}


async def refusal(root: Path, path: Any, **params: Any) -> Refused:
    method = "fs/write_text_file" if "content" in params else "fs/read_text_file"
    handler = Files(str(root)).handlers(writes=True)[method]
    with pytest.raises(Refused) as refused:
        await handler({"path": str(path) if isinstance(path, Path) else path, **params})
    return refused.value


def test_without_writes_there_is_no_method_that_writes(root: Path) -> None:
    assert set(Files(str(root)).handlers(writes=False)) == {"fs/read_text_file"}


@pytest.mark.parametrize(
    ("lines", "content"),
    [
        ({}, "one\r\ntwo\nthree"),
        ({"line": 2}, "two\nthree"),
        ({"line": 0, "limit": 1}, "one\r\n"),
        ({"line": 2, "limit": 1}, "two\n"),
        ({"line": None, "limit": 2}, "one\r\ntwo\n"),
        ({"line": 3, "limit": 9}, "three"),
        ({"line": 4}, ""),
        ({"limit": 0}, ""),
    ],
)
async def test_lines_are_read_as_they_are(root: Path, lines: Any, content: str) -> None:
    (root / "a.txt").write_bytes(b"one\r\ntwo\nthree")
    assert await read(root, root / "a.txt", **lines) == content


@pytest.mark.parametrize("lines", [{"line": "2"}, {"line": -1}, {"limit": 1.5}, {"limit": True}])
async def test_what_is_no_line_number_is_refused(root: Path, lines: Any) -> None:
    (root / "a.txt").write_text("a")
    assert (await refusal(root, root / "a.txt", **lines)).code == INVALID_PARAMS


async def test_a_file_is_written_with_the_folders_that_it_needs(root: Path) -> None:
    await write(root, root / "a" / "b" / "c.txt", "é\ud800")
    assert (root / "a" / "b" / "c.txt").read_text("utf-8") == "é\ufffd"
    assert [path.name for path in (root / "a" / "b").iterdir()] == ["c.txt"]


async def test_a_file_that_is_written_again_keeps_its_mode(root: Path) -> None:
    script = root / "run.sh"
    script.write_text("old")
    script.chmod(0o754)
    await write(root, script, "new")
    assert script.read_text() == "new"
    assert script.stat().st_mode & 0o777 == 0o754


async def test_a_link_within_is_followed_and_stays_a_link(root: Path) -> None:
    (root / "real.txt").write_text("old")
    (root / "link.txt").symlink_to(root / "real.txt")
    await write(root, root / "link.txt", "new")
    assert (root / "link.txt").is_symlink()
    assert await read(root, root / "real.txt") == "new"


@pytest.mark.parametrize("content", [None, "x"], ids=["read", "write"])
async def test_no_way_leads_out_of_the_directory(root: Path, content: str | None) -> None:
    outside = root.parent / "outside"
    outside.mkdir()
    (outside / "secret").write_text("secret")
    (root / "file").symlink_to(outside / "secret")
    (root / "folder").symlink_to(outside)
    (root / "dangling").symlink_to(outside / "new")
    more = {} if content is None else {"content": content}
    for path in (
        outside / "secret",
        root / "file",
        root / "folder" / "secret",
        root / "dangling",
        root / ".." / "outside" / "secret",
        Path(f"{root}-beside"),
    ):
        refused = await refusal(root, path, **more)
        assert refused.code == INVALID_PARAMS
        assert "outside the session's directory" in str(refused)
    assert (outside / "secret").read_text() == "secret"
    assert not (outside / "new").exists()


async def test_a_directory_that_is_itself_a_link_is_the_directory(root: Path) -> None:
    alias = root.parent / "alias"
    alias.symlink_to(root)
    (root / "a.txt").write_text("a")
    assert await read(alias, alias / "a.txt") == "a"
    assert await read(alias, root / "a.txt") == "a"


@pytest.mark.parametrize("path", [None, 7, "", "relative.txt", "/a\0b"])
async def test_what_is_no_absolute_path_is_refused(root: Path, path: Any) -> None:
    assert (await refusal(root, path)).code == INVALID_PARAMS


async def test_a_missing_file_is_read_as_empty_as_in_an_editor(root: Path) -> None:
    assert await read(root, root / "none.txt") == ""
    assert await read(root, root / "none" / "none.txt") == ""


async def test_a_folder_that_is_gone_while_it_is_written_to_is_not_found(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(path: Path, data: bytes) -> None:
        raise FileNotFoundError(2, "No such file or directory", str(path))

    monkeypatch.setattr(module, "write_whole", gone)
    refused = await refusal(root, root / "a.txt", content="x")
    assert refused.code == RESOURCE_NOT_FOUND
    assert "a.txt: No such file" in str(refused)


async def test_what_is_no_regular_file_is_neither_read_nor_written(root: Path) -> None:
    os.mkfifo(root / "fifo")
    (root / "folder").mkdir()
    for path in (root / "fifo", root / "folder"):
        assert "no regular file" in str(await refusal(root, path))
        assert "no regular file" in str(await refusal(root, path, content="x"))


async def test_what_the_system_refuses_says_why(root: Path) -> None:
    (root / "file").write_text("x")
    refused = await refusal(root, root / "file" / "below", content="x")
    assert refused.code == INTERNAL_ERROR
    assert "Not a directory" in str(refused)
    assert module._in_words(OSError()) == "the system refused it"


async def test_what_is_no_text_is_refused(root: Path) -> None:
    (root / "a.bin").write_bytes(b"\xff\xfe\x00")
    assert "no UTF-8 text" in str(await refusal(root, root / "a.bin"))
    assert "no string" in str(await refusal(root, root / "a.txt", content=7))


async def test_content_is_bounded(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CONTENT_BYTES", 10)
    monkeypatch.setattr(module, "SKIPPED_BYTES", 30)
    (root / "long").write_text("0123456789x\n" * 5)
    assert "read it by line and limit" in str(await refusal(root, root / "long"))
    assert "longer than 10 bytes" in str(await refusal(root, root / "w", content="x" * 11))
    assert "too far into" in str(await refusal(root, root / "long", line=5))
    (root / "short").write_text("012345678\n" * 5)
    assert await read(root, root / "short", line=2, limit=1) == "012345678\n"


async def test_a_file_system_that_does_not_answer_meets_the_deadline(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "FILE_DEADLINE_S", 0.05)
    never = asyncio.Event()

    async def stuck(_: Any) -> None:
        await never.wait()

    monkeypatch.setattr(asyncio, "to_thread", stuck)
    assert "did not answer within 0.05 s" in str(await refusal(root, root / "a"))
