"""A fake of Cursor's CLI as an ACP agent: the real one cannot be installed without an account.

Its protocol is that of Cursor's documentation (cursor.com/docs/cli/acp): the login `cursor_login`,
modes agent, plan and ask, models with variants as config options, and the extensions
cursor/ask_question, cursor/create_plan, cursor/update_todos and cursor/task. Nothing here shows how
the real CLI behaves beyond that. Standard library alone.

    cursor_agent.py [--logged-out] [acp | agent acp | --version | status]

The text of a prompt is a list of steps, carried out in order and separated by ` | `:
    say WORDS | question | plan | todos | merge | task | image | unknown | tool | wait
"""

import json
import os
import sys
import threading
from typing import Any

Map = dict[str, Any]

ARGS = sys.argv[1:]
LOGGED_OUT = "--logged-out" in ARGS or bool(os.environ.get("FAKE_CURSOR_LOGGED_OUT"))
SESSION = "session-of-the-fake-cursor"
LOCK = threading.Lock()
CANCELLED = threading.Event()
ANSWERS: dict[Any, Map] = {}
ANSWERED = threading.Condition()

MODELS = [
    {"value": "default[]", "name": "Auto"},
    {"value": "gpt-5[effort=medium]", "name": "GPT-5"},
]
MODES = [{"id": id_, "name": id_.title()} for id_ in ("agent", "plan", "ask")]
OPTIONS = {"model": "default[]", "effort": "medium"}

QUESTION = {
    "toolCallId": "tool-question",
    "title": "Database",
    "questions": [
        {
            "id": "db",
            "prompt": "Which database?",
            "options": [{"id": "pg", "label": "PostgreSQL"}, {"id": "lite", "label": "SQLite"}],
        },
        {
            "id": "extras",
            "prompt": "Which extras?",
            "options": [{"id": "a", "label": "Audit"}, {"id": "b", "label": "Backup"}],
            "allowMultiple": True,
        },
    ],
}
PLAN = {
    "toolCallId": "tool-plan",
    "name": "Login",
    "overview": "Tighten the login",
    "plan": "# Login\n\n1. Change the form.",
    "todos": [{"id": "t1", "content": "Change the form", "status": "pending"}],
}


def send(message: Map) -> None:
    with LOCK:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **message}) + "\n")
        sys.stdout.flush()


def say(words: str) -> None:
    block = {"type": "text", "text": words}
    update = {"sessionUpdate": "agent_message_chunk", "content": block}
    send({"method": "session/update", "params": {"sessionId": SESSION, "update": update}})


def ask_client(method: str, params: Map) -> Map:
    """Ask, and say what was answered."""
    request_id = f"ask-{method}"
    send({"id": request_id, "method": method, "params": params})
    with ANSWERED:
        ANSWERED.wait_for(lambda: request_id in ANSWERS)
        answer = ANSWERS.pop(request_id)
    say(json.dumps(answer.get("result", answer.get("error"))))
    return answer


def options() -> list[Map]:
    return [
        {
            "id": "model",
            "category": "model",
            "type": "select",
            "currentValue": OPTIONS["model"],
            "options": MODELS,
        },
        {
            "id": "effort",
            "category": "thought_level",
            "type": "select",
            "currentValue": OPTIONS["effort"],
            "options": [{"value": v, "name": v} for v in ("medium", "high")],
        },
    ]


def initialize(params: Map) -> Map:
    return {
        "protocolVersion": 1,
        "agentCapabilities": {
            "loadSession": True,
            "promptCapabilities": {"image": True},
            "mcpCapabilities": {"http": True, "sse": True},
        },
        "authMethods": [{"id": "cursor_login", "name": "Cursor Login"}],
        "_meta": {"heard": params["clientCapabilities"].get("_meta")},
    }


def authenticate(params: Map) -> Map:
    if LOGGED_OUT or params["methodId"] != "cursor_login":
        raise ValueError(-32000, "Not logged in")
    OPTIONS["logged in"] = "yes"
    return {}


