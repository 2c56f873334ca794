"""What every agent is put through: one function a scenario, each with a session of its own.

A scenario says what a user of the app would see. What holds of every session (balance, validity,
nothing left alive) is judged by LiveSession at the end of its `with`.
"""

from collections.abc import Callable
from typing import Any

import pytest

from tests.agents.harness import AgentProfile, LiveAgent, LiveSession, Refused, poll

HELLO = "Hello from the fake model."
HUGE = 3_000_000

Scenario = Callable[[LiveAgent], None]


def plain(agent: LiveAgent) -> None:
    with agent.session("plain") as session:
        turn_id = session.send("@@plain")
        _ends(session, turn_id, "completed")
        assert HELLO in session.text(turn_id)
        assert len(session.of("item.completed", turn_id)) >= 1


def tool_accepted(agent: LiveAgent) -> None:
    with agent.session("accepted") as session:
        turn_id = session.send("@@tool touch made.txt && echo hi@@")
        request = session.until("request.opened", turn_id)
        assert not (session.place.work / "made.txt").exists(), "it ran before it was allowed"
        session.respond(request, "accept")
        _ends(session, turn_id, "completed", "accept")
        assert (session.place.work / "made.txt").exists()
        done = [e["payload"] for e in session.of("item.completed", turn_id)]
        assert ("command_execution", "completed") in [(p["itemType"], p["status"]) for p in done]
        assert _decisions(session)[0] == "accept"
        assert "The tool said" in session.text(turn_id)


def tool_declined(agent: LiveAgent) -> None:
    with agent.session("declined") as session:
        end = session.run("@@tool touch no.txt@@", "decline")
        assert end["state"] in agent.profile.declined
        assert not (session.place.work / "no.txt").exists()
        assert set(_decisions(session)) == {"decline"}
        done = [e["payload"] for e in session.of("item.completed")]
        tools = [p["status"] for p in done if p["itemType"] == "command_execution"]
        assert "completed" not in tools


def interrupt_in_stream(agent: LiveAgent) -> None:
    with agent.session("interrupted") as session:
        turn_id = session.send("@@slow 300 0.1@@")
        session.until_streaming(turn_id)
        session.interrupt(turn_id)
        _ends(session, turn_id, "interrupted")
        assert "word299" not in session.text(turn_id)
        _goes_on(session)


def interrupt_in_tool(agent: LiveAgent) -> None:
    with agent.session("tool-interrupted") as session:
        word = session.tool_word()
        session.app.watch(session.thread_id, "turn.completed", word)
        turn_id = session.send(f"@@tool setsid sleep {word} & sleep {word}@@")
        session.respond(session.until("request.opened", turn_id), "accept")
        session.until_shells(word, 2)
        session.interrupt(turn_id)
        _ends(session, turn_id, "interrupted")
        ended = [a for a in session.arrived() if a.event["type"] == "turn.completed"]
        assert ended[0].alive == [], "a shell was alive when the turn was reported interrupted"
        _goes_on(session)


def interrupt_while_asking(agent: LiveAgent) -> None:
    with agent.session("asking-interrupted") as session:
        turn_id = session.send("@@tool touch no.txt@@")
        request = session.until("request.opened", turn_id)
        session.interrupt(turn_id)
        end = session.until("turn.completed", turn_id)
        assert end["payload"]["state"] == "interrupted"
        (resolved,) = session.of("request.resolved", turn_id)
        assert resolved["requestId"] == request["requestId"]
        assert resolved["payload"]["decision"] == "cancel"
        assert not (session.place.work / "no.txt").exists()
        _goes_on(session)


def llm_500(agent: LiveAgent) -> None:
    with agent.session("llm-500") as session:
        turn_id = session.send("@@err500")
        if agent.profile.retries_for_ever:
            poll(session.asked, "request to the LLM")
            session.interrupt(turn_id)
            _ends(session, turn_id, "interrupted")
        else:
            end = session.finish(turn_id)
            assert end["state"] in agent.profile.failed
            assert end["state"] != "failed" or end["errorMessage"]
        _goes_on(session)


def stream_cut(agent: LiveAgent) -> None:
    with agent.session("cut") as session:
        end = session.run("@@drop")
        assert end["state"] in agent.profile.cut
        _goes_on(session)


def huge_line(agent: LiveAgent) -> None:
    with agent.session("huge") as session:
        turn_id = session.send(f"@@huge {HUGE}@@")
        _ends(session, turn_id, "completed")
        text = session.text(turn_id)
        assert len(text) >= HUGE
        assert text.startswith("0000000 0000001 ")
        _goes_on(session)


def killed_in_turn(agent: LiveAgent) -> None:
    with agent.session("killed") as session:
        session.run("@@plain")
        turn_id = session.send("@@slow 300 0.1@@")
        session.until_streaming(turn_id)
        session.kill_provider()
        _is_cut(session, turn_id)
        _comes_back(session)


def killed_with_request_open(agent: LiveAgent) -> None:
    with agent.session("killed-asking") as session:
        turn_id = session.send("@@tool touch no.txt@@")
        request = session.until("request.opened", turn_id)
        session.kill_provider()
        _is_cut(session, turn_id)
        resolved = session.until("request.resolved", turn_id)
        assert resolved["requestId"] == request["requestId"]
        assert resolved["payload"]["decision"] == "cancel"
        _comes_back(session)
        assert not (session.place.work / "no.txt").exists()


