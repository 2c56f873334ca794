"""Replays a recorded ACP exchange through wire and mapping, playing the session's part by hand.

`python -m tests.providers.acp.replay --update-golden` writes the committed events anew; look at the
difference before you commit it.
"""

import json
import sys
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.acp.mapping import AcpMapping, ending_of_error, ending_of_result
from sidecar.providers.acp.mapping.permissions import CANCELLED
from sidecar.providers.acp.mapping.shapes import a_map
from sidecar.providers.acp.opening import Handshake
from sidecar.providers.acp.wire import AcpWire, Notification, Request, Response
from tests.providers.context import ROOT, strict

FIXTURES = ROOT / "tests" / "fixtures" / "acp"
GOLDEN = ".events.jsonl"


def recordings() -> list[Path]:
    """Return every recorded exchange."""
    return sorted(p for p in FIXTURES.glob("*.jsonl") if not p.name.endswith(GOLDEN))


class Replay:
    """One exchange; `drafts` are the events that it makes."""

    def __init__(self, raw: str = "none") -> None:
        ids = count(1)
        self.wire = AcpWire()
        self.conversation = Conversation()
        self.mapping = AcpMapping(self.conversation, lambda kind: f"{kind}-{next(ids)}", raw)
        self.drafts: list[Draft] = []
        self.refused: list[str] = []
        self._handshake = Handshake({})
        self._prompt: int | None = None
        self._cancelling = False
        self._held: list[dict[str, Any]] = []
        self._open = False
        self._ids = ids

    def run(self, path: Path) -> list[Draft]:
        """Play the whole recording."""
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["dir"] == "in":
                self._said(row["msg"])
            else:
                self._heard(json.dumps(row["msg"]).encode() + b"\n")
        return self.drafts

    def _said(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method == "session/cancel":
            self._cancelling = True
            for request_id in list(self.mapping.permissions):
                self.drafts += self.mapping.answer(request_id, CANCELLED)
        elif method is not None:
            sent = self.wire.request(method, message["params"])
            assert sent is not None
            assert sent[0] == message["id"]
            if method == "session/prompt":
                self._prompt, self._cancelling = sent[0], False
                self.drafts += self.mapping.begin_turn(f"turn-{next(self._ids)}")
        else:
            self._answer(message["id"], message["result"]["outcome"])

    def _answer(self, rpc_id: Any, outcome: dict[str, Any]) -> None:
        for request_id, permission in list(self.mapping.permissions.items()):
            if permission.rpc_id == rpc_id:
                choice = permission.choose("cancel", outcome.get("optionId"))
                assert choice is not None
                assert choice.outcome()["outcome"] == outcome
                self.drafts += self.mapping.answer(request_id, choice)

    def _heard(self, line: bytes) -> None:
        for message in self.wire.receive(line):
            if isinstance(message, Response):
                self._answered(message)
            elif isinstance(message, Request):
                self.drafts += self.mapping.ask(message.id, message.params)[1]
            elif isinstance(message, Notification) and self._open:
                self.drafts += self.mapping.update(message.params)
            elif isinstance(message, Notification):
                self._held.append(message.params)

    def _answered(self, response: Response) -> None:
        if response.id == self._prompt:
            self._prompt = None
            if response.error is not None:
                ending = ending_of_error(response.error, interrupting=self._cancelling)
            else:
                ending = ending_of_result(response.result, interrupting=self._cancelling)
            self.drafts += self.mapping.end_turn(ending, response.result)
        elif response.error is not None:
            self.refused.append(response.method)
        elif response.method == "initialize":
            self._handshake = Handshake(a_map(response.result))
        elif response.method in ("session/new", "session/load"):
            offers = a_map(response.result)
            config = self._handshake.config(offers)
            self.drafts += self.mapping.started(str(offers["sessionId"]), config, resumed=False)
            self._open = True
            for params in self._held:
                self.drafts += self.mapping.update(params)


def canonical(drafts: list[Draft]) -> str:
    """Return drafts as JSON lines, without what only a host can know."""
    lines = []
    for draft in drafts:
        event = strict(draft)
        row = {
            "type": event.type,
            "turnId": event.turn_id,
            "itemId": event.item_id,
            "requestId": event.request_id,
            "providerRefs": event.provider_refs,
            "payload": event.payload,
        }
        kept = {key: value for key, value in row.items() if value is not None}
        lines.append(msgspec.json.encode(kept).decode())
    return "".join(line + "\n" for line in lines)


def golden_of(recording: Path) -> Path:
    """Return the file that holds the events of a recording."""
    return recording.with_name(recording.stem + GOLDEN)


if __name__ == "__main__":
    if sys.argv[1:] != ["--update-golden"]:
        sys.exit(__doc__)
    for recording in recordings():
        golden_of(recording).write_text(canonical(Replay().run(recording)), encoding="utf-8")
