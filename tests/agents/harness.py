"""The live tests' harness: what an agent's profile says, and sessions of it through the Node app.

    PROFILE = AgentProfile(name="gemini", provider="acp", packages=(…,), start=…)

    @pytest.fixture(scope="module")
    def agent(start_agent): return start_agent(PROFILE)

    @common_scenarios(PROFILE)
    def test_scenario(agent, scenario): scenario(agent)

One sidecar and one Node process serve all scenarios of a module; each scenario has a session, a
home and a working directory of its own. Scenarios stand in scenarios.py; here is what they are made
of. Imports nothing of sidecar/.
"""

import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from tests.agents.app import WAIT_S, App, Arrived, Refused
from tests.support import observer
from tests.support.events_table import check_event
from tests.support.received import Received
from tests.support.streams import assert_balanced

SENTINEL = "AGENT_TEST_SENTINEL"
LOOK_EVERY_S = 0.02

__all__ = ["AgentProfile", "Arrived", "LiveAgent", "LiveSession", "Place", "Refused"]


@dataclass(frozen=True)
class Place:
    """Where a session of the agent lives, and where its model is."""

    home: Path
    work: Path
    llm_url: str
    bins: Mapping[str, Path]
    """Package as the profile names it → its node_modules/.bin."""
    sentinel: str

    def bin(self, program: str) -> str:
        """Return the path of a program of any of the packages."""
        found = [folder / program for folder in self.bins.values() if (folder / program).exists()]
        assert found, f"{program} is in none of {list(self.bins)}"
        return str(found[0])


def _nothing(_: Place) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class AgentProfile:
    """What the common scenarios must know of an agent.

    `start` writes what the agent needs below `place.home` and returns params of session.start by
    their wire names: at least `options` and `env`, over provider, runtimeMode approval-required and
    cwd. `launch` returns further options of electron-glue's launchSidecar.
    """

    name: str
    provider: str
    packages: tuple[str, ...]
    start: Callable[[Place], dict[str, Any]]
    launch: Callable[[Mapping[str, Path]], dict[str, Any]] = lambda _: {}
    settings: Mapping[str, Any] = field(default_factory=dict)

    long: bool = False
    """Whether its tests run under `--long` alone (or by its name)."""
    busy: Literal["steers", "queues", "refuses"] = "refuses"
    """What a second prompt does while a turn runs."""
    declined: frozenset[str] = frozenset({"completed"})
    """States in which a turn may end whose tool was declined."""
    cut: frozenset[str] = frozenset({"failed"})
    """States in which a turn may end whose LLM stream was cut."""
    failed: frozenset[str] = frozenset({"failed"})
    """States in which a turn may end whose LLM answers 500."""
    retries_for_ever: bool = False
    """Whether it goes on asking a failing LLM, without a word, for longer than a test waits."""
    resumes: bool = True
    """Whether a conversation survives the death of the agent."""
    subagents: bool = False
    skips: Mapping[str, str] = field(default_factory=dict)
    """Scenario → why it cannot be shown with this agent."""
    lingers: bool = False
    """Whether a server that sessions share may outlive the last of them."""


class LiveAgent:
    """One sidecar and one app, for the sessions of one agent."""

    def __init__(
        self, profile: AgentProfile, app: App, folder: Path, llm: "FakeLlm", bins: dict[str, Path]
    ) -> None:
        self.profile = profile
        self.app = app
        self.llm = llm
        self.sentinels: list[str] = []
        self._folder = folder
        self._bins = bins

    def session(self, name: str, **start: Any) -> "LiveSession":
        """Return a session that is not started; `start` is laid over the profile's params."""
        thread_id = f"{name}-{secrets.token_hex(4)}"
        sentinel = observer.new_sentinel()
        self.sentinels.append(sentinel)
        place = Place(
            home=self._folder / thread_id / "home",
            work=self._folder / thread_id / "work",
            llm_url=self.llm.url,
            bins=self._bins,
            sentinel=sentinel,
        )
        place.home.mkdir(parents=True)
        place.work.mkdir()
        return LiveSession(self, thread_id, place, start)


@dataclass
class FakeLlm:
    """The fake LLM of a module: where it listens and what it was asked."""

    url: str
    log: Path

    def requests(self) -> list[dict[str, Any]]:
        """Return what it logged, one map a request."""
        return [json.loads(line) for line in self.log.read_text("utf-8").splitlines()]


