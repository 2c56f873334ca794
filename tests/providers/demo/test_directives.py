"""What a prompt tells the demo agent to do."""

import pytest

from sidecar.providers.demo.agent.directives import MOST, Directive, parse


@pytest.mark.parametrize(
    ("prompt", "directives"),
    [
        ("Hello there", []),
        ("mail me @ home @@ 5", []),
        ("@@stream 5 10 20", [Directive("stream", (5, 10, 20))]),
        ("@@stream 5", [Directive("stream", (5, 50, 20))]),
        ("@@stream@@", [Directive("stream", (10, 50, 20))]),
        ("@@tool echo hi && ls@@", [Directive("tool", word="echo hi && ls")]),
        ("@@tool echo a@b@@ then", [Directive("tool", word="echo a@b")]),
        ("@@tool two\nlines@@", [Directive("tool", word="two\nlines")]),
        ("@@tool never closed", []),
        ("@@daemon", [Directive("daemon")]),
        ("@@daemon abc-123", [Directive("daemon", word="abc-123")]),
        ("@@daemon@@ @@crash", [Directive("daemon"), Directive("crash")]),
        ("@@crash", [Directive("crash")]),
        ("@@crashes", []),
        ("@@hang@@", [Directive("hang")]),
        ("@@flood 7", [Directive("flood", (7,))]),
        ("@@leak 50", [Directive("leak", (50,))]),
        ("@@leakdaemon 50", [Directive("leakdaemon", (50,))]),
        ("@@leakdaemon@@ @@leak", [Directive("leakdaemon", (10,)), Directive("leak", (10,))]),
        ("@@huge 3000000", [Directive("huge", (3_000_000,))]),
        ("@@surrogate@@garbage@@", [Directive("surrogate"), Directive("garbage")]),
        (
            "first @@think then @@tool a@@ and @@tool b@@ @@recall",
            [
                Directive("think"),
                Directive("tool", word="a"),
                Directive("tool", word="b"),
                Directive("recall"),
            ],
        ),
    ],
)
def test_directives_are_read_in_their_order(prompt: str, directives: list[Directive]) -> None:
    assert parse(prompt) == directives


@pytest.mark.parametrize("name", MOST)
def test_numbers_are_bounded(name: str) -> None:
    (directive,) = parse(f"@@{name} " + " ".join(["999999999999"] * 3))
    assert directive.numbers == MOST[name]
