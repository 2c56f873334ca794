"""Leaked unpack folders are recognised; everything else is left alone."""

import mmap
from pathlib import Path

from sidecar.process.unpacked import MARKER, MIN_AGE_S, leaked_folders, own_folder, sweep_unpacked

LATER_S = MIN_AGE_S * 2


def unpacked(where: Path, name: str, *, marked: bool = True) -> Path:
    folder = where / name
    folder.mkdir()
    (folder / "library.so").write_bytes(b"x" * 4096)
    if marked:
        (folder / MARKER).touch()
    return folder


def now_s(folder: Path) -> float:
    return folder.stat().st_mtime


def test_an_old_marked_folder_that_nobody_uses_is_leaked(tmp_path: Path) -> None:
    own, dead = unpacked(tmp_path, "_MEIown"), unpacked(tmp_path, "_MEIdead")
    assert leaked_folders(tmp_path, own, now_s(dead) + LATER_S) == [dead]


def test_young_foreign_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    own, young = unpacked(tmp_path, "_MEIown"), unpacked(tmp_path, "_MEIyoung")
    assert leaked_folders(tmp_path, own, now_s(young) + 1) == []
    young.rename(tmp_path / "other")
    unpacked(tmp_path, "_MEIforeign", marked=False)
    assert leaked_folders(tmp_path, own, now_s(own) + LATER_S) == []


def test_a_folder_that_a_process_has_mapped_is_in_use(tmp_path: Path) -> None:
    own, busy = unpacked(tmp_path, "_MEIown"), unpacked(tmp_path, "_MEIbusy")
    with (
        (busy / "library.so").open("rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ),
    ):
        assert leaked_folders(tmp_path, own, now_s(busy) + LATER_S) == []
    assert leaked_folders(tmp_path, own, now_s(busy) + LATER_S) == [busy]


def test_from_source_there_is_nothing_to_sweep() -> None:
    assert own_folder() is None
    assert sweep_unpacked() == []
