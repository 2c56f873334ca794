"""Which variables an agent gets is decided by rules over values alone."""

import pytest

from sidecar.core.environment import (
    admitted,
    difference,
    joined_path,
    matches,
    parse_dump,
    with_login,
)

MARK = "9f8e7d"


def test_everything_is_handed_on_but_what_is_denied() -> None:
    env = {"A": "1", "AWS_SECRET": "2", "aws_key": "3", "PATH": "/bin"}
    assert admitted(env, None, ["AWS_*"]) == {"A": "1", "PATH": "/bin"}


def test_with_an_allow_list_only_that_and_what_programs_need() -> None:
    env = {"A": "1", "B": "2", "PATH": "/bin", "LC_ALL": "C", "HOME": "/h"}
    assert set(admitted(env, ["A"], [])) == {"A", "PATH", "LC_ALL", "HOME"}
    assert set(admitted(env, [], [])) == {"PATH", "LC_ALL", "HOME"}


def test_deny_wins_over_allow_and_over_what_programs_need() -> None:
    assert admitted({"A": "1", "HOME": "/h"}, ["A"], ["A", "HOME"]) == {}


def test_marks_cannot_be_denied() -> None:
    env = {"AGENT_SIDECAR_MARKS": "m"}
    assert admitted(env, [], ["*"]) == env


def test_what_is_the_apps_own_is_never_handed_on() -> None:
    assert admitted({"ELECTRON_RUN_AS_NODE": "1", "NODE_CHANNEL_FD": "3"}, None, []) == {}


def test_names_match_whatever_their_case() -> None:
    assert matches("Path", ["PATH"])
    assert matches("http_proxy", ["HTTP_*"])
    assert not matches("XPATH", ["PATH"])


def test_the_shells_path_goes_first_and_nothing_else_is_replaced() -> None:
    merged = with_login(
        {"PATH": "/usr/bin:/app", "A": "app"},
        {"PATH": "/home/bin:/usr/bin", "A": "shell", "B": "new"},
    )
    assert merged == {"PATH": "/home/bin:/usr/bin:/app", "A": "app", "B": "new"}


@pytest.mark.parametrize(
    "name", ["_", "SHLVL", "PWD", "SSH_AUTH_SOCK", "BASH_FUNC_x%%", "ELECTRON_RUN_AS_NODE"]
)
def test_what_a_shell_sets_for_itself_is_not_taken(name: str) -> None:
    assert with_login({}, {name: "x"}) == {}


@pytest.mark.parametrize(
    ("login", "inherited", "expected"),
    [
        ("/nvm:/usr/bin:/bin", "/usr/bin:/bin", "/nvm:/usr/bin:/bin"),
        ("/nvm:/usr/bin", "/venv:/usr/bin:/games", "/venv:/nvm:/usr/bin:/games"),
        ("/nvm", "/usr/bin:/bin", "/nvm:/usr/bin:/bin"),
        ("/usr/bin", "", "/usr/bin"),
    ],
)
def test_what_was_put_in_front_stays_in_front(login: str, inherited: str, expected: str) -> None:
    assert joined_path(login, inherited, ":") == expected


def test_empty_folders_are_left_out_of_a_path() -> None:
    assert joined_path(":/a::/b:", "/a:", ":") == "/a:/b"
    assert joined_path("", "", ":") == ""


def test_the_difference_leads_from_one_environment_to_the_other() -> None:
    base, wanted = {"A": "1", "B": "2", "C": "3"}, {"A": "1", "B": "9", "D": "4"}
    change = difference(base, wanted)
    assert change == {"B": "9", "D": "4", "C": None}
    laid = {name: value for name, value in (base | change).items() if value is not None}
    assert laid == wanted


def dump(body: str, before: str = "", after: str = "") -> bytes:
    return f"{before}{MARK}<{body}>{MARK}{after}".encode()


def test_a_dump_is_found_between_noise() -> None:
    noisy = dump("A=1\0B=two\nlines\0", "Welcome!\n\x1b[0m", "\nlogout\n")
    assert parse_dump(noisy, MARK) == {"A": "1", "B": "two\nlines"}


def test_a_dump_by_lines_is_read_too() -> None:
    assert parse_dump(dump("A=1\nB=two\nlines\nC=x=y\n"), MARK) == {
        "A": "1",
        "B": "two\nlines",
        "C": "x=y",
    }


@pytest.mark.parametrize(
    "output", [b"", b"nothing", f"{MARK}<A=1".encode(), f">{MARK}".encode(), MARK.encode()]
)
def test_a_dump_that_is_cut_is_none(output: bytes) -> None:
    assert parse_dump(output, MARK) is None


def test_a_shell_that_echoes_its_command_does_not_confuse() -> None:
    echoed = f"printf {MARK}< ; env ; printf >{MARK}\n".encode() + dump("A=1\0")
    assert parse_dump(echoed, MARK) == {"A": "1"}


def test_what_is_no_variable_is_left_out() -> None:
    assert parse_dump(dump("=x\0novalue\0A=1\0B C=2\0\0"), MARK) == {"A": "1"}


def test_a_value_that_is_no_text_is_left_out() -> None:
    assert parse_dump(MARK.encode() + b"<A=\xff\0B=1\0>" + MARK.encode(), MARK) == {"B": "1"}
