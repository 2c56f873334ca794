"""The invariants of ARCHITECTURE.md, judged from outside: client receipts, diary, journal, /proc.

Each function takes what a round left and returns sentences, one a violation.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from tests.fault.rounds.outcome import Outcome
from tests.support import wire
from tests.support.received import Received
from tests.support.streams import assert_balanced

Stored = Sequence[tuple[int, bytes]]
"""The whole journal: (seq, body), read once more after the end."""

DELTA = re.compile(r"((?:s\d+|guest\d+|last)w\d+):(\d+);")


def judge(outcome: Outcome, stored: Stored) -> list[str]:
    """Return every violation there is; [] for a round that holds."""
    events = [Received(seq, wire.decode(body), body, 0.0) for seq, body in stored]
    found = list(outcome.strange)
    found += [] if outcome.done else ["no fault was done: the round shows nothing"]
    found += [f"left alive: {process}" for process in outcome.left]
    found += _delivered(outcome, stored)
    by_thread: dict[str, list[Received]] = defaultdict(list)
    for received in events:
        by_thread[received.event["threadId"]].append(received)
    for thread, of_thread in by_thread.items():
        found += [f"{thread}: {what}" for what in _of_thread(of_thread)]
    found += _untouched(outcome, by_thread)
    found += _ran_once(outcome, events)
    found += _whole_texts(outcome, events)
    found += _folded(outcome, events)
    return found


def _delivered(outcome: Outcome, stored: Stored) -> list[str]:
    """Each client got each event once, in order, as the journal has it."""
    found = []
    journal = dict(stored)
    if list(journal) != list(range(1, len(journal) + 1)):
        found.append("the journal's seqs are not contiguous from 1")
    for client in outcome.clients:
        name = client.client_id
        if client.failure is not None:
            found.append(f"{name}: {client.failure!r}")
        if client.gaps:
            found.append(f"{name} got gaps: {client.gaps}")
        seqs = [received.seq for received in client.events]
        first = seqs[0] if seqs else 1
        if seqs != list(range(first, first + len(seqs))):
            found.append(f"{name} did not get each event once and in order")
        if first != 1:
            found.append(f"{name} began with {first}")
        wrong = [r.seq for r in client.events if journal.get(r.seq) != r.body]
        if wrong:
            found.append(f"{name} got other bytes than the journal has at {wrong[:5]}")
    return found


def _of_thread(events: list[Received]) -> list[str]:
    """Balanced, and generation after generation: configured first, exited last."""
    found = []
    try:
        assert_balanced(events, ended=True)
    except AssertionError as error:
        found.append(str(error))
    generations: dict[int, list[str]] = {}
    for received in events:
        generations.setdefault(received.event["generation"], []).append(received.event["type"])
    if list(generations) != list(range(1, len(generations) + 1)):
        found.append(f"generations are {list(generations)}")
    for number, types in generations.items():
        if types[0] != "session.configured":
            found.append(f"generation {number} begins with {types[0]}")
        if types[-1] != "session.exited":
            found.append(f"generation {number} ends with {types[-1]}")
    return found


def _untouched(outcome: Outcome, by_thread: dict[str, list[Received]]) -> list[str]:
    """No session ended that no fault could have touched."""
    parents = {s.thread: s.parent for s in outcome.plan.sessions}
    excused: dict[str, bool] = {}
    everyone = any(done.threads is None for done in outcome.done) or bool(outcome.lives)
    touched = {thread for done in outcome.done for thread in done.threads or ()}
    families = {parents.get(thread) for thread in touched} - {None}  # some strategies take siblings

    def may(thread: str | None) -> bool:
        if thread is None:
            return False
        if thread not in excused:
            guest = thread.startswith("guest")  # stopped on purpose
            related = parents.get(thread) in families or may(parents.get(thread))
            excused[thread] = guest or thread in touched or related
        return excused[thread]

    if everyone:
        return []
    main = outcome.clients[0]
    ends = {
        received.event["threadId"]: received
        for received in main.events
        if received.event["type"] == "session.exited" and received.at_mono_s < outcome.ended_at
    }
    return [
        f"{thread} ended ({received.event['payload'].get('reason')!r}) although no fault touched it"
        for thread, received in ends.items()
        if not may(thread)
    ]


def _ran_once(outcome: Outcome, events: list[Received]) -> list[str]:
    """No prompt ran twice, and one whose turn completed ran; one may die in a provider's pipe."""
    completed = {
        received.event["turnId"]
        for received in events
        if received.event["type"] == "turn.completed"
        and received.event["payload"]["state"] == "completed"
    }
    asked = Counter(words[3] for words in _diary(outcome) if words[2] == "asked")
    found = [f"the prompt {word} ran {count} times" for word, count in asked.items() if count > 1]
    for word, (thread, how) in outcome.answered.items():
        if how in completed and not asked[word]:
            found.append(f"{thread}: {word} completed as {how}, but never ran")
    return found


