"""A fake ACP agent, one trick a word on its command line. Standard library alone.

Handshake:   early-updates · no-load · version-2 · login · no-models · mute · dies-at-start
             says-much
Loading:     load-fails · load-odd · history-late
Prompts:     deaf (ends a cancelled prompt only after session/set_mode) · error-on-cancel
The text of a prompt is a list of steps, each carried out in order:
    say WORDS | think | error | stop REASON | ask [OPTION_KIND…] | tool | client METHOD | foreign
    garbage N | log | exit | wait | images | late
    terminal LINE (a command that the client runs, shown by a tool call)
    shell LINE (a command of its own in a session of its own, which outlives the turn)
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

Map = dict[str, Any]

TRICKS = set(sys.argv[1:])
SESSION = "session-of-the-fake"
LOCK = threading.Lock()
CANCELLED = threading.Event()
WAKE = threading.Event()
TOLD = threading.Event()
LATE: list[str] = []
ANSWERS: dict[Any, Map] = {}
ANSWERED = threading.Condition()


def send(message: Map) -> None:
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def update(update_kind: str, session: str = SESSION, /, **fields: Any) -> None:
    params = {"sessionId": session, "update": {"sessionUpdate": update_kind, **fields}}
    send({"method": "session/update", "params": params})


def say(words: str, kind: str = "agent_message_chunk", session: str = SESSION) -> None:
    update(kind, session, content={"type": "text", "text": words})


def ask_client(method: str, params: Map, request_id: Any) -> Map:
    send({"id": request_id, "method": method, "params": params})
    with ANSWERED:
        ANSWERED.wait_for(lambda: request_id in ANSWERS)
        return ANSWERS.pop(request_id)


def initialize(_params: Map) -> Map | None:
    if "mute" in TRICKS:
        return None
    if "dies-at-start" in TRICKS:
        sys.stderr.write("cannot find my configuration\n")
        sys.exit(3)
    return {
        "protocolVersion": 2 if "version-2" in TRICKS else 1,
        "agentInfo": {"name": "fake"},
        "agentCapabilities": {
            "loadSession": "no-load" not in TRICKS,
            "promptCapabilities": {"image": "images" in TRICKS},
        },
        "authMethods": [{"id": "fake_login", "name": "Log in"}],
    }


def authenticate(params: Map) -> Map:
    if params.get("methodId") != "fake_login":
        raise ValueError(-32602, "no such method")
    TRICKS.discard("login")
    return {}


def new_session(_params: Map) -> Map:
    if "login" in TRICKS:
        raise ValueError(-32000, "Authentication required")
    if "early-updates" in TRICKS:
        update("available_commands_update", availableCommands=[{"name": "early"}])
        say("early words")
    for _ in range(2000 if "says-much" in TRICKS else 0):
        update("current_mode_update", currentModeId="a")
    return {"sessionId": SESSION, **offers()}


def offers() -> Map:
    if "no-models" in TRICKS:
        return {}
    return {
        "models": {
            "availableModels": [{"modelId": "small"}, {"modelId": "large"}],
            "currentModelId": "small",
        },
        "modes": {"availableModes": [{"id": "ask"}, {"id": "plan"}], "currentModeId": "ask"},
    }


def load_session(_params: Map) -> Map | None:
    if "load-fails" in TRICKS:
        raise ValueError(-32603, "Internal error", {"details": "no such conversation"})
    say("what was asked", "user_message_chunk")
    say("what was answered")
    update("tool_call", toolCallId="old", kind="read")
    update("available_commands_update", availableCommands=[{"name": "loaded"}])
    return None if "load-odd" in TRICKS else offers()


def set_model(params: Map) -> Map:
    if params["modelId"] == "refused":
        raise ValueError(-32602, "no such model")
    return {}


def set_mode(params: Map) -> Map:
    WAKE.set()
    update("current_mode_update", currentModeId=params["modeId"])
    return {}


def prompt(message: Map) -> None:
    CANCELLED.clear()
    steps = "".join(block.get("text", "") for block in message["params"]["prompt"]).split(" | ")
    answer: Map = {"result": {"stopReason": "end_turn"}}
    for step in steps:
        word, _, rest = step.strip().partition(" ")
        answer = STEPS[word](rest, message) or answer
        if "error" in answer:
            break
        if CANCELLED.is_set():
            answer = cancelled()
            break
    send({"id": message["id"], **answer})


def cancelled() -> Map:
    if "deaf" in TRICKS:
        say("too late")
        WAKE.wait()
        say("much too late")
        update("tool_call", toolCallId="late", kind="execute")
        params = {"sessionId": SESSION, "toolCall": {"toolCallId": "late"}, "options": []}
        outcome = ask_client("session/request_permission", params, "late")
        LATE.append(json.dumps(outcome.get("result")))
        TOLD.set()
    if "error-on-cancel" in TRICKS:
        return {"error": {"code": 499, "message": "aborted"}}
    return {"result": {"stopReason": "cancelled"}}


def step_ask(rest: str, _message: Map) -> None:
    kinds = rest.split() or ["allow_once", "reject_once"]
    options = [{"optionId": f"option-{i}", "name": k, "kind": k} for i, k in enumerate(kinds)]
    call = {"toolCallId": "call-1", "kind": "execute", "title": "do it"}
    params = {"sessionId": SESSION, "toolCall": call, "options": options}
    answer = ask_client("session/request_permission", params, "ask-1")
    say(json.dumps(answer.get("result")))


def step_client(rest: str, _message: Map) -> None:
    answer = ask_client(rest, {"sessionId": SESSION, "path": "/etc/passwd"}, 77)
    say(json.dumps(answer.get("error", {}).get("code")))


def step_garbage(rest: str, _message: Map) -> None:
    for _ in range(int(rest)):
        with LOCK:
            sys.stdout.buffer.write(b"\xff\xfe garbage\n")
            sys.stdout.flush()


def step_log(_rest: str, _message: Map) -> None:
    with LOCK:
        sys.stdout.write("Loading configuration...\n")
        sys.stdout.flush()


def step_exit(_rest: str, _message: Map) -> None:
    sys.stdout.flush()
    os._exit(9)


def step_tool(_rest: str, _message: Map) -> None:
    update("tool_call", toolCallId="call-1", kind="execute", title="ls", status="pending")
    content = [{"type": "content", "content": {"type": "text", "text": "a\n"}}]
    update("tool_call_update", toolCallId="call-1", status="completed", content=content)


def step_say(rest: str, _message: Map) -> None:
    say(rest)


def step_think(_rest: str, _message: Map) -> None:
    say("hm", "agent_thought_chunk")


def step_foreign(_rest: str, _message: Map) -> None:
    say("of another session", session="another")


def step_wait(_rest: str, _message: Map) -> None:
    CANCELLED.wait()


def step_images(_rest: str, message: Map) -> None:
    say(str(sum(block["type"] == "image" for block in message["params"]["prompt"])))


def step_late(_rest: str, _message: Map) -> None:
    TOLD.wait()
    say(LATE[0])


def step_terminal(rest: str, _message: Map) -> None:
    named = {"sessionId": SESSION}
    created = ask_client("terminal/create", {**named, "command": rest}, "create")
    named |= {"terminalId": created["result"]["terminalId"]}
    content = [{"type": "terminal", "terminalId": named["terminalId"]}]
    update("tool_call", toolCallId="terminal", kind="execute", title=rest, content=content)
    ended = ask_client("terminal/wait_for_exit", named, "wait")
    output = ask_client("terminal/output", named, "output")
    say(json.dumps({"ended": ended["result"], "output": output["result"]["output"]}))
    update("tool_call_update", toolCallId="terminal", status="completed")


def step_shell(rest: str, _message: Map) -> None:
    subprocess.Popen(["/bin/sh", "-c", rest], start_new_session=True, stdin=subprocess.DEVNULL)


STEPS: dict[str, Callable[[str, Map], Map | None]] = {
    "say": step_say,
    "think": step_think,
    "error": lambda _r, _m: {"error": {"code": 500, "message": "LLM is down"}},
    "stop": lambda rest, _m: {"result": {"stopReason": rest}},
    "ask": step_ask,
    "tool": step_tool,
    "client": step_client,
    "foreign": step_foreign,
    "garbage": step_garbage,
    "log": step_log,
    "exit": step_exit,
    "wait": step_wait,
    "images": step_images,
    "late": step_late,
    "terminal": step_terminal,
    "shell": step_shell,
}
METHODS: dict[str, Callable[[Map], Map | None]] = {
    "initialize": initialize,
    "authenticate": authenticate,
    "session/new": new_session,
    "session/load": load_session,
    "session/set_model": set_model,
    "session/set_mode": set_mode,
}


def answer(message: Map) -> None:
    try:
        result = METHODS[message["method"]](message.get("params") or {})
    except ValueError as error:
        code, words, *data = error.args
        body = {"code": code, "message": words, **({"data": data[0]} if data else {})}
        send({"id": message["id"], "error": body})
        return
    except KeyError:
        send({"id": message["id"], "error": {"code": -32601, "message": "Method not found"}})
        return
    if "mute" not in TRICKS:
        send({"id": message["id"], "result": result})
    if message["method"] == "session/load" and "history-late" in TRICKS:
        say("late history")
        update("tool_call", toolCallId="old-2", kind="read")


def main() -> None:
    for line in sys.stdin:
        message = json.loads(line)
        method = message.get("method")
        if method is None:
            with ANSWERED:
                ANSWERS[message["id"]] = message
                ANSWERED.notify_all()
        elif method == "session/cancel":
            CANCELLED.set()
        elif method == "session/prompt":
            threading.Thread(target=prompt, args=(message,), daemon=True).start()
        else:
            answer(message)


if __name__ == "__main__":
    main()
