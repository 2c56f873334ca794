"""What is started in either form, and what it is told."""

from typing import Any

import msgspec
import pytest

from sidecar.contract.vocabulary import RuntimeMode
from sidecar.providers.claude.forms import Session, command_of, initialize_of, permission_mode
from sidecar.providers.claude.options import read_options
from tests.providers.context import spec

SESSION = Session("/work", "default")


def argv(session: Session = SESSION, **options: Any) -> list[str]:
    return list(command_of(read_options({}, options), session, spec("claudeAgent")).argv)


def sdk_options(session: Session = SESSION, **options: Any) -> dict[str, Any]:
    told = initialize_of(read_options({}, {"runner": {"command": "x"}, **options}), session)
    found: dict[str, Any] = told["session"]["options"]
    return found


def test_the_cli_speaks_stream_json_both_ways() -> None:
    words = argv()
    assert words[:2] == ["claude", "-p"]
    assert words[words.index("--input-format") + 1] == "stream-json"
    assert words[words.index("--output-format") + 1] == "stream-json"
    assert "--include-partial-messages" in words
    assert "--permission-mode=default" in words


def test_each_value_is_glued_to_its_option() -> None:
    session = Session("/work", "plan", resume="s-1", model="--help", effort="high")
    words = argv(
        session,
        command="/bin/claude",
        args=["--chrome"],
        fallbackModel="haiku",
        maxTurns=3,
        additionalDirectories=["/a"],
        allowedTools=["Read", "Bash(ls *)"],
        disallowedTools=["WebSearch"],
        settingSources=["project"],
        strictMcpConfig=True,
        includeHookEvents=False,
    )
    assert words[0] == "/bin/claude"
    assert words[-1] == "--chrome"
    assert {
        "--permission-mode=plan",
        "--resume=s-1",
        "--model=--help",
        "--effort=high",
        "--fallback-model=haiku",
        "--max-turns=3",
        "--add-dir=/a",
        "--allowed-tools=Read,Bash(ls *)",
        "--disallowed-tools=WebSearch",
        "--setting-sources=project",
        "--strict-mcp-config",
    } <= set(words)
    assert "--include-hook-events" not in words


def test_what_may_be_secret_or_large_is_not_in_argv() -> None:
    options: dict[str, Any] = {
        "systemPrompt": "be brief",
        "appendSystemPrompt": "and kind",
        "agents": {"reviewer": {"description": "x", "prompt": "y"}},
        "mcpServers": {"a": {"command": "b", "env": {"TOKEN": "secret"}}},
    }
    words = " ".join(argv(**options))
    assert not any(word in words for word in ("brief", "kind", "reviewer", "secret"))
    told = initialize_of(read_options({}, options), SESSION)
    assert told == {
        "hooks": None,
        "systemPrompt": ["be brief"],
        "appendSystemPrompt": "and kind",
        "agents": options["agents"],
    }


def test_a_runner_is_told_in_the_sdks_words() -> None:
    session = Session("/work", "acceptEdits", resume="s-1", model="opus", effort="low")
    told = sdk_options(session, command="/bin/claude", allowedTools=["Read"], strictMcpConfig=True)
    assert told == {
        "cwd": "/work",
        "permissionMode": "acceptEdits",
        "includePartialMessages": True,
        "includeHookEvents": True,
        "allowDangerouslySkipPermissions": False,
        "settingSources": ["user", "project", "local"],
        "systemPrompt": {"type": "preset", "preset": "claude_code"},
        "resume": "s-1",
        "model": "opus",
        "effort": "low",
        "allowedTools": ["Read"],
        "strictMcpConfig": True,
        "pathToClaudeCodeExecutable": "/bin/claude",
    }


def test_a_runner_is_told_the_system_prompt_that_the_cli_would_have() -> None:
    assert sdk_options(appendSystemPrompt="be kind")["systemPrompt"]["append"] == "be kind"
    assert sdk_options(systemPrompt="be brief")["systemPrompt"] == "be brief"
    assert "settingSources" not in sdk_options(settingSources=[])


@pytest.mark.parametrize(
    ("mode", "may_bypass", "wanted"),
    [
        ("approval-required", True, "default"),
        ("auto-accept-edits", True, "acceptEdits"),
        ("auto", True, "auto"),
        ("full-access", True, "bypassPermissions"),
        ("full-access", False, "default"),
    ],
)
def test_a_runtime_mode_is_said_in_claudes_words(
    mode: RuntimeMode, may_bypass: bool, wanted: str
) -> None:
    options = read_options({}, {})
    assert permission_mode(options, mode, may_bypass=may_bypass) == wanted


def test_an_option_overrides_the_runtime_mode() -> None:
    options = read_options({}, {"permissionMode": "plan"})
    assert permission_mode(options, "full-access", may_bypass=True) == "plan"


def test_bypassing_permissions_has_to_be_allowed_as_well() -> None:
    session = Session("/work", "bypassPermissions")
    assert "--allow-dangerously-skip-permissions" in argv(session)
    assert sdk_options(session)["allowDangerouslySkipPermissions"] is True


def test_an_instance_has_a_home_of_its_own() -> None:
    own = msgspec.structs.replace(spec("claudeAgent"), instance_home="/data/work")
    env = command_of(read_options({}, {"env": {"A": "b"}}), SESSION, own).env
    assert env["CLAUDE_CONFIG_DIR"] == "/data/work"
    assert env["A"] == "b"
    assert env["CLAUDE_CODE_EAGER_FLUSH"] == "1"
    assert env["CLAUDECODE"] is None


def test_options_are_laid_over_the_settings() -> None:
    options = read_options({"command": "a", "effort": "low", "x": 1}, {"command": "b"})
    assert (options.command, options.effort) == ("b", "low")
