from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.contract.limits import STDERR_TAIL_CHARS
from sidecar.core.bucket import Bucket
from sidecar.core.lastwords import (
    CHARS_BURST,
    LINE_CHARS,
    LINES_BURST,
    LINES_PER_S,
    SHOWN_CHARS,
    LastWords,
    StderrLog,
)
from sidecar.core.redaction import REDACTED, Redactor

SECRET = "planted-secret-0123456789"


class Written:
    """What a StderrLog writes, on a clock of the test's own."""

    def __init__(self, *secrets: str) -> None:
        self.records: list[tuple[str, dict[str, Any]]] = []
        self.now_s = 0.0
        self.log = StderrLog(Redactor(secrets), lambda: self.now_s, self._write)

    def _write(self, _level: str, event: str, **fields: Any) -> None:
        self.records.append((event, fields))

    @property
    def lines(self) -> list[str]:
        return [fields["line"] for event, fields in self.records if event == "provider.stderr"]

    @property
    def dropped(self) -> list[dict[str, Any]]:
        return [fields for event, fields in self.records if event == "provider.stderr.dropped"]


def test_the_tail_is_bounded_and_holds_the_end() -> None:
    words = LastWords()
    words.feed("x" * 10_000)
    words.feed("the end")

    assert len(words.tail) == STDERR_TAIL_CHARS
    assert words.tail.endswith("xthe end")


@given(st.integers(0, 12_000), st.integers(1, 40))
@settings(deadline=None)
def test_no_part_of_a_secret_is_in_the_tail_wherever_it_was_cut(behind: int, step: int) -> None:
    words = LastWords(Redactor([SECRET]).text)
    text = "a" * 5_000 + SECRET + "b" * behind
    for start in range(0, len(text), step * 97):
        words.feed(text[start : start + step * 97])

    assert not any(SECRET[at : at + 8] in words.tail for at in range(len(SECRET) - 8))
    assert len(words.tail) <= STDERR_TAIL_CHARS


def test_many_secrets_do_not_let_a_half_one_into_the_tail() -> None:
    words = LastWords(Redactor([SECRET]).text)
    words.feed(SECRET * 1_000)
    assert "planted" not in words.tail
    assert "0123" not in words.tail


def test_lines_are_logged_with_their_fields_and_in_pieces_of_reads_joined() -> None:
    written = Written(SECRET)
    words = written.log.reader({"pid": 7})
    for piece in ("Traceback:\n  tok", f"en {SECRET[:10]}", f"{SECRET[10:]}\r\nend", " of it"):
        words.feed(piece)
    words.end()

    assert written.lines == ["Traceback:", f"  token {REDACTED}", "end of it"]
    assert all(fields["pid"] == 7 for _, fields in written.records)


def test_blank_lines_are_left_out() -> None:
    written = Written()
    written.log.reader({}).feed("\n \n\na\n")
    assert written.lines == ["a"]


def test_a_long_line_is_cut_where_no_secret_can_be_halved() -> None:
    written = Written(SECRET)
    words = written.log.reader({})
    for at in (SHOWN_CHARS - 10, LINE_CHARS - 10, 3 * LINE_CHARS):
        words.feed("a" * at + SECRET + "b" * 20_000 + "\nnext\n")

    assert written.lines[1::2] == ["next"] * 3
    assert all(len(line) <= SHOWN_CHARS for line in written.lines)
    assert "planted" not in "".join(written.lines)


def test_a_private_key_is_taken_out_line_by_line() -> None:
    written = Written()
    body = "\n".join(["QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo"] * 30)
    written.log.reader({}).feed(
        f"before\n-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\nafter\n"
    )

    assert written.lines[0] == "before"
    assert written.lines[-1] == "after"
    assert set(written.lines[1:-1]) == {REDACTED}


def test_a_key_that_never_ends_does_not_silence_the_rest() -> None:
    written = Written()
    words = written.log.reader({})
    words.feed("-----BEGIN PRIVATE KEY-----\n")
    for _ in range(250):
        written.now_s += 1
        words.feed("QUJD\n")
    assert written.lines[-1] == "QUJD"


@pytest.mark.must("P1.12")
def test_a_flood_is_thinned_out_and_what_was_dropped_is_counted_once() -> None:
    written = Written()
    words = written.log.reader({})
    words.feed("noise\n" * 10_000)
    assert len(written.lines) == LINES_BURST
    assert written.dropped == []

    written.now_s += 2
    words.feed("noise\n" * 1_000)
    assert len(written.lines) == LINES_BURST + 2 * LINES_PER_S
    assert written.dropped == [{"lines": 10_000 - LINES_BURST, "chars": 5 * (10_000 - LINES_BURST)}]

    written.log.tell_dropped()
    written.log.tell_dropped()
    assert len(written.dropped) == 2


def test_long_lines_are_bounded_by_their_characters_too() -> None:
    written = Written()
    written.log.reader({}).feed(("x" * SHOWN_CHARS + "\n") * LINES_BURST)
    assert len(written.lines) == CHARS_BURST // SHOWN_CHARS


@pytest.mark.parametrize("cost", [1, 10, 1_000])
def test_a_bucket_gives_what_it_has_and_fills_up_with_time(cost: float) -> None:
    bucket = Bucket(per_s=1, most=10, now_s=0)
    assert bucket.take(cost, 0)
    for _ in range(10):
        bucket.take(1, 0)
    assert not bucket.take(1, 0)
    assert bucket.take(1, 1)
    assert not bucket.take(1, 1)
    assert bucket.take(cost, 1_000)
