"""Known secrets are found however they are written, and however many there are."""

import base64
import random
import string
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.core import knownsecrets
from sidecar.core.knownsecrets import FEW, KnownSecrets, Needles, spellings
from sidecar.core.redaction import Redactor

MARK = "[-]"
MANY = [f"{n:06}-of-so-many" for n in range(FEW)]

both = pytest.mark.parametrize("others", [[], MANY], ids=["few", "many"])


def random_secret(rng: random.Random, chars: int) -> str:
    return "".join(rng.choice(string.ascii_letters + string.digits) for _ in range(chars))


@both
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
@pytest.mark.parametrize("behind", ["", "\n", ":x", "\x00\xff"])
@pytest.mark.parametrize("ahead", ["", "u", "us", "user:", "\xff\xfe?"])
@pytest.mark.parametrize("secret", ["hunter2hunter2", "12345678", "p\xe4ss?>wort~~\xff", "a" * 61])
def test_a_secret_within_base64_is_found(
    secret: str, ahead: str, behind: str, encode: object, others: list[str]
) -> None:
    assert callable(encode)
    encoded = encode(f"{ahead}{secret}{behind}".encode()).decode()
    text = KnownSecrets([secret, *others]).taken_out_of(
        f"Authorization: Basic {encoded} sent", MARK
    )
    left = text.removeprefix("Authorization: Basic ").removesuffix(" sent")
    assert MARK in left
    before, after = left.split(MARK, 1)
    assert len(before) <= -(-len(ahead.encode()) * 8 // 6)
    assert len(after) <= -(-len(behind.encode()) * 8 // 6) + 4, "what others have a part in stays"


@pytest.mark.parametrize("write", [str.lower, str.upper])
def test_a_secret_in_hexadecimal_is_found(write: Callable[[str], str]) -> None:
    known = KnownSecrets()
    known.learn(["hunter2hunter2"])
    text = f"key=0x{write(b'hunter2hunter2'.hex())}; next"
    assert known.taken_out_of(text, "[x]") == "key=0x[x]; next"


def test_what_is_taken_out_of_a_text_in_base64_leaves_the_rest_as_it_was() -> None:
    encoded = base64.urlsafe_b64encode(b"\xff\xfe\xfd hunter2hunter2").decode()
    text = KnownSecrets(["hunter2hunter2"]).taken_out_of(
        f"a-b_c {encoded} d-e_f {encoded} g-h", MARK
    )
    assert text.startswith("a-b_c __79")
    assert " d-e_f __79" in text
    assert text.endswith(" g-h")
    assert text.count(MARK) == 2


@both
def test_the_longest_goes_first(others: list[str]) -> None:
    known = KnownSecrets(["password", "password-and-more", *others])
    assert known.taken_out_of("it is password-and-more.", MARK) == f"it is {MARK}."


def test_thousands_are_found_each() -> None:
    rng = random.Random(7)
    secrets = [random_secret(rng, rng.randint(8, 60)) for _ in range(1_200)]
    redactor = Redactor()
    assert not redactor.learn(secrets), "there is room for all"
    for secret in secrets:
        for ahead in ("", "a", "ab", "abc", "abcd"):
            assert secret not in redactor.text(f"{ahead}{secret} and more")


@given(st.lists(st.text(min_size=8, max_size=20), max_size=3 * FEW, unique=True), st.data())
@settings(deadline=None, max_examples=30)
def test_windows_find_what_a_search_for_each_finds(needles: list[str], data: st.DataObject) -> None:
    index = Needles()
    for needle in [*needles, *MANY]:
        index.add(needle)
    gone = [needle for needle in needles if data.draw(st.booleans())] if needles else []
    index.found_in("an index is there now")
    for needle in gone:
        index.remove(needle)
    index.add("one that comes later")
    there = {*needles, *MANY, "one that comes later"} - set(gone)
    picks = data.draw(
        st.lists(st.sampled_from([*needles, "xyz", "one that comes later"]), max_size=6)
    )
    text = data.draw(st.text(max_size=3)).join(picks)
    assert set(index.found_in(text)) == {needle for needle in there if needle in text}


def test_one_that_two_have_in_common_is_looked_for_until_both_are_gone() -> None:
    index = Needles()
    for _ in range(2):
        index.add("a common line")
    index.remove("a common line")
    assert index.found_in("> a common line") == ["a common line"]
    index.remove("a common line")
    assert index.found_in("> a common line") == []


def test_what_was_learnt_is_bounded_and_the_oldest_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    cost = sum(len(s) + knownsecrets.NEEDLE_BYTES for s in spellings("secret-number-000"))
    monkeypatch.setattr(knownsecrets, "KNOWN_BYTES_MAX", 3 * cost)
    known = KnownSecrets(["one-of-the-process-itself"])
    assert known.learn([f"secret-number-{n:03}" for n in range(3)]) == 0
    assert known.learn(["secret-number-000"]) == 0, "it is the youngest now"
    assert known.learn(["secret-number-003"]) == 1
    told = {n: known.taken_out_of(f"secret-number-{n:03}", MARK) for n in range(4)}
    assert told == {0: MARK, 1: "secret-number-001", 2: MARK, 3: MARK}
    assert known.taken_out_of("one-of-the-process-itself", MARK) == MARK


def test_it_is_said_once_that_older_ones_are_not_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(knownsecrets, "KNOWN_BYTES_MAX", 10_000)
    redactor = Redactor()
    told = [redactor.learn([f"secret-number-{n:03}"]) for n in range(10)]
    assert told.count(True) == 1


def test_a_value_of_many_lines_is_bounded() -> None:
    value = "\n".join(f"line {n:09} of a secret" for n in range(10_000))
    assert len(spellings(value)) < 600


def test_short_and_blank_values_are_no_secrets() -> None:
    assert spellings("1234567") == spellings("   \n  ") == []
