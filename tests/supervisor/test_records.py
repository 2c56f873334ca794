"""What is kept of a session holds no secret, and comes back as it was."""

import msgspec
import pytest

from sidecar.contract.methods import RestartSpec, SessionStartParams
from sidecar.supervisor.records import decode_record, encode_record, make_record

START = SessionStartParams(
    idempotency_key="k",
    thread_id="t",
    provider="acp",
    runtime_mode="full-access",
    cwd="/work",
    env={"API_KEY": "planted-secret"},
    options={
        "command": "agent",
        "env": {"TOKEN": "planted-secret"},
        "nested": [{"apiKey": "planted-secret", "name": "kept"}],
        "mcpServers": [{"headers": {"Authorization": "planted-secret"}}],
    },
    restart=RestartSpec(policy="permanent"),
)


def test_no_secret_is_in_the_bytes_that_are_kept() -> None:
    record = make_record(START, wanted=True)
    blob = encode_record(record)
    assert b"planted-secret" not in blob
    assert decode_record(blob) == record
    assert record.had_secrets
    assert record.start.options == {"command": "agent", "nested": [{"name": "kept"}]}
    assert record.start.restart == RestartSpec(policy="permanent")


def test_a_start_without_secrets_is_kept_whole() -> None:
    bare = msgspec.structs.replace(START, env=None, options={"command": "agent"})
    record = make_record(bare, wanted=False)
    assert not record.had_secrets
    assert not record.wanted
    assert record.start == bare


def test_a_damaged_record_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_record(b"\xc1")