class LiveSession:
    """A session of an agent as an app has it. `with session:` starts it, stops it and judges it."""

    def __init__(
        self, agent: LiveAgent, thread_id: str, place: Place, start: dict[str, Any]
    ) -> None:
        self.agent = agent
        self.app = agent.app
        self.profile = agent.profile
        self.thread_id = thread_id
        self.place = place
        self._words = [place.sentinel]
        self._start = start
        self._stopped = False
        self._asked_before = len(agent.llm.requests())

    # Life

    def __enter__(self) -> "LiveSession":
        try:
            self.start()
        except BaseException:
            self._clean_up()
            raise
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if not self._stopped:
                self.stop()
            if kind is None:
                self.judge()
        finally:
            self._clean_up()

    def start(self) -> dict[str, Any]:
        """Start (or resume) the session; return its view."""
        params: dict[str, Any] = {
            "provider": self.profile.provider,
            "runtimeMode": "approval-required",
            "cwd": str(self.place.work),
        }
        params |= self.profile.start(self.place) | self._start
        params["env"] = {**params.get("env", {}), SENTINEL: self.place.sentinel}
        view: dict[str, Any] = self.request("session.start", **params)
        return view

    def stop(self) -> None:
        """Stop it; nothing that it started is alive when session.exited arrives."""
        self._stopped = True
        for word in self._watched():
            self.app.watch(self.thread_id, "session.exited", word)
        self.request("session.stop")
        self.until("session.exited", at=-1, where=lambda e: e["generation"] == self.generation)

    def judge(self) -> None:
        """Hold what must hold of every stopped session, whatever it did."""
        events = self.arrived()
        assert_balanced([Received(a.seq, a.event, b"", 0.0) for a in events])
        for arrived in events:
            check_event(arrived.event)
        looked: list[str] | None = [] if self._watched() else None
        assert events[-1].alive == looked, "alive when session.exited arrived"
        assert not self.alive(), "alive after session.exited"

    def alive(self) -> list[observer.Seen]:
        """Return the processes of this session, tool shells included."""
        return _alive(self._watched())

    def _watched(self) -> list[str]:
        """Return the words of what must be gone with the session."""
        return self._words[1:] if self.profile.lingers else self._words

    def _clean_up(self) -> None:
        for process in self.alive():
            try:
                os.kill(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    # What an app does

    def request(self, method: str, **params: Any) -> Any:
        """Call a method for this thread. Raises Refused."""
        return self.app.request(method, threadId=self.thread_id, **params)

    def send(self, text: str, **more: Any) -> str:
        """Send a turn; return its id."""
        turn_id: str = self.request("session.sendTurn", input=text, **more)["turnId"]
        return turn_id

    def interrupt(self, turn_id: str) -> None:
        """Interrupt a turn; returns with the answer, not with the turn's end."""
        self.request("session.interrupt", turnId=turn_id)

    def respond(self, request: dict[str, Any], decision: str, **more: Any) -> None:
        """Answer a request.opened."""
        self.request(
            "session.respondToRequest", requestId=request["requestId"], decision=decision, **more
        )

    def run(self, text: str, decision: str | None = None, **more: Any) -> dict[str, Any]:
        """Run a turn to its end, its requests answered by `decision`; return the end's payload."""
        return self.finish(self.send(text, **more), decision)

    def finish(self, turn_id: str, decision: str | None = None) -> dict[str, Any]:
        """Wait for the end of a turn, answering its requests; return the end's payload."""
        answered: set[str] = set()

        def next_step() -> dict[str, Any] | None:
            for event in self.events():
                if event["type"] == "turn.completed" and event.get("turnId") == turn_id:
                    return event
                if event["type"] == "request.opened" and event["requestId"] not in answered:
                    return event
            return None

        while True:
            event: dict[str, Any] = self.app.until(next_step, f"end of turn {turn_id}")
            if event["type"] == "turn.completed":
                payload: dict[str, Any] = event["payload"]
                return payload
            answered.add(event["requestId"])
            if not self._resolved(event["requestId"]):
                assert decision is not None, f"an unexpected request: {event}"
                self.respond(event, decision)

    def _resolved(self, request_id: str) -> bool:
        return any(e.get("requestId") == request_id for e in self.of("request.resolved"))

    # What an app sees

    def arrived(self) -> list[Arrived]:
        """Return what arrived of this thread so far."""
        return [a for a in list(self.app.arrived) if a.event["threadId"] == self.thread_id]

    def events(self) -> list[dict[str, Any]]:
        """Return the events of this thread so far."""
        return [a.event for a in self.arrived()]

    def of(self, type_: str, turn_id: str | None = None) -> list[dict[str, Any]]:
        """Return the events of a type, of one turn or all."""
        return [
            e for e in self.events() if e["type"] == type_ and turn_id in (None, e.get("turnId"))
        ]

    def text(self, turn_id: str | None = None, stream: str = "assistant_text") -> str:
        """Return what was streamed."""
        deltas = self.of("content.delta", turn_id)
        return "".join(
            e["payload"]["delta"] for e in deltas if e["payload"]["streamKind"] == stream
        )

    def texts(self) -> list[str]:
        """Return the assistant's texts, one an item: those of sub-agents come between others."""
        texts: dict[str, str] = {}
        for event in self.of("content.delta"):
            if event["payload"]["streamKind"] == "assistant_text":
                item = event["itemId"]
                texts[item] = texts.get(item, "") + event["payload"]["delta"]
        return list(texts.values())

    @property
    def generation(self) -> int:
        """The generation that spoke last."""
        return max((e["generation"] for e in self.events()), default=0)

    def until(
        self,
        type_: str,
        turn_id: str | None = None,
        *,
        at: int = 0,
        where: Callable[[dict[str, Any]], Any] = lambda _: True,
        deadline_s: float = WAIT_S,
    ) -> dict[str, Any]:
        """Wait for an event of a type (the `at`-th that fits) and return it."""

        def look() -> dict[str, Any] | None:
            found = [e for e in self.of(type_, turn_id) if where(e)]
            return found[at] if found and len(found) > at else None

        event: dict[str, Any] = self.app.until(look, f"{type_} of {self.thread_id}", deadline_s)
        return event

    def until_streaming(self, turn_id: str, words: int = 3) -> None:
        """Wait until the assistant is in the middle of its text."""
        self.app.until(
            lambda: f"word{words} " in self.text(turn_id), f"word{words} of turn {turn_id}"
        )

    def asked(self) -> list[dict[str, Any]]:
        """Return what the LLM was asked since this session was made, but for titles and such."""
        since = self.agent.llm.requests()[self._asked_before :]
        return [request for request in since if request.get("action", "short") != "short"]

    # Its processes

    def tool_word(self) -> str:
        """Return a number of seconds that only this tool's `sleep` has in its argv."""
        word = f"3599.{secrets.randbelow(10**12):012d}"
        self._words.append(word)
        return word

    def until_shells(self, word: str, count: int) -> list[observer.Seen]:
        """Wait until so many processes run `sleep` of a tool_word."""

        def look() -> list[observer.Seen] | None:
            found = [seen for seen in observer.seen(word) if seen.argv[0].endswith("sleep")]
            return found if len(found) >= count else None

        shells: list[observer.Seen] = poll(look, f"{count} shells of {word}")
        return shells

    def provider_pids(self) -> list[int]:
        """Return the pids of the provider's own processes: the tops of what the session runs."""
        seen = observer.seen_with_env(self.place.sentinel)
        return [process.pid for process in observer.roots(seen)]

    def kill_provider(self) -> None:
        """Kill −9 what the host started as the provider."""
        pids = self.provider_pids()
        assert pids, "no provider runs"
        for pid in pids:
            os.kill(pid, signal.SIGKILL)

    def until_generation(self, generation: int) -> None:
        """Wait until the session is ready again after a restart."""
        self.until(
            "session.state.changed",
            where=lambda e: e["generation"] == generation and e["payload"]["state"] == "ready",
        )


def _alive(words: Iterable[str]) -> list[observer.Seen]:
    found = [p for word in words for p in observer.seen(word) + observer.seen_with_env(word)]
    return list({process.pid: process for process in found}.values())


def poll(look: Callable[[], Any], what: str, deadline_s: float = WAIT_S) -> Any:
    """Return what `look` returns once it is true; for what no event tells."""
    end = time.monotonic() + deadline_s
    while not (found := look()):
        if time.monotonic() > end:
            raise TimeoutError(f"no {what} within {deadline_s:.0f} s")
        time.sleep(LOOK_EVERY_S)
    return found


def source_command() -> tuple[str, tuple[str, ...]]:
    """Return binary and arguments that run the sidecar from source."""
    return sys.executable, ("-m", "sidecar")


def states(events: Iterable[dict[str, Any]]) -> list[str]:
    """Return the session states in order."""
    return [e["payload"]["state"] for e in events if e["type"] == "session.state.changed"]
