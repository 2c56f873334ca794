"""The tail of an output holds whole characters, no more than it may, and says what it dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.providers.acp.tail import OutputTail


def test_what_fits_is_kept_whole() -> None:
    tail = OutputTail(10)
    assert tail.add(b"hello") == "hello"
    assert (tail.text, tail.truncated) == ("hello", False)
    assert (OutputTail(0).text, OutputTail(0).truncated) == ("", False)


@pytest.mark.parametrize(("limit", "kept"), [(6, "b😀c"), (5, "😀c"), (4, "c"), (2, "c")])
def test_the_beginning_is_dropped_at_a_character(limit: int, kept: str) -> None:
    tail = OutputTail(limit)
    tail.add("aaaab😀c".encode())
    assert (tail.text, tail.truncated) == (kept, True)


def test_a_limit_below_one_character_keeps_nothing() -> None:
    tail = OutputTail(2)
    tail.add("😀".encode())
    assert (tail.text, tail.truncated) == ("", True)


def test_a_character_that_comes_in_two_reads_is_one() -> None:
    tail = OutputTail(100)
    emoji = "😀".encode()
    assert tail.add(emoji[:2]) == ""
    assert tail.text == ""
    assert tail.add(emoji[2:]) == "😀"


def test_half_a_character_at_the_end_becomes_a_replacement() -> None:
    tail = OutputTail(100)
    assert tail.add(b"a\xf0\x9f") == "a"
    assert tail.add(b"") == "\ufffd"
    assert tail.text == "a\ufffd"


@given(st.lists(st.binary(max_size=40)), st.integers(0, 50))
def test_any_bytes_stay_within_the_limit_and_are_the_end_of_what_was_said(
    pieces: list[bytes], limit: int
) -> None:
    tail = OutputTail(limit)
    said = "".join(tail.add(piece) for piece in [*pieces, b""])
    assert said == b"".join(pieces).decode("utf-8", "replace") or b"" in pieces
    assert said.endswith(tail.text)
    assert len(tail.text.encode()) <= limit
    assert tail.truncated == (tail.text != said)
