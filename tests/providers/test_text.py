"""Lines, tolerant JSON, cut emoji and portable values."""

import json
import math
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.providers.text import (
    LINE_BYTES,
    VALUE_DEPTH,
    LineSplitter,
    Oversized,
    SurrogateJoiner,
    clipped,
    decode_json,
    portable,
    whole,
)

ANY_TEXT = st.text(st.characters() | st.sampled_from("\ud83d\ude00\udbff\udc00\ud800\udfff"))


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in pairwise(edges)]


@given(st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b""))), st.data())
def test_lines_come_out_as_they_went_in_however_they_are_cut(
    lines: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    places = data.draw(st.lists(st.integers(0, len(stream)), max_size=8))
    splitter = LineSplitter(100)
    out = [line for part in cut(stream, places) for line in splitter.feed(part)]
    assert out == lines
    assert splitter.finish() == [b"rest"]
    assert splitter.finish() == []


@given(st.lists(st.integers(0, 30), max_size=8), st.lists(st.integers(0, 200), max_size=8))
def test_a_line_over_the_bound_is_one_marker_and_its_neighbours_pass(
    sizes: list[int], places: list[int]
) -> None:
    stream = b"".join(b"x" * size + b"\n" for size in sizes)
    splitter = LineSplitter(10)
    out = [line for part in cut(stream, places) for line in splitter.feed(part)]
    assert out == [Oversized(10) if size > 10 else b"x" * size for size in sizes]
    assert splitter.finish() == []


def test_an_oversized_line_is_said_at_once_and_holds_no_memory() -> None:
    splitter = LineSplitter(10)
    assert splitter.feed(b"x" * 11) == [Oversized(10)]
    assert splitter.feed(b"x" * 1000) == []
    assert splitter._parts == []
    assert splitter.finish() == []


def test_a_line_of_three_megabytes_passes_in_small_reads() -> None:
    line = b"x" * 3_000_000
    splitter = LineSplitter()
    out: list[Any] = []
    for start in range(0, len(line), 65_536):
        out += splitter.feed(line[start : start + 65_536])
    assert out == []
    assert splitter.feed(b"\n") == [line]
    assert LINE_BYTES > 3_000_000


@pytest.mark.parametrize(
    ("line", "value"),
    [
        (b'{"a": [1, "x"]}', {"a": [1, "x"]}),
        (b'"\\ud83d"', "\ud83d"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b'"\xff"', "\ufffd"),
        (b"\xef\xbb\xbf7", 7),
        (b"1e400", math.inf),
    ],
)
def test_json_is_decoded_tolerantly(line: bytes, value: Any) -> None:
    assert decode_json(line) == value


@pytest.mark.parametrize(
    "line", [b"", b"log line", b'{"a":', b"[" * 200_000, b"\x00\xff", b"{} {}", b"1" * 5000]
)
def test_what_is_no_json_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode_json(line)


@given(ANY_TEXT, st.lists(st.integers(0, 100), max_size=6))
def test_joined_pieces_give_the_whole_text_and_always_encode(text: str, places: list[int]) -> None:
    edges = sorted({min(place, len(text)) for place in places} | {0, len(text)})
    joiner = SurrogateJoiner()
    pieces = [joiner.feed(text[a:b]) for a, b in pairwise(edges)]
    pieces.append(joiner.flush())
    for piece in pieces:
        piece.encode()
    assert "".join(pieces) == whole(text)
    assert joiner.flush() == ""


@given(st.text())
def test_clean_text_is_not_changed(text: str) -> None:
    assert whole(text) == text
    assert SurrogateJoiner().feed(text) == text


@pytest.mark.parametrize("emoji", ["\U0001f600", "\U00010000", "\U0010ffff"])
def test_an_emoji_cut_in_two_is_joined(emoji: str) -> None:
    high, low = json.loads(f'[{json.dumps(emoji)[:7]}", "{json.dumps(emoji)[7:]}]')
    joiner = SurrogateJoiner()
    assert joiner.feed("a" + high) == "a"
    assert joiner.feed(low + "b") == emoji + "b"


def test_a_half_without_its_partner_becomes_a_replacement_character() -> None:
    joiner = SurrogateJoiner()
    assert joiner.feed("\ud83d") == ""
    assert joiner.feed("x") == "\ufffdx"
    assert joiner.feed("\ude00") == "\ufffd"
    assert joiner.feed("\ud83d") == ""
    assert joiner.feed("") == ""
    assert joiner.flush() == "\ufffd"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(JSON_VALUES)
def test_a_portable_value_survives_msgpack_and_json(value: Any) -> None:
    safe = portable(value)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(safe)) == safe
    assert json.loads(json.dumps(safe, allow_nan=False)) == safe


def test_portable_keeps_what_is_fine_and_bounds_depth() -> None:
    fine = {"a": [1, -2, 0.5, True, None, "x"], "big": 2**53 - 1}
    assert portable(fine) == fine
    assert portable(2**53) == str(2**53)
    assert portable(math.nan) is None
    deep: Any = "leaf"
    for _ in range(VALUE_DEPTH + 100):
        deep = [deep]
    found = portable(deep)
    for _ in range(VALUE_DEPTH):
        (found,) = found
    assert found == "…"


@given(JSON_VALUES, st.integers(0, 200))
def test_a_portable_value_stays_within_its_bytes(value: Any, max_bytes: int) -> None:
    marks = 16  # what was cut leaves its mark, and a container its head
    size = len(msgspec.msgpack.encode(portable(value, max_bytes)))
    assert size <= max_bytes + marks * (VALUE_DEPTH + 1)


def test_a_value_over_the_bound_is_cut_where_it_is_long() -> None:
    assert portable(["a", "b" * 100, "c"], 60) == ["a", "…"]
    assert portable({"a": 1, "b": "b" * 100, "c": 1}, 90) == {"a": 1, "b": "…"}
    assert len(portable([0] * 1_000_000, 900)) == 100


def test_a_value_of_three_megabytes_passes_whole() -> None:
    for text in ("x" * 3_000_000, "世" * 3_000_000):
        assert portable({"text": text}) == {"text": text}


def test_clipped_text_shows_that_it_was_cut() -> None:
    assert clipped("abc", 3) == "abc"
    assert clipped("abcd", 3) == "ab…"
