"""Calls of a session that waits for its restart: ordered ones wait with it, others do not."""

import sys
from pathlib import Path
from typing import Any

import pytest

from sidecar.contract.errors import SessionClosed
from tests.support.client import SidecarClient
from tests.support.sidecar import start_params, turn_params
from tests.support.streams import assert_balanced, assistant_text
from tests.support.trees import START_S, Tree

ONCE = 'mkdir "$0" 2>/dev/null || exec sleep 60; exec "$@"'
"""Runs what follows once; later starts hang."""


def starts_once(folder: Path) -> dict[str, Any]:
    """Params of a session whose agent never becomes ready again."""
    argv = [str(folder / "was-here"), sys.executable, "-m", "sidecar", "demo-agent"]
    return {"provider": "acp", "options": {"command": "sh", "args": ["-c", ONCE, *argv]}}


@pytest.mark.must("P5.13")
async def test_a_turn_in_the_backoff_of_a_restart_waits_for_it(client: SidecarClient) -> None:
    tree = Tree(client, {"p": None, "x": "p"})
    await tree.start()
    await client.request("session.sendTurn", turn_params("x", "words to keep"))
    await client.wait_event("turn.completed", thread_id="x")
    head = tree.kill("p")
    await tree.wait_exits({"p", "x"}, head)
    for thread in ("x", "p"):
        await client.request("session.sendTurn", turn_params(thread, "@@recall"))
        done = await client.wait_event("turn.completed", thread_id=thread, after=head)
        assert done.event["generation"] == 2
        assert_balanced(client.of_thread(thread), ended=False)
    said = assistant_text([r for r in client.of_thread("x") if r.seq > head])
    assert "I remember 2 prompts" in said


@pytest.mark.must("P5.13")
async def test_what_waits_for_a_session_that_never_comes_back_is_told_so(
    client: SidecarClient, tmp_path: Path
) -> None:
    await client.request("session.start", start_params("p", **starts_once(tmp_path)))
    await client.request("session.start", start_params("x", parent="p"))
    tree = Tree(client, {"p": None, "x": "p"})
    await client.request("session.sendTurn", turn_params("p", "@@crash"))
    await tree.wait_exits({"p", "x"})
    turn = await client.send_request("session.sendTurn", turn_params("x", "into the void"))
    with pytest.raises(SessionClosed, match="waiting"):
        await client.request("session.interrupt", {"threadId": "x"})
    await client.request("session.stop", {"threadId": "p"}, timeout_s=START_S)
    with pytest.raises(SessionClosed, match=r"stopp(ing|ed)"):
        await client.answer_to(turn)