def new_session(_params: Map) -> Map:
    if "logged in" not in OPTIONS:
        raise ValueError(-32000, "Authentication required")
    modes = {"availableModes": MODES, "currentModeId": "agent"}
    return {"sessionId": SESSION, "modes": modes, "configOptions": options()}


def set_option(params: Map) -> Map:
    OPTIONS[params["configId"]] = params["value"]
    return {"configOptions": options()}


def prompt(message: Map) -> None:
    CANCELLED.clear()
    steps = "".join(block.get("text", "") for block in message["params"]["prompt"]).split(" | ")
    for step in steps:
        word, _, rest = step.partition(" ")
        STEPS[word](rest)
        if CANCELLED.is_set():
            break
    reason = "cancelled" if CANCELLED.is_set() else "end_turn"
    send({"id": message["id"], "result": {"stopReason": reason}})


def tool(_: str) -> None:
    call = {"toolCallId": "tool-1", "kind": "execute", "title": "ls"}
    update = {"sessionUpdate": "tool_call", **call, "status": "pending"}
    send({"method": "session/update", "params": {"sessionId": SESSION, "update": update}})
    names = ("allow-once", "allow-always", "reject-once")
    choices = [{"optionId": name, "name": name.replace("-", " ")} for name in names]
    params = {"sessionId": SESSION, "toolCall": call, "options": choices}
    ask_client("session/request_permission", params)


def notify_todos(_: str) -> None:
    todos = [
        {"id": "t1", "content": "Change the form", "status": "in_progress"},
        {"id": "t2", "content": "Write the test", "status": "pending"},
    ]
    params = {"toolCallId": "tool-todos", "todos": todos, "merge": False}
    send({"method": "cursor/update_todos", "params": params})


def merge_todos(_: str) -> None:
    todos = [
        {"id": "t1", "content": "Change the form", "status": "completed"},
        {"id": "t2", "status": "cancelled"},
    ]
    ask_client("cursor/update_todos", {"toolCallId": "tool-todos", "todos": todos, "merge": True})


def notify_task(_: str) -> None:
    params = {
        "toolCallId": "tool-task",
        "agentId": "agent-1",
        "description": "Look around",
        "prompt": "Find the tests",
        "subagentType": "explore",
        "model": "gpt-5",
        "durationMs": 12,
    }
    send({"method": "cursor/task", "params": params})


STEPS: dict[str, Any] = {
    "say": say,
    "question": lambda _: ask_client("cursor/ask_question", QUESTION),
    "plan": lambda _: ask_client("cursor/create_plan", PLAN),
    "todos": notify_todos,
    "merge": merge_todos,
    "task": notify_task,
    "image": lambda _: ask_client("cursor/generate_image", {"toolCallId": "tool-image"}),
    "unknown": lambda _: ask_client("cursor/unheard_of", {}),
    "tool": tool,
    "wait": lambda _: CANCELLED.wait(),
}
METHODS: dict[str, Any] = {
    "initialize": initialize,
    "authenticate": authenticate,
    "session/new": new_session,
    "session/load": lambda _params: {"configOptions": options()},
    "session/set_mode": lambda _params: {},
    "session/set_config_option": set_option,
}


def take(message: Map) -> None:
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
        try:
            send({"id": message["id"], "result": METHODS[method](message["params"])})
        except ValueError as error:
            code, words = error.args
            send({"id": message["id"], "error": {"code": code, "message": words}})


def main() -> None:
    words = [arg for arg in ARGS if not arg.startswith("--logged")]
    if words == ["--version"]:
        print("2026.11.01-abcdef0")
    elif words[-1:] == ["status"]:
        print("\x1b[33mNot logged in\x1b[0m" if LOGGED_OUT else "✓ Logged in as me@example.org")
        sys.exit(1 if LOGGED_OUT else 0)
    elif words in (["acp"], ["agent", "acp"]):
        for line in sys.stdin:
            take(json.loads(line))
    else:
        sys.exit(f"unknown command {words}")


if __name__ == "__main__":
    main()
