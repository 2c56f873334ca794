"""A few lines of TOML become a registry row, or a reason in words why they do not."""

from typing import Any

import pytest

from sidecar.providers.acp.options import read_options
from sidecar.providers.manifest import (
    MANIFEST_BYTES,
    BadManifest,
    parse_toml,
    read_manifest,
    read_package_manifest,
)
from sidecar.providers.registry import ACP_HOME_ENV, PROVIDERS

GEMINI = b"""
displayName = "Gemini CLI"
command = "gemini"
args = ["--acp"]
env = { GEMINI_CLI_NO_RELAUNCH = "true" }
authHint = "run gemini once and choose an account"
authMethod = "oauth-personal"
authEnv = ["GEMINI_API_KEY"]
authFiles = ["~/.gemini/oauth_creds.json"]
versionArgs = ["--version"]
homeEnv = "GEMINI_CLI_HOME"

[quirks]
failureTexts = ["Error:"]

[capabilities]
subagents = "basic"
"""


def test_a_few_lines_make_an_agent_a_provider() -> None:
    info = read_manifest(parse_toml(GEMINI), "gemini")
    assert (info.name, info.display_name) == ("gemini", "Gemini CLI")
    assert (info.module, info.session_class) == ("sidecar.providers.acp.session", "AcpSession")
    options = read_options(dict(info.options))
    assert (options.command, options.args) == ("gemini", ["--acp"])
    assert options.env == {"GEMINI_CLI_NO_RELAUNCH": "true"}
    assert (options.auth_hint, options.auth_method) == (
        "run gemini once and choose an account",
        "oauth-personal",
    )
    assert options.quirks.failure_texts == ["Error:"]
    assert info.home_env == {"GEMINI_CLI_HOME": ""}
    assert info.capabilities["subagents"] == "basic"
    assert info.capabilities["resume"] == PROVIDERS["acp"].capabilities["resume"]
    assert info.probe_settings["versionArgs"] == ["--version"]
    assert set(info.options) & set(info.probe_settings) == {"authHint"}


def test_two_lines_are_enough() -> None:
    info = read_manifest(parse_toml(b'command = "agent"'), "my-agent")
    assert (info.name, info.display_name) == ("my-agent", "my-agent")
    assert dict(info.home_env) == ACP_HOME_ENV
    assert not info.probe_settings


def test_a_name_in_the_file_wins_over_the_files_own() -> None:
    assert read_manifest({"command": "x", "name": "other"}, "file").name == "other"


def test_another_built_in_provider_can_be_built_on() -> None:
    info = read_manifest({"extends": "demo", "options": {"startDelayMs": 5}}, "slow")
    assert info.session_class == "DemoSession"
    assert info.options["startDelayMs"] == 5


@pytest.mark.parametrize(
    ("declared", "expected"),
    [
        ("A", {"A": ""}),
        (["A", "B"], {"A": "", "B": ""}),
        ({"A": "", "B": "config/x"}, {"A": "", "B": "config/x"}),
    ],
)
def test_an_instances_home_is_a_name_names_or_folders(declared: Any, expected: Any) -> None:
    assert read_manifest({"command": "x", "homeEnv": declared}, "a").home_env == expected


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        ({}, "a", "`command` is missing"),
        ({"command": 3}, "a", r"\$\.command"),
        ({"command": " "}, "a", r"\$\.command"),
        ({"command": "x", "comand": "y"}, "a", "comand"),
        ([], "a", "Expected `object`"),
        ("text", "a", "Expected `object`"),
        ({"command": "x"}, "two words", "is no name"),
        ({"command": "x", "name": "1st"}, "a", "name"),
        ({"command": "x"}, "demo", "built in and cannot be replaced"),
        ({"command": "x", "extends": "nobody"}, "a", "not built in"),
        ({"command": "x", "extends": "demo"}, "a", "`command` is for ACP agents"),
        ({"command": "x", "quirks": {"noSuch": True}}, "a", "noSuch"),
        ({"command": "x", "env": {"A": 1}}, "a", r"\$\.env"),
        ({"command": "x", "options": {"args": "no list"}}, "a", "args"),
        ({"command": "x", "capabilities": {"flies": True}}, "a", "flies"),
        ({"command": "x", "capabilities": {"resume": "maybe"}}, "a", "resume"),
        ({"command": "x", "homeEnv": {"A": "../up"}}, "a", "not inside"),
        ({"command": "x", "homeEnv": {"A": "/abs"}}, "a", "not inside"),
    ],
)
def test_what_cannot_be_used_says_why(data: Any, name: str, reason: str) -> None:
    with pytest.raises(BadManifest, match=reason):
        read_manifest(data, name)


@pytest.mark.parametrize("data", [b"a = ", b"\xff\xfe", b"#" * (MANIFEST_BYTES + 1), b"[" * 5000])
def test_what_is_no_toml_says_so(data: bytes) -> None:
    with pytest.raises(BadManifest):
        parse_toml(data)


def test_a_package_names_its_classes() -> None:
    data = {
        "module": "mine.session",
        "sessionClass": "Mine",
        "probeModule": "mine.probe",
        "probeClass": "MineProbe",
        "capabilities": {"resume": "full"},
    }
    info = read_package_manifest(data, "mine", "/data/plugins/mine")
    assert (info.module, info.session_class, info.package_dir) == (
        "mine.session",
        "Mine",
        "/data/plugins/mine",
    )
    assert (info.probe_module, info.probe_class) == ("mine.probe", "MineProbe")
    assert info.capabilities["resume"] == "full"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"module": "m"},
        {"module": "m", "sessionClass": "S", "probeModule": "p"},
        {"module": "m", "sessionClass": "S", "name": "acp"},
        {"module": "m", "sessionClass": "S", "capabilities": {"x": 1}},
    ],
)
def test_a_package_that_cannot_be_used_says_why(data: Any) -> None:
    with pytest.raises(BadManifest):
        read_package_manifest(data, "mine", "/x")
