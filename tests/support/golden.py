"""Golden tests: a recorded exchange of a real agent gives its committed canonical events.

    python -m tests.support.golden --write FAMILY …   write the committed events anew; look at the
                                                      difference before you commit it

    tests/fixtures/transcripts/<family>/<scenario>.jsonl  {t, dir, msg} a line, as it was recorded
    tests/fixtures/golden/<family>/<scenario>.jsonl       one canonical event a line

Owns the files, the deterministic ids and clock, and the end of what a recording leaves open. How a
provider's wire and mapping are driven is its own replay:

    tests/providers/<provider>/replay.py    def replay(lines: list[dict]) -> list[dict]

which hands its drafts to a Recorder and returns what `finish` gives.
"""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import msgspec

from sidecar.contract.events import decode_event, encode_event
from sidecar.contract.events.session import SessionConfigured
from sidecar.core.closing import ExitFacts, closing_drafts
from sidecar.core.drafts import Draft
from sidecar.core.fold import Fold
from sidecar.core.stamping import Origin, Stamper

FIXTURES = Path(__file__).parents[1] / "fixtures"
TRANSCRIPTS = FIXTURES / "transcripts"
GOLDEN = FIXTURES / "golden"

REPLAYS = {
    "acp": "tests.providers.acp.replay:replay",
    "agentsdk": "tests.providers.claude.replay:replay_agentsdk",
    "claude": "tests.providers.claude.replay:replay",
    "codex": "tests.providers.codex.replay:replay",
    "opencode": "tests.providers.opencode.replay:replay",
}
"""Family → the function that drives its provider's wire and mapping."""

THREAD = "thread-1"
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STOPPED = ExitFacts(kind="graceful", reason="stopped", recoverable=True)
KILLED = ExitFacts(
    kind="error", reason="The provider was killed by signal 9 (SIGKILL)", recoverable=True
)

Line = dict[str, Any]
Replay = Callable[[list[Line]], list[dict[str, Any]]]


class Recorder:
    """Stamps drafts as a host does, and ends what is still open as the supervisor does.

    `new_id` is what a mapping gets for the context's: deterministic, unique in one replay.
    """

    def __init__(self, provider: str) -> None:
        self.events: list[dict[str, Any]] = []
        self._ids = count(1)
        self._ticks = count()
        self._fold = Fold()
        self._stamper = Stamper(Origin(provider, THREAD, 1), "event", self._now)
        self.add([Draft(type="session.configured", payload=SessionConfigured(config={}))])

    def new_id(self, prefix: str) -> str:
        """Return the next id with a prefix."""
        return f"{prefix}-{next(self._ids)}"

    def add(self, drafts: Iterable[Draft]) -> None:
        """Take what the mapping said; each draft crosses the wire, and is decoded strictly."""
        for draft in drafts:
            body = encode_event(self._stamper.stamp(draft))
            self._fold.apply(decode_event(draft.type, body))
            self.events.append(msgspec.msgpack.decode(body))

    def finish(self, lines: Sequence[Line], facts: ExitFacts | None = None) -> list[dict[str, Any]]:
        """End the generation; return all events. Without `facts` the recording tells how."""
        session = self._fold.session(THREAD)
        assert session is not None
        self.add(closing_drafts(session, facts or exit_of(lines)))
        return self.events

    def _now(self) -> str:
        moment = BEGAN + timedelta(milliseconds=next(self._ticks))
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def exit_of(lines: Iterable[Line]) -> ExitFacts:
    """Return how a recorded agent ended: it was stopped, unless the recording killed it."""
    killed = any(line["dir"] == "meta" and line["msg"] == "stop kill" for line in lines)
    return KILLED if killed else STOPPED


def families() -> list[str]:
    """Return the families of which there are recordings."""
    return sorted(path.name for path in TRANSCRIPTS.iterdir() if path.is_dir())


def scenarios(family: str) -> list[str]:
    """Return the names of a family's recordings."""
    return sorted(path.stem for path in (TRANSCRIPTS / family).glob("*.jsonl"))


def lines_of(family: str, scenario: str) -> list[Line]:
    """Return the lines of a recording."""
    text = (TRANSCRIPTS / family / f"{scenario}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n") if line]


def golden_file(family: str, scenario: str) -> Path:
    """Return where the events of a recording are committed."""
    return GOLDEN / family / f"{scenario}.jsonl"


def replay_of(family: str) -> Replay:
    """Return the function that replays a family."""
    module, _, name = REPLAYS[family].partition(":")
    replay: Replay = getattr(import_module(module), name)
    return replay


def canonical(events: Iterable[dict[str, Any]]) -> bytes:
    """Return events as JSON lines, keys in the order of the contract."""
    return b"".join(msgspec.json.encode(event) + b"\n" for event in events)


def write(family: str) -> None:
    """Write the committed events of a family anew."""
    replay = replay_of(family)
    (GOLDEN / family).mkdir(parents=True, exist_ok=True)
    kept = {golden_file(family, scenario) for scenario in scenarios(family)}
    for stale in set((GOLDEN / family).iterdir()) - kept:
        stale.unlink()
    for scenario in scenarios(family):
        events = replay(lines_of(family, scenario))
        golden_file(family, scenario).write_bytes(canonical(events))


if __name__ == "__main__":
    if sys.argv[1:2] != ["--write"] or not set(sys.argv[2:]) <= set(families()):
        sys.exit(__doc__)
    for chosen in sys.argv[2:] or families():
        write(chosen)
