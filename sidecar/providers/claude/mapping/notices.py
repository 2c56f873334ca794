"""What Claude says beside the conversation: hooks, compaction, retries, limits, files, login."""

from collections.abc import Callable
from typing import Any, Final

from sidecar.contract.base import Json
from sidecar.contract.events.session import SessionConfigured, ThreadStateChanged
from sidecar.contract.events.side import (
    AuthStatus,
    FailedFile,
    FilesPersisted,
    HookCompleted,
    HookProgress,
    HookStarted,
    ModelRerouted,
    PersistedFile,
    RateLimitsUpdated,
    ToolDenied,
    ToolProgress,
    ToolSummary,
)
from sidecar.contract.vocabulary import HookOutcome
from sidecar.core.conversation import Conversation
from sidecar.core.drafts import Draft
from sidecar.providers.shapes import DETAIL_CHARS, a_map, count, maps, text
from sidecar.providers.text import clipped, portable, whole

FILES = 256
"""Files of one message passed on."""

_OUTCOMES: Final[dict[str, HookOutcome]] = {"success": "success", "cancelled": "cancelled"}

Handler = Callable[[dict[str, Any]], list[Draft]]


class Notices:
    """Maps side messages. Each method returns the drafts that its message makes."""

    def __init__(self, conversation: Conversation, new_id: Callable[[str], str]) -> None:
        self._conversation = conversation
        self._new_id = new_id
        self._compaction: str | None = None
        self._system: dict[str, Handler] = {
            "hook_started": self._hook_started,
            "hook_progress": self._hook_progress,
            "hook_response": self._hook_response,
            "compact_boundary": self._compacted,
            "api_retry": self._retrying,
            "permission_denied": self._denied,
            "commands_changed": self._commands,
            "files_persisted": self._files,
            "model_refusal_fallback": self._rerouted,
            "model_fallback": self._rerouted,
            "informational": self._informed,
            "mirror_error": self._lost,
            "session_writes_lost": self._lost,
        }
        self._types: dict[str, Handler] = {
            "rate_limit_event": self._rate_limits,
            "tool_progress": self._tool_progress,
            "tool_use_summary": self._tool_summary,
            "auth_status": self._auth,
        }

    def map(self, type_: str, message: dict[str, Any]) -> list[Draft]:
        """Map a side message; nothing for one that says nothing to us."""
        if type_ == "system":
            handler = self._system.get(str(message.get("subtype")))
        else:
            handler = self._types.get(type_)
        return handler(message) if handler else []

    # Compaction

    def status(self, message: dict[str, Any]) -> list[Draft]:
        """Map system/status as far as it is about compaction."""
        if message.get("status") == "compacting" and self._compaction is None:
            self._compaction = self._new_id("item")
            return self._conversation.start_item(self._compaction, "context_compaction")
        result = message.get("compact_result")
        if result is None:
            return []
        failed = result == "failed"
        reason = text(message.get("compact_error"), DETAIL_CHARS)
        return self._end_compaction("failed" if failed else "completed", reason)

    def _end_compaction(self, status: Any, detail: str | None = None) -> list[Draft]:
        if self._compaction is None:
            return []
        item_id, self._compaction = self._compaction, None
        return self._conversation.complete_item(item_id, status, detail=detail)

    def _compacted(self, message: dict[str, Any]) -> list[Draft]:
        facts = a_map(message.get("compact_metadata"))
        detail = {
            "trigger": text(facts.get("trigger")),
            "durationMs": count(facts.get("duration_ms")),
        }
        payload = ThreadStateChanged(
            state="compacted",
            detail={key: value for key, value in detail.items() if value is not None} or None,
            before_tokens=count(facts.get("pre_tokens")),
            after_tokens=count(facts.get("post_tokens")),
        )
        drafts = self._end_compaction("completed")
        return drafts + self._conversation.say("thread.state.changed", payload)

    # Hooks

    def _hook_started(self, message: dict[str, Any]) -> list[Draft]:
        hook_id, name = text(message.get("hook_id")), text(message.get("hook_name"))
        event = text(message.get("hook_event"))
        if hook_id is None or name is None or event is None:
            return []
        payload = HookStarted(hook_id=hook_id, hook_name=name, hook_event=event)
        return self._conversation.say("hook.started", payload)

    def _hook_progress(self, message: dict[str, Any]) -> list[Draft]:
        hook_id = text(message.get("hook_id"))
        if hook_id is None:
            return []
        payload = HookProgress(hook_id=hook_id, **_outputs(message))
        return self._conversation.say("hook.progress", payload)

    def _hook_response(self, message: dict[str, Any]) -> list[Draft]:
        hook_id = text(message.get("hook_id"))
        if hook_id is None:
            return []
        payload = HookCompleted(
            hook_id=hook_id,
            outcome=_OUTCOMES.get(str(message.get("outcome")), "error"),
            exit_code=count(message.get("exit_code")),
            **_outputs(message),
        )
        return self._conversation.say("hook.completed", payload)

    # Tools

    def _denied(self, message: dict[str, Any]) -> list[Draft]:
        name = text(message.get("tool_name"))
        if name is None:
            return []
        payload = ToolDenied(
            tool_name=name,
            tool_use_id=text(message.get("tool_use_id")),
            reason=text(message.get("decision_reason"), DETAIL_CHARS)
            or text(message.get("message"), DETAIL_CHARS),
            agent_id=text(message.get("agent_id")),
        )
        return self._conversation.say("tool.denied", payload)

    def _tool_progress(self, message: dict[str, Any]) -> list[Draft]:
        payload = ToolProgress(
            tool_use_id=text(message.get("tool_use_id")),
            tool_name=text(message.get("tool_name")),
            elapsed_seconds=_seconds(message.get("elapsed_time_seconds")),
        )
        return self._conversation.say("tool.progress", payload)

    def _tool_summary(self, message: dict[str, Any]) -> list[Draft]:
        summary = text(message.get("summary"), DETAIL_CHARS)
        if summary is None:
            return []
        told = message.get("preceding_tool_use_ids")
        ids = [text(id_) for id_ in told] if isinstance(told, list) else []
        preceding = [id_ for id_ in ids if id_ is not None]
        payload = ToolSummary(summary=summary, preceding_tool_use_ids=preceding or None)
        return self._conversation.say("tool.summary", payload)

    # Account and model

    def _rate_limits(self, message: dict[str, Any]) -> list[Draft]:
        limits = a_map(message.get("rate_limit_info"))
        if not limits:
            return []
        payload = RateLimitsUpdated(rate_limits=portable(limits))
        return self._conversation.say("account.rate-limits.updated", payload)

    def _auth(self, message: dict[str, Any]) -> list[Draft]:
        told = message.get("output")
        rows = told if isinstance(told, list) else []
        lines = [whole(line) for line in rows if isinstance(line, str)]
        payload = AuthStatus(
            is_authenticating=message.get("isAuthenticating") is True,
            output=lines[:FILES] or None,
            error=text(message.get("error"), DETAIL_CHARS),
        )
        return self._conversation.say("auth.status", payload)

    def _rerouted(self, message: dict[str, Any]) -> list[Draft]:
        before = text(message.get("original_model")) or text(message.get("from_model"))
        after = text(message.get("fallback_model")) or text(message.get("to_model"))
        if before is None or after is None:
            return []
        reason = text(message.get("content"), DETAIL_CHARS) or text(message.get("trigger"))
        payload = ModelRerouted(
            from_model=before, to_model=after, reason=reason or "Claude went over to another model"
        )
        return self._conversation.say("model.rerouted", payload)

    def _commands(self, message: dict[str, Any]) -> list[Draft]:
        commands = {"commands": portable(maps(message.get("commands")))}
        return self._conversation.say("session.configured", SessionConfigured(config=commands))

    # Troubles

    def _retrying(self, message: dict[str, Any]) -> list[Draft]:
        attempt, most = count(message.get("attempt")), count(message.get("max_retries"))
        status = count(message.get("error_status"))
        reason = text(message.get("error")) or "no reason given"
        said = f"status {status}, {reason}" if status else reason
        words = f"The model could not be reached ({said}); trying again"
        if attempt is not None and most is not None:
            words += f", {attempt} of {most}"
        detail = {"kind": "retrying", "attempt": attempt, "maxRetries": most, "status": status}
        return self._warn(words, detail)

    def _informed(self, message: dict[str, Any]) -> list[Draft]:
        words = text(message.get("content"), DETAIL_CHARS)
        if words is None or message.get("level") != "warning":
            return []
        return self._warn(words, {"kind": "informational"})

    def _lost(self, message: dict[str, Any]) -> list[Draft]:
        reason = text(message.get("error")) or text(message.get("error_code")) or "no reason given"
        words = f"Claude could not save a part of the conversation: {reason}"
        return self._warn(words, {"kind": "not-saved"})

    def _warn(self, words: str, detail: Json) -> list[Draft]:
        return self._conversation.warning(words, detail)

    def _files(self, message: dict[str, Any]) -> list[Draft]:
        files = [
            PersistedFile(filename=name, file_id=file_id)
            for row in maps(message.get("files"))[:FILES]
            if (name := text(row.get("filename"))) and (file_id := text(row.get("file_id")))
        ]
        failed = [
            FailedFile(filename=name, error=error)
            for row in maps(message.get("failed"))[:FILES]
            if (name := text(row.get("filename"))) and (error := text(row.get("error")))
        ]
        payload = FilesPersisted(files=files, failed=failed or None)
        return self._conversation.say("files.persisted", payload)


def _seconds(value: object) -> float | None:
    """Return a duration, None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e12:
        return None
    return float(value)


def _outputs(message: dict[str, Any]) -> dict[str, str]:
    """Return what a hook has written, each bounded; keys without content are left out."""
    found = {key: message.get(key) for key in ("output", "stdout", "stderr")}
    return {
        key: clipped(whole(value), DETAIL_CHARS)
        for key, value in found.items()
        if isinstance(value, str) and value
    }
