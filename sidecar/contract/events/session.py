"""Payloads of session.* and thread.*: a conversation's life and what it has used."""

from typing import Any

from sidecar.contract.base import Count, NonBlank, Positive, Wire
from sidecar.contract.vocabulary import ExitKind, SessionState, ThreadState


class SessionStarted(Wire, frozen=True):
    message: NonBlank | None = None
    resume: Any = None


class SessionConfigured(Wire, frozen=True):
    config: dict[str, Any]


class SessionStateChanged(Wire, frozen=True):
    state: SessionState
    reason: NonBlank | None = None
    detail: Any = None


class SessionExited(Wire, frozen=True):
    reason: NonBlank | None = None
    recoverable: bool | None = None
    exit_kind: ExitKind | None = None
    stderr_tail: NonBlank | None = None


class ThreadStarted(Wire, frozen=True):
    provider_thread_id: NonBlank | None = None


class ThreadStateChanged(Wire, frozen=True):
    state: ThreadState
    detail: Any = None
    before_tokens: Count | None = None
    after_tokens: Count | None = None


class ThreadMetadataUpdated(Wire, frozen=True):
    name: NonBlank | None = None
    metadata: dict[str, Any] | None = None


class TokenUsage(Wire, frozen=True):
    used_tokens: Count
    total_processed_tokens: Count | None = None
    max_tokens: Positive | None = None
    input_tokens: Count | None = None
    cached_input_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_output_tokens: Count | None = None
    last_used_tokens: Count | None = None
    last_input_tokens: Count | None = None
    last_cached_input_tokens: Count | None = None
    last_output_tokens: Count | None = None
    last_reasoning_output_tokens: Count | None = None
    tool_uses: Count | None = None
    duration_ms: Count | None = None
    compacts_automatically: bool | None = None


class ThreadTokenUsageUpdated(Wire, frozen=True):
    usage: TokenUsage


class RealtimeStarted(Wire, frozen=True):
    realtime_session_id: NonBlank | None = None


class RealtimeItemAdded(Wire, frozen=True):
    item: Any


class RealtimeAudioDelta(Wire, frozen=True):
    audio: Any


class RealtimeError(Wire, frozen=True):
    message: NonBlank


class RealtimeClosed(Wire, frozen=True):
    reason: NonBlank | None = None