def _diary(outcome: Outcome) -> Iterable[list[str]]:
    lines = outcome.diary.read_text().splitlines()
    return (line.split() for line in lines)


def _whole_texts(outcome: Outcome, events: list[Received]) -> list[str]:
    """What of a turn came is its beginning without a hole; all of one that completed.

    What ran in which turn is told by the answer to its call, and, where that is not known any
    more, by what the turn said.
    """
    said: dict[str, list[int]] = defaultdict(list)
    completed: set[str] = set()
    word_of = {how: word for word, (_thread, how) in outcome.answered.items()}
    for received in events:
        event = received.event
        if event["type"] == "content.delta":
            for word, index in DELTA.findall(event["payload"]["delta"]):
                said[word].append(int(index))
                word_of.setdefault(event.get("turnId", ""), word)
        elif event["type"] == "turn.completed" and event["payload"]["state"] == "completed":
            completed.add(event["turnId"])
    found = []
    for word, indexes in said.items():
        if indexes != list(range(len(indexes))):
            found.append(f"the deltas of {word} came as {_short(indexes)}")
    written = Counter(words[3] for words in _diary(outcome) if words[2] == "said")
    for turn in completed:
        word = word_of.get(turn, "")
        if word and len(said[word]) != written[word]:
            found.append(f"{word} completed with {len(said[word])} of {written[word]} deltas")
    return found


def _short(indexes: list[int]) -> str:
    first = next((n for n, index in enumerate(indexes) if index != n), len(indexes))
    return f"{len(indexes)} of which the {first}th is {indexes[first : first + 3]}"


def _folded(outcome: Outcome, events: list[Received]) -> list[str]:
    """The snapshot says of each session what its events up to there say."""
    if not outcome.folded:
        return []
    at = outcome.folded["at"]
    until: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for received in events:
        if received.seq <= at:
            until[received.event["threadId"]].append(received.event)
    sessions = outcome.folded["state"]["sessions"]
    found = [f"{thread} is not in the snapshot" for thread in until if thread not in sessions]
    for thread, told in until.items():
        if thread in sessions:
            found += [f"{thread}: {what}" for what in _folded_one(sessions[thread], told)]
    return found


def _folded_one(session: dict[str, Any], told: list[dict[str, Any]]) -> list[str]:
    found = []
    if session["generation"] != told[-1]["generation"]:
        found.append(f"the snapshot has generation {session['generation']}")
    turn = (session.get("activeTurn") or {}).get("turnId")
    if {turn} - {None} != _open(told, "turn.started", "turn.completed", "turnId"):
        found.append(f"the snapshot has the turn {turn}")
    asked = set(session.get("pendingRequests", ()))
    if asked != _open(told, "request.opened", "request.resolved", "requestId"):
        found.append(f"the snapshot has the requests {sorted(asked)}")
    if turn and session["status"] != "running":
        found.append(f"a turn runs in a session that is {session['status']}")
    return found


def _open(told: list[dict[str, Any]], begin: str, end: str, key: str) -> set[str]:
    """Return what has begun and not ended."""
    ends = {event[key] for event in told if event["type"] == end}
    return {event[key] for event in told if event["type"] == begin} - ends
