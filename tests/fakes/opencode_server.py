"""A fake of `opencode serve`, for tests of the provider: it speaks the protocol and does no work.

Not opencode: what opencode really says stands in tests/fixtures/transcripts/opencode, and the live
tests run the real one. A prompt steers it by its first word:

    plain            busy, a text, idle                      hold      busy until it is aborted
    ask [NAME]       a permission (bash), then idle          question  a question, then idle
    stuck            busy; aborts are ignored                 silent    nothing at all is done
    late             idle once before its message is complete, then again
    errors           session.error alone                     retry     a retry status for ever
    flood N          N deltas, then idle                     die       the process ends in mid-turn
    lose N           the event stream breaks in mid-text, N deltas are said meanwhile
    garbage          what is no event, then as plain
"""

import argparse
import asyncio
import base64
import json
import os
import sys
from itertools import count
from typing import Any

from aiohttp import web

IDS = count(1)
PASSWORD = os.environ.get("OPENCODE_SERVER_PASSWORD", "")


class Server:
    """Its state: sessions with their messages, what is asked, who listens."""

    def __init__(self) -> None:
        self.sessions: dict[str, dict[str, Any]] = {}
        self.messages: dict[str, list[dict[str, Any]]] = {}
        self.permissions: dict[str, dict[str, Any]] = {}
        self.questions: dict[str, dict[str, Any]] = {}
        self.waiting: dict[str, asyncio.Future[Any]] = {}
        self.busy: dict[str, asyncio.Event] = {}
        self.mcp: dict[str, Any] = {}
        self.streams: list[web.StreamResponse] = []
        self.calls: list[Any] = []
        self.health = 200
        self.refused_replies = 0
        self.mute = False
        self.tasks: set[asyncio.Task[None]] = set()

    # Saying

    async def raw(self, data: bytes) -> None:
        for stream in list(self.streams):
            try:
                await stream.write(data)
            except ConnectionError:
                self.streams.remove(stream)

    async def say(self, kind: str, **properties: Any) -> None:
        event = {"id": f"evt_{next(IDS)}", "type": kind, "properties": properties}
        await self.raw(b"data: " + json.dumps(event).encode() + b"\n\n")

    async def message(self, session: str, message_id: str, *, done: bool, **info: Any) -> None:
        info = {"id": message_id, "role": "assistant", "sessionID": session, **info}
        info |= {"time": {"created": 1, "completed": 2} if done else {"created": 1}}
        rows = self.messages[session]
        known = next((r for r in rows if r["info"]["id"] == message_id), None)
        if known is None:
            rows.append({"info": info, "parts": []})
        else:
            known["info"] |= info
        await self.say("message.updated", sessionID=session, info=info)

    async def part(self, session: str, message_id: str, part: dict[str, Any]) -> None:
        part = {"messageID": message_id, "sessionID": session, **part}
        (row,) = [r for r in self.messages[session] if r["info"]["id"] == message_id]
        row["parts"] = [p for p in row["parts"] if p["id"] != part["id"]] + [part]
        await self.say("message.part.updated", sessionID=session, part=part)

    async def status(self, session: str, kind: str, **more: Any) -> None:
        await self.say("session.status", sessionID=session, status={"type": kind, **more})
        if kind == "idle":
            await self.say("session.idle", sessionID=session)

    # Working

    async def work(self, session: str, text: str) -> None:
        word, _, rest = text.partition(" ")
        user, answer = f"msg_{next(IDS):04}", f"msg_{next(IDS):04}"
        info = {"id": user, "role": "user", "sessionID": session}
        parts = [{"id": f"prt_{next(IDS)}", "type": "text", "text": text}]
        self.messages[session].append({"info": info, "parts": parts})
        if word == "silent":
            return
        if word == "errors":
            error = {"name": "UnknownError", "data": {"message": "no such agent"}}
            await self.say("session.error", sessionID=session, error=error)
            return
        aborted = self.busy[session] = asyncio.Event()
        await self.say("message.updated", sessionID=session, info=info)
        await self.status(session, "busy")
        await self.message(session, answer, done=False, parentID=user)
        run = getattr(self, f"_{word}", self._plain)
        await run(session, answer, rest, aborted)
        if aborted.is_set():
            error = {"name": "MessageAbortedError", "data": {"message": "Aborted"}}
            await self.say("session.error", sessionID=session, error=error)
            await self.status(session, "idle")
            await self.message(session, answer, done=True, parentID=user, error=error)
        else:
            tokens = {"input": 10, "output": 5, "reasoning": 0, "cache": {"read": 0, "write": 0}}
            await self.message(
                session, answer, done=True, parentID=user, finish="stop", tokens=tokens, cost=0.5,
                providerID="fake", modelID="one",
            )  # fmt: skip
        del self.busy[session]
        await self.status(session, "idle")

    async def _plain(self, session: str, answer: str, *_: Any) -> None:
        part = {"id": f"prt_{next(IDS)}", "type": "text", "text": "", "time": {"start": 1}}
        await self.part(session, answer, part)
        for delta in ("Hello ", "world."):
            await self._delta(session, answer, part["id"], delta)
        whole = {**part, "text": "Hello world.", "time": {"start": 1, "end": 2}}
        await self.part(session, answer, whole)

    async def _delta(self, session: str, answer: str, part_id: Any, delta: str) -> None:
        await self.say(
            "message.part.delta",
            sessionID=session, messageID=answer, partID=part_id, field="text", delta=delta,
        )  # fmt: skip

    async def _hold(self, _s: str, _a: str, _r: str, aborted: asyncio.Event) -> None:
        await aborted.wait()

    async def _stuck(self, *_: Any) -> None:
        await asyncio.Event().wait()

    async def _late(self, session: str, answer: str, *_: Any) -> None:
        await self.status(session, "idle")
        await self._plain(session, answer)

    async def _retry(self, session: str, _a: str, _r: str, aborted: asyncio.Event) -> None:
        for attempt in count(1):
            await self.status(session, "retry", attempt=attempt, message="fake 500", next=1)
            try:
                async with asyncio.timeout(0.01):
                    await aborted.wait()
                    return
            except TimeoutError:
                continue

    async def _flood(self, session: str, answer: str, rest: str, _: asyncio.Event) -> None:
        part = {"id": f"prt_{next(IDS)}", "type": "text", "text": "", "time": {"start": 1}}
        await self.part(session, answer, part)
        words = [f"{number} " for number in range(int(rest))]
        for word in words:
            await self._delta(session, answer, part["id"], word)
        whole = {**part, "text": "".join(words), "time": {"start": 1, "end": 2}}
        await self.part(session, answer, whole)

    async def _lose(self, session: str, answer: str, rest: str, _: asyncio.Event) -> None:
        part = {"id": f"prt_{next(IDS)}", "type": "text", "text": "", "time": {"start": 1}}
        await self.part(session, answer, part)
        words = [f"{number} " for number in range(int(rest) + 2)]
        await self._delta(session, answer, part["id"], words[0])
        streams, self.streams = self.streams, []
        for stream in streams:
            await stream.write_eof()
        for word in words[1:-1]:
            await self._delta(session, answer, part["id"], word)
        while not self.streams:
            await asyncio.sleep(0.005)
        await self._delta(session, answer, part["id"], words[-1])
        whole = {**part, "text": "".join(words), "time": {"start": 1, "end": 2}}
        await self.part(session, answer, whole)

    async def _garbage(self, session: str, answer: str, *_: Any) -> None:
        await self.raw(b": comment\nevent: x\ndata: {nonsense\n\ndata: []\n\ndata: 7\n\n")
        await self.say("permission.asked", sessionID=session, id=None)
        await self._plain(session, answer)

    async def _die(self, *_: Any) -> None:
        os._exit(7)

    async def _ask(self, session: str, answer: str, rest: str, aborted: asyncio.Event) -> None:
        call = {
            "id": f"prt_{next(IDS)}", "type": "tool", "tool": "bash", "callID": f"call_{next(IDS)}",
            "state": {"status": "running", "input": {"command": "ls"}, "time": {"start": 1}},
        }  # fmt: skip
        await self.part(session, answer, call)
        asked: dict[str, Any] = {
            "id": f"per_{next(IDS)}", "sessionID": session, "permission": rest or "bash",
            "patterns": ["ls"], "always": ["ls *"], "metadata": {"command": "ls"},
            "tool": {"messageID": answer, "callID": call["callID"]},
        }  # fmt: skip
        self.permissions[asked["id"]] = asked
        reply = await self._wait("permission.asked", asked, aborted)
        state = {"status": "completed", "input": {"command": "ls"}, "output": str(reply)}
        await self.part(session, answer, {**call, "state": state})

    async def _question(self, session: str, answer: str, _: str, aborted: asyncio.Event) -> None:
        options = [{"label": "A", "description": "a"}, {"label": "B", "description": "b"}]
        question = {"question": "Which?", "header": "Which", "options": options}
        asked: dict[str, Any] = {
            "id": f"que_{next(IDS)}",
            "sessionID": session,
            "questions": [question],
        }
        self.questions[asked["id"]] = asked
        await self._wait("question.asked", asked, aborted)
        await self._plain(session, answer)

    async def _wait(self, kind: str, asked: dict[str, Any], aborted: asyncio.Event) -> Any:
        future = self.waiting[asked["id"]] = asyncio.get_running_loop().create_future()
        await self.say(kind, **asked)
        abort = asyncio.ensure_future(aborted.wait())
        await asyncio.wait({future, abort}, return_when=asyncio.FIRST_COMPLETED)
        abort.cancel()
        return future.result() if future.done() else None

    # Answering

    async def events(self, request: web.Request) -> web.StreamResponse:
        if self.mute:
            return web.Response(status=503)
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await stream.prepare(request)
        await stream.write(b'data: {"type": "server.connected", "properties": {}}\n\n')
        self.streams.append(stream)
        while stream in self.streams:
            await asyncio.sleep(0.01)
        return stream

    async def create(self, request: web.Request) -> web.Response:
        body = await request.json()
        session = {"id": f"ses_{os.getpid()}_{next(IDS)}", "title": "New session - now", **body}
        self.sessions[session["id"]] = session
        self.messages[session["id"]] = []
        await self.say("session.created", sessionID=session["id"], info=session)
        return web.json_response(session)

    async def prompt(self, request: web.Request) -> web.Response:
        session, body = request.match_info["id"], await request.json()
        text = body["parts"][0].get("text", "image")
        if text == "refuse":
            return web.json_response({"name": "BadRequest", "data": {"message": "no"}}, status=400)
        task = asyncio.create_task(self.work(session, text))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return web.Response(status=204)

    async def abort(self, request: web.Request) -> web.Response:
        if event := self.busy.get(request.match_info["id"]):
            event.set()
        return web.json_response(True)

    async def session(self, request: web.Request) -> web.Response:
        found = self.sessions.get(request.match_info["id"])
        if found is None:
            return web.json_response({"data": {"message": "Session not found"}}, status=404)
        if request.method == "PATCH":
            found |= await request.json()
        return web.json_response(found)

    async def revert(self, request: web.Request) -> web.Response:
        session = self.sessions[request.match_info["id"]]
        session["revert"] = await request.json()
        return web.json_response(session)

    async def reply(self, request: web.Request) -> web.Response:
        asked_id, body = request.match_info["id"], request["body"] or {}
        if self.refused_replies:
            self.refused_replies -= 1
            return web.json_response({"name": "UnknownError"}, status=500)
        asked = self.permissions.pop(asked_id, None) or self.questions.pop(asked_id, None)
        if asked is None:
            return web.json_response({"name": "NotFound"}, status=404)
        kind, session = asked_id[:3], asked["sessionID"]
        if not self.waiting[asked_id].done():
            self.waiting[asked_id].set_result(body)
        if kind == "per":
            await self.say(
                "permission.replied", sessionID=session, requestID=asked_id, reply=body["reply"]
            )
        else:
            name = "replied" if "answers" in body else "rejected"
            await self.say(f"question.{name}", sessionID=session, requestID=asked_id, **body)
        return web.json_response(True)

    async def mcp_add(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.mcp[body["name"]] = {"status": "connected"}
        await self.say("mcp.tools.changed", server=body["name"])
        return web.json_response(self.mcp)

    async def mcp_turn(self, request: web.Request) -> web.Response:
        verb = request.match_info["verb"]
        self.mcp[request.match_info["name"]] = {"status": f"{verb}ed", "error": "none"}
        return web.json_response(True)

    async def steer(self, request: web.Request) -> web.Response:
        """For tests alone: what was called, the health to answer with, replies to refuse."""
        self.health = int(request.query.get("health", self.health))
        self.refused_replies = int(request.query.get("refuse", self.refused_replies))
        if "mute" in request.query:
            self.mute = True
            self.streams.clear()
        if "say" in request.query:
            await self.say(request.query["say"])
        facts = {"calls": self.calls, "env": dict(os.environ), "permissions": self.permissions}
        return web.json_response(facts)

    def app(self) -> web.Application:
        app = web.Application(middlewares=[self.guard])

        def fixed(value: Any) -> Any:
            async def answer(_: web.Request) -> web.Response:
                return web.json_response(value() if callable(value) else value)

            return answer

        async def health(_: web.Request) -> web.Response:
            return web.json_response({"version": "9.9.9"}, status=self.health)

        async def hang(_: web.Request) -> web.Response:
            await asyncio.Event().wait()
            return web.Response()

        async def messages(request: web.Request) -> web.Response:
            return web.json_response(self.messages[request.match_info["id"]])

        models = {"one": {"name": "One", "limit": {"context": 1000}, "variants": {"high": {}}}}
        providers = {"providers": [{"id": "fake", "name": "Fake", "models": models}]}
        route = app.router.add_route
        route("GET", "/event", self.events)
        route("GET", "/global/health", health)
        route("GET", "/config/providers", fixed({**providers, "default": {"fake": "one"}}))
        route("GET", "/agent", fixed([{"name": "build"}, {"name": "x", "mode": "subagent"}]))
        route("GET", "/mcp", fixed(lambda: self.mcp))
        route("POST", "/mcp", self.mcp_add)
        route("POST", "/mcp/{name}/{verb}", self.mcp_turn)
        route("POST", "/session", self.create)
        route("GET", "/session/status", fixed(lambda: {s: {"type": "busy"} for s in self.busy}))
        route("*", "/session/{id}", self.session)
        route("GET", "/session/{id}/children", fixed([]))
        route("GET", "/session/{id}/message", messages)
        route("POST", "/session/{id}/prompt_async", self.prompt)
        route("POST", "/session/{id}/abort", self.abort)
        route("POST", "/session/{id}/revert", self.revert)
        route("GET", "/permission", fixed(lambda: list(self.permissions.values())))
        route("GET", "/question", fixed(lambda: list(self.questions.values())))
        route("POST", "/permission/{id}/reply", self.reply)
        route("POST", "/question/{id}/reply", self.reply)
        route("POST", "/question/{id}/reject", self.reply)
        route("GET", "/steer", self.steer)
        route("GET", "/hang", hang)
        return app

    @web.middleware
    async def guard(self, request: web.Request, handler: Any) -> web.StreamResponse:
        expected = "Basic " + base64.b64encode(f"opencode:{PASSWORD}".encode()).decode()
        if request.headers.get("Authorization") != expected:
            return web.Response(status=401)
        body = await request.json() if request.can_read_body else None
        if request.path not in ("/event", "/steer", "/global/health"):
            self.calls.append([request.method, request.path, body])
        request["body"] = body
        answer: web.StreamResponse = await handler(request)
        return answer


async def main() -> None:
    """Serve on a free port until killed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fail", default="")
    parser.add_argument("serve")
    parser.add_argument("--port")
    parser.add_argument("--hostname")
    arguments = parser.parse_args()
    if arguments.fail == "start":
        sys.exit("Error: the configuration is broken")
    if arguments.fail == "hang":
        await asyncio.Event().wait()
    runner = web.AppRunner(Server().app(), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    port = 1 if arguments.fail == "deaf" else port
    print("Warning: this is a fake.", flush=True)
    print(f"opencode server listening on http://127.0.0.1:{port}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
