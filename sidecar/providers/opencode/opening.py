"""How a session of a running server is opened: a new one, or one of before; what the server offers.

Owns the requests and what their refusals mean. Never emits: the session announces.
"""

from typing import Any, Final, NamedTuple

from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderRequestFailed, SidecarError
from sidecar.contract.frames import SessionSpec
from sidecar.contract.results import Model
from sidecar.providers.opencode import catalogue
from sidecar.providers.opencode.http import HttpClient
from sidecar.providers.opencode.mapping.permissions import read_permission
from sidecar.providers.opencode.mapping.questions import read_questions
from sidecar.providers.opencode.shell import MARK_KEY
from sidecar.providers.shapes import a_map, maps, text

OPENING_S: Final = 45.0
"""One request while a session opens: the first of a server loads its plugins and providers."""

LEFT_OVER_S: Final = 5.0
"""One request that clears away what an earlier generation has left."""


class NotResumable(Exception):  # noqa: N818 - named after what happened
    """Raised by resume; a new conversation is begun instead."""


class Surroundings(NamedTuple):
    """What a server offers."""

    models: list[Model]
    config: dict[str, Any]


async def create(http: HttpClient, spec: SessionSpec) -> dict[str, Any]:
    """Open a new session and return its info. Raises ProviderRequestFailed."""
    body = {"metadata": {MARK_KEY: spec.mark}}
    return _session(await http.call("POST", "/session", body, OPENING_S))


def wanted(spec: SessionSpec) -> str:
    """Return the session that the resume cursor names, "" if it names none."""
    return text(a_map(spec.resume_cursor).get("sessionID")) or ""


async def resume(http: HttpClient, spec: SessionSpec) -> dict[str, Any]:
    """Return the info of the session of the resume cursor, with nothing running in it.

    Raises NotResumable with the reason.
    """
    session_id = a_map(spec.resume_cursor).get("sessionID")
    if not isinstance(session_id, str) or not session_id.isascii() or not session_id.isidentifier():
        raise NotResumable("the resume cursor is not one of an OpenCode session")
    path = f"/session/{session_id}"
    try:
        info = _session(await http.call("GET", path, None, OPENING_S))
        metadata = {**a_map(info.get("metadata")), MARK_KEY: spec.mark}
        await http.call("PATCH", path, {"metadata": metadata}, OPENING_S)
    except ProviderRequestFailed as error:
        raise NotResumable(error.message) from None
    await _clear(http, session_id)
    return info


async def _clear(http: HttpClient, session_id: str) -> None:
    """Stop what an earlier generation has left running in a session of a server that lives on."""
    status = a_map(await http.call("GET", "/session/status", None, LEFT_OVER_S))
    if session_id in status:
        await http.call("POST", f"/session/{session_id}/abort", None, LEFT_OVER_S)
    await reject_all(http, session_id)


async def reject_all(http: HttpClient, session_id: str) -> None:
    """Reject what is still asked for a session: opencode never forgets it, aborted or not."""
    for row in maps(await http.call("GET", "/permission", None, LEFT_OVER_S)):
        permission = read_permission(row)
        if permission is not None and permission.session_id == session_id:
            path = f"/permission/{permission.permission_id}/reply"
            await http.call("POST", path, {"reply": "reject"}, LEFT_OVER_S)
    for row in maps(await http.call("GET", "/question", None, LEFT_OVER_S)):
        asked = read_questions(row)
        if asked is not None and asked.session_id == session_id:
            await http.call("POST", f"/question/{asked.question_id}/reject", None, LEFT_OVER_S)


async def surroundings(http: HttpClient) -> Surroundings:
    """Ask what the server offers; what it does not tell is left out."""
    answers: list[Json] = []
    for path in ("/config/providers", "/agent", "/global/health"):
        try:
            answers.append(await http.call("GET", path, None, OPENING_S))
        except ProviderRequestFailed:
            answers.append(None)
    providers, agents, health = answers
    version = text(a_map(health).get("version"))
    models = catalogue.models(providers)
    return Surroundings(models, catalogue.config(models, agents, version))


def not_resumed(error: SidecarError | NotResumable) -> str:
    """Return what is said when a new conversation was begun."""
    return f"The conversation could not be resumed, a new one was begun: {error}"


def _session(value: Json) -> dict[str, Any]:
    info = a_map(value)
    session_id = info.get("id")
    if not isinstance(session_id, str) or not session_id.isidentifier():
        raise ProviderRequestFailed("OpenCode opened a session without a usable id")
    return info
