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


@pytest.mark.parametrize(
    "name", ["apiKey", "X-Api-Key", "access_key", "privateKey", "passphrase", "Cookie", "bearer"]
)
def test_what_a_key_is_called_may_say_that_its_value_is_secret(name: str) -> None:
    options = {"config": {"provider": {name: "planted-secret", "authMethod": "key"}}}
    record = make_record(msgspec.structs.replace(START, env=None, options=options), wanted=True)
    assert record.start.options == {"config": {"provider": {"authMethod": "key"}}}
    assert record.had_secrets


def test_what_only_looks_like_a_secret_is_kept() -> None:
    options = {
        "maxThinkingTokens": 2000,
        "runner": {"command": "electron", "env": {"ELECTRON_RUN_AS_NODE": "1"}},
    }
    record = make_record(msgspec.structs.replace(START, env=None, options=options), wanted=True)
    assert not record.had_secrets
    assert record.start.options == options
    hidden = {
        "tokens": "planted-secret",
        "pinToken": 1234,
        "runner": {"env": {"ELECTRON_RUN_AS_NODE": "1", "API": "planted-secret"}},
    }
    record = make_record(msgspec.structs.replace(START, env=None, options=hidden), wanted=True)
    assert record.had_secrets
    assert record.start.options == {"runner": {}}


def test_a_damaged_record_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_record(b"\xc1")
