"""What the demo agent was told is there again, and only under its own ids."""

from pathlib import Path

import pytest

from sidecar.providers.demo.agent.store import Store


def test_what_was_said_is_loaded_in_order(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    session_id = store.create()
    store.add(session_id, "user", "one\ntwo \U0001f600")
    store.add(session_id, "agent", "yes")
    again = Store(tmp_path / "state")
    assert again.load(session_id) == [("user", "one\ntwo \U0001f600"), ("agent", "yes")]


def test_a_line_that_a_kill_cut_off_is_skipped(tmp_path: Path) -> None:
    store = Store(tmp_path)
    session_id = store.create()
    store.add(session_id, "user", "one")
    with (tmp_path / f"{session_id}.jsonl").open("a") as file:
        file.write('{"role": "us')
    assert store.load(session_id) == [("user", "one")]


@pytest.mark.parametrize("session_id", ["0" * 32, "../../etc/passwd", "", "x"])
def test_an_unknown_session_is_none(tmp_path: Path, session_id: str) -> None:
    assert Store(tmp_path).load(session_id) is None


def test_without_a_folder_nothing_is_kept() -> None:
    store = Store(None)
    assert not store.keeps
    store.add(store.create(), "user", "x")
    assert store.load(store.create()) is None