def busy(agent: LiveAgent) -> None:
    with agent.session("busy") as session:
        first = session.send("@@slow 20 0.1@@")
        session.until_streaming(first)
        {"steers": _steered, "queues": _queued, "refuses": _refused}[agent.profile.busy](
            session, first
        )


def interrupt_with_queue(agent: LiveAgent) -> None:
    with agent.session("queue") as session:
        first = session.send("@@slow 300 0.1@@")
        session.until_streaming(first)
        queued = [session.send("@@plain"), session.send("@@plain")]
        session.interrupt(first)
        _ends(session, first, "interrupted")
        for turn_id in queued:
            _ends(session, turn_id, "cancelled")
            assert session.of("turn.started", turn_id)
            assert session.text(turn_id) == ""
        _goes_on(session)


def subagent(agent: LiveAgent) -> None:
    with agent.session("subagent") as session:
        turn_id = session.send("@@subslow 15 0.1@@")
        started = session.until("task.started")["payload"]
        assert started["agentKind"] == "agent"
        below = [
            node for node in session.request("tree.get")["nodes"] if node["kind"] == "subagent"
        ]
        assert [node["parent"] for node in below] == [session.thread_id]
        assert started["taskId"] in below[0]["id"]
        _ends(session, turn_id, "completed", "accept")
        ended = session.until("task.completed")["payload"]
        assert ended["taskId"] == started["taskId"]
        assert ended["status"] == "completed"
        assert _subagents(session) == []


COMMON: tuple[Scenario, ...] = (
    plain,
    tool_accepted,
    tool_declined,
    interrupt_in_stream,
    interrupt_in_tool,
    interrupt_while_asking,
    llm_500,
    stream_cut,
    huge_line,
    killed_in_turn,
    killed_with_request_open,
    busy,
)


def scenarios_of(profile: AgentProfile) -> list[Scenario]:
    """Return what this agent is put through, to be parametrised over."""
    chosen = list(COMMON)
    if profile.busy == "queues":
        chosen.append(interrupt_with_queue)
    if profile.subagents:
        chosen.append(subagent)
    return [scenario for scenario in chosen if scenario.__name__ not in profile.skips]


def marks_of(profile: AgentProfile) -> list[pytest.MarkDecorator]:
    """Return what a module of live tests of this agent is marked with (`pytestmark`)."""
    marks = [pytest.mark.agents(profile.name)]
    return [*marks, pytest.mark.long] if profile.long else marks


def common_scenarios(profile: AgentProfile) -> pytest.MarkDecorator:
    """Return a parametrisation of `scenario` over what this agent is put through."""
    chosen = scenarios_of(profile)
    return pytest.mark.parametrize("scenario", chosen, ids=[s.__name__ for s in chosen])


def _subagents(session: LiveSession) -> list[dict[str, Any]]:
    return [n for n in session.request("tree.get")["nodes"] if n["kind"] == "subagent"]


def _decisions(session: LiveSession) -> list[str]:
    return [e["payload"]["decision"] for e in session.of("request.resolved")]


def _ends(
    session: LiveSession, turn_id: str, state: str, decision: str | None = None
) -> dict[str, Any]:
    end = session.finish(turn_id, decision)
    assert end["state"] == state, end
    return end


def _goes_on(session: LiveSession) -> str:
    """The session takes the next turn as if nothing had been; return its id.

    The fake LLM answers the result of a cut tool first, if that is what it is shown.
    """
    turn_id = session.send("@@plain")
    _ends(session, turn_id, "completed")
    text = session.text(turn_id)
    assert HELLO in text or "The tool said" in text
    return turn_id


def _is_cut(session: LiveSession, turn_id: str) -> None:
    """The turn and its generation end as cut ones do."""
    end = session.until("turn.completed", turn_id)
    assert end["payload"]["state"] == "failed"
    assert end["payload"]["errorMessage"]
    exited = session.until("session.exited")
    assert exited["generation"] == 1
    assert exited["payload"]["exitKind"] == "error"
    assert exited["payload"]["recoverable"] is True


def _comes_back(session: LiveSession) -> None:
    """The next generation is the same conversation: the model is shown what was said before."""
    session.until_generation(2)
    _goes_on(session)
    if session.profile.resumes:
        asked = [r for r in session.agent.llm.requests() if "n_turns" in r]
        assert asked[-1]["n_turns"] > 1, "the resumed agent has forgotten its conversation"


def _steered(session: LiveSession, first: str) -> None:
    assert session.send("@@plain") == first
    _ends(session, first, "completed")
    assert HELLO in session.text(first)
    assert len(session.of("turn.started")) == 1


def _queued(session: LiveSession, first: str) -> None:
    second = session.send("@@plain")
    assert second != first
    _ends(session, first, "completed")
    _ends(session, second, "completed")
    assert HELLO in session.text(second)
    order = [(e["type"], e["turnId"]) for e in session.events() if e["type"].startswith("turn.")]
    marks = [(t, i) for t, i in order if t in ("turn.started", "turn.completed")]
    assert marks == [
        ("turn.started", first),
        ("turn.completed", first),
        ("turn.started", second),
        ("turn.completed", second),
    ]


def _refused(session: LiveSession, first: str) -> None:
    with pytest.raises(Refused) as refusal:
        session.send("@@plain")
    assert refusal.value.key == "validation"
    _ends(session, first, "completed")
    assert "word19 " in session.text(first)
    _goes_on(session)


__all__ = ["COMMON", "common_scenarios", "marks_of", "poll", "scenarios_of"]
