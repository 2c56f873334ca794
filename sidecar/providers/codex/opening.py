"""How a thread is opened: handshake, version gate, account, models, a new thread or a resumed one.

Owns the requests and what their refusals mean in words. Never emits: the session announces.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sidecar import __version__
from sidecar.contract.base import Json
from sidecar.contract.errors import ProviderProcessFailed, ProviderRequestFailed
from sidecar.providers.codex.catalog import Catalog, Choice, account_shown
from sidecar.providers.codex.deadlines import Deadlines
from sidecar.providers.codex.link import CodexLink
from sidecar.providers.codex.options import CodexOptions, Rights
from sidecar.providers.codex.version import too_old, version_in
from sidecar.providers.shapes import a_map, maps, text

MODEL_PAGES = 8
"""Pages of model/list that are read; Codex has one."""

LOGIN = (
    "Codex has no account: run `codex login` (with CODEX_HOME set to {home}), or turns will fail "
    "unless a gateway in its config.toml needs none"
)


class NotResumable(Exception):  # noqa: N818 - named after what happened
    """Raised by resumable; a new thread is begun instead."""


@dataclass(frozen=True, slots=True)
class Handshake:
    """What Codex said of itself and of its account."""

    answer: dict[str, Any]
    account: dict[str, Any] = field(default_factory=dict)
    wants_login: bool = False
    catalog: Catalog = field(default_factory=Catalog)

    @property
    def version(self) -> str | None:
        """Its version as it says it, such as 0.169.0."""
        agent = text(self.answer.get("userAgent")) or ""
        return agent.partition("/")[2].partition(" ")[0] or None

    @property
    def login_hint(self) -> str | None:
        """How to log in, for a Codex that needs an account and has none."""
        home = text(self.answer.get("codexHome")) or "its home"
        return LOGIN.format(home=home) if self.wants_login else None


class Opened(NamedTuple):
    """An open thread: its id and what is in force for it."""

    thread_id: str
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a thread is opened with."""

    cwd: str
    rights: Rights
    options: CodexOptions
    choice: Choice

    def params(self) -> dict[str, Json]:
        """Return the params that thread/start and thread/resume share."""
        found: dict[str, Json] = {
            "cwd": self.cwd,
            "approvalPolicy": self.rights.approval_policy,
            "sandbox": self.rights.sandbox,
            "approvalsReviewer": self.rights.reviewer if self.rights.reviewer != "user" else None,
            "model": self.choice.model,
            "serviceTier": self.choice.service_tier,
            "config": self._config() or None,
            "baseInstructions": self.options.base_instructions,
            "developerInstructions": self.options.developer_instructions,
            "personality": self.options.personality,
        }
        return {key: value for key, value in found.items() if value is not None}

    def _config(self) -> dict[str, Any]:
        """Return overrides of config.toml; the effort has no place of its own at the start."""
        effort = self.choice.effort
        return {**self.options.config, **({"model_reasoning_effort": effort} if effort else {})}


async def shake_hands(link: CodexLink, deadlines: Deadlines) -> Handshake:
    """Initialize, and read account and models; a missing account is told, not refused.

    Raises ProviderProcessFailed for a Codex that is too old, and ProviderRequestFailed.
    """
    params = {
        "clientInfo": {"name": "agent-sidecar", "title": "Agent sidecar", "version": __version__},
        "capabilities": {"experimentalApi": True},
    }
    answer = await link.result("initialize", params, deadlines.start_s)
    outdated = too_old(version_in(str(answer.get("userAgent"))))
    if outdated is not None:
        raise ProviderProcessFailed(f"Cannot start the session: {outdated}")
    link.notify("initialized")
    said = await link.result("account/read", {"refreshToken": False}, deadlines.start_s)
    account = account_shown(said.get("account"))
    wants_login = not account and said.get("requiresOpenaiAuth") is True
    complete = account.get("type") == "chatgpt"
    models = await read_models(link, deadlines.models_s, complete)
    return Handshake(answer, account, wants_login, models)


async def read_models(link: CodexLink, deadline_s: float, complete: bool = False) -> Catalog:
    """Return the models; an empty catalog when Codex does not tell."""
    rows: list[dict[str, Any]] = []
    cursor: str | None = None
    for _ in range(MODEL_PAGES):
        params: dict[str, Json] = {"includeHidden": True}
        try:
            page = await link.result("model/list", params | _from(cursor), deadline_s)
        except ProviderRequestFailed:
            return Catalog()
        rows += maps(page.get("data"))
        cursor = text(page.get("nextCursor"))
        if cursor is None:
            break
    return Catalog(rows, complete=complete)


async def new_thread(link: CodexLink, wanted: Wanted, deadline_s: float) -> Opened:
    """Open a new thread. Raises ProviderRequestFailed."""
    return _opened(await link.result("thread/start", wanted.params(), deadline_s))


async def resume_thread(
    link: CodexLink, thread_id: str, wanted: Wanted, deadline_s: float
) -> Opened:
    """Open an earlier thread; its history is not sent. Raises ProviderRequestFailed."""
    params = {**wanted.params(), "threadId": thread_id, "excludeTurns": True}
    return _opened(await link.result("thread/resume", params, deadline_s))


def resumable(cursor: Json) -> str:
    """Return the thread id in a resume cursor. Raises NotResumable with the reason."""
    thread_id = a_map(cursor).get("threadId")
    if not isinstance(thread_id, str) or text(thread_id) is None:
        raise NotResumable("the resume cursor is not one of a Codex thread")
    return thread_id


def _opened(result: dict[str, Any]) -> Opened:
    thread_id = text(a_map(result.get("thread")).get("id"))
    if thread_id is None:
        raise ProviderRequestFailed("Codex opened a thread without an id")
    return Opened(thread_id, {key: value for key, value in result.items() if key != "thread"})


def _from(cursor: str | None) -> dict[str, Json]:
    return {} if cursor is None else {"cursor": cursor}
