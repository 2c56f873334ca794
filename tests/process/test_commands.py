"""How we start ourselves, and that providers get an environment that the bundle has not touched."""

import sys

import pytest

from sidecar.process import (
    MARKS_VARIABLE,
    own_command,
    own_environment,
    provider_environment,
)
from sidecar.process.commands import _SOURCE_ROOT


@pytest.fixture
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, "_MEIPASS", "/tmp/_MEIabc", raising=False)
    monkeypatch.setattr(sys, "executable", "/opt/agent-sidecar")


def test_from_source_we_are_a_module() -> None:
    assert own_command("host", "--channel-fd", "9")[1:] == [
        "-m",
        "sidecar",
        "host",
        "--channel-fd",
        "9",
    ]


@pytest.mark.usefixtures("frozen")
def test_frozen_we_are_the_binary() -> None:
    assert own_command("zygote") == ["/opt/agent-sidecar", "zygote"]


@pytest.mark.usefixtures("frozen")
@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ({"LD_LIBRARY_PATH": "/tmp/_MEIabc"}, {}),
        (
            {"LD_LIBRARY_PATH": "/tmp/_MEIabc:/usr/x", "LD_LIBRARY_PATH_ORIG": "/usr/x"},
            {"LD_LIBRARY_PATH": "/usr/x"},
        ),
        (  # our own binary started this process: its ORIG is the bundle's
            {
                "LD_LIBRARY_PATH": "/tmp/_MEIabc:/tmp/_MEIabc:/usr/x",
                "LD_LIBRARY_PATH_ORIG": "/tmp/_MEIabc:/usr/x",
            },
            {"LD_LIBRARY_PATH": "/usr/x"},
        ),
        ({"LD_LIBRARY_PATH_ORIG": ""}, {}),
        ({"_PYI_ARCHIVE_FILE": "a", "_PYI_X": "b", "_MEIPASS2": "c"}, {}),
    ],
)
def test_frozen_a_provider_gets_the_environment_from_before_the_bootloader(
    inside: dict[str, str], outside: dict[str, str]
) -> None:
    assert provider_environment({**inside, "HOME": "/h"}) == {**outside, "HOME": "/h"}


@pytest.mark.usefixtures("frozen")
def test_our_own_binary_keeps_what_the_bootloader_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_PYI_ARCHIVE_FILE", "a")
    assert own_environment()["_PYI_ARCHIVE_FILE"] == "a"


def test_a_provider_gets_marks_but_no_secret_of_ours() -> None:
    base = {MARKS_VARIABLE: "m", "AGENT_SIDECAR_TOKEN": "t", "OPENAI_API_KEY": "theirs"}
    assert provider_environment(base) == {MARKS_VARIABLE: "m", "OPENAI_API_KEY": "theirs"}


def test_from_source_only_our_own_children_find_our_modules(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/theirs")
    own = own_environment()
    assert own["PYTHONPATH"].split(":") == [_SOURCE_ROOT, "/theirs"]
    assert provider_environment(own)["PYTHONPATH"] == "/theirs"
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH" not in provider_environment(own_environment())
