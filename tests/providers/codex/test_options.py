"""Options and rights of a start in Codex's words."""

from typing import Any

import pytest

from sidecar.contract.methods import SessionStartParams
from sidecar.providers.codex.options import Rights, read_options, rights_of


def start(**fields: Any) -> SessionStartParams:
    return SessionStartParams(idempotency_key="k", thread_id="t", provider="codex", **fields)


@pytest.mark.parametrize(
    ("mode", "rights"),
    [
        ("approval-required", Rights("untrusted", "read-only")),
        ("auto-accept-edits", Rights("on-request", "workspace-write")),
        ("auto", Rights("on-request", "workspace-write", "auto_review")),
        ("full-access", Rights("never", "danger-full-access")),
    ],
)
def test_each_mode_has_its_rights(mode: Any, rights: Rights) -> None:
    assert rights_of(start(runtime_mode=mode)) == rights


def test_what_a_start_says_itself_counts() -> None:
    params = start(
        runtime_mode="full-access", approval_policy="on-failure", sandbox_mode="read-only"
    )
    assert rights_of(params) == Rights("on-request", "read-only")


def test_a_starts_options_lie_over_the_settings() -> None:
    options = read_options({"binaryPath": "/a", "effort": "low"}, {"binaryPath": "/b"})
    assert (options.binary_path, options.effort) == ("/b", "low")
