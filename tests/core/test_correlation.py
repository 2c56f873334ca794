import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core.correlation import PART_CHARS, Correlation, cid_of, parse_cid, taken_from

CASES = json.loads((Path(__file__).parents[1] / "fixtures" / "correlation.json").read_text("utf-8"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["cid"])
def test_an_id_is_written_and_read_as_the_client_does_it(case: dict[str, object]) -> None:
    correlation = Correlation(**case["parts"])  # type: ignore[arg-type]

    assert cid_of(correlation) == case["cid"]
    assert parse_cid(str(case["cid"] or "")) == correlation


PARTS = st.one_of(
    st.none(), st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable())
)


@given(PARTS, st.one_of(st.none(), st.integers(0, 10**9)), PARTS, PARTS)
@settings(deadline=None)
def test_what_is_written_is_read_back(
    thread: str | None, generation: int | None, turn: str | None, request: str | None
) -> None:
    correlation = Correlation(thread, generation, turn, request)
    cid = cid_of(correlation) or ""

    assert parse_cid(cid) == correlation
    assert all("!" <= char <= "~" for char in cid)


@given(st.text())
@settings(deadline=None)
def test_whatever_stands_in_a_log_is_read_without_an_error(text: str) -> None:
    parse_cid(text)


def test_a_part_is_bounded() -> None:
    assert cid_of(Correlation("t" * 1000)) == "t" * PART_CHARS


def test_a_filter_asks_only_for_what_it_names() -> None:
    record = Correlation("t1", 3, "turn-9", None)

    assert record.fits(Correlation())
    assert record.fits(Correlation("t1", 3))
    assert not record.fits(Correlation("t1", 4))
    assert not record.fits(Correlation("t1", request="req-2"))


def test_fields_that_correlate_are_taken_out_of_a_record() -> None:
    correlation, rest = taken_from({"thread": "t1", "host": 7, "generation": 2})

    assert correlation == Correlation("t1", 2)
    assert rest == {"host": 7}
