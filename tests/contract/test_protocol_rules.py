"""Every rule of docs/PROTOCOL.md is claimed by a test, and every claim names a rule.

A Python test claims with `@pytest.mark.must("P2.3")`. Rules marked *client* in the document bind
clients: the tests of electron-glue claim those with a comment `// must P3.7`.
"""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "PROTOCOL.md"
CLIENT_TESTS = ROOT / "electron-glue" / "test"
CLIENT_SUFFIXES = {".ts", ".mts", ".cts", ".mjs", ".cjs", ".js"}

RULE = re.compile(r"^- `(P\d+\.\d+)` (\*client\* )?", re.MULTILINE)
CLAIM = re.compile(r"//\s*must\s+((?:P\d+\.\d+[\s,]*)+)")
ID = re.compile(r"P\d+\.\d+")


def rules() -> dict[str, bool]:
    """Return id → whether the rule binds clients, in the order of the document."""
    return {match[1]: bool(match[2]) for match in RULE.finditer(DOCUMENT.read_text("utf-8"))}


def python_claims(source: str) -> set[str]:
    """Return the ids in `must(…)` of a Python source, in whatever place it stands."""
    return {
        str(argument.value)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "must"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }


def client_claims(source: str) -> set[str]:
    """Return the ids in `// must …` of a TypeScript or JavaScript source."""
    return {rule for match in CLAIM.finditer(source) for rule in ID.findall(match[1])}


def claimed_in_python() -> set[str]:
    sources = (ROOT / "tests").rglob("test_*.py")
    return set().union(*(python_claims(path.read_text("utf-8")) for path in sources))


def claimed_in_the_client() -> set[str]:
    sources = [path for path in CLIENT_TESTS.rglob("*") if path.suffix in CLIENT_SUFFIXES]
    return set().union(*(client_claims(path.read_text("utf-8")) for path in sources))


def test_every_rule_is_claimed_by_a_test() -> None:
    python, client = claimed_in_python(), claimed_in_the_client()
    unclaimed = [
        rule
        for rule, binds_clients in rules().items()
        if rule not in python and not (binds_clients and rule in client)
    ]
    assert not unclaimed, f"no test is marked with {', '.join(unclaimed)}"


def test_every_claim_names_a_rule() -> None:
    claims = claimed_in_python() | claimed_in_the_client()
    assert claims <= set(rules()), sorted(claims - set(rules()))


def test_ids_are_unique_and_count_through_each_section() -> None:
    found = [match[1] for match in RULE.finditer(DOCUMENT.read_text("utf-8"))]
    assert not [rule for rule, count in Counter(found).items() if count > 1]
    numbers = [tuple(int(part) for part in rule[1:].split(".")) for rule in found]
    expected = [
        (section, number)
        for section, last in sorted(Counter(section for section, _ in numbers).items())
        for number in range(1, last + 1)
    ]
    assert numbers == expected


def test_every_mention_of_an_id_names_a_rule() -> None:
    for name in ("PROTOCOL.md", "EVENTS.md"):
        text = (ROOT / "docs" / name).read_text("utf-8")
        assert set(ID.findall(text)) <= set(rules())


def test_claims_are_found_wherever_they_stand() -> None:
    source = """
import pytest
pytestmark = pytest.mark.must("P1.1")
@pytest.mark.must("P1.2", "P1.3")
@pytest.mark.parametrize("x", [pytest.param(1, marks=pytest.mark.must("P1.4"))])
def test_it(x): pass
# must P9.9
"""
    assert python_claims(source) == {"P1.1", "P1.2", "P1.3", "P1.4"}
    assert client_claims("it('x'); // must P3.7, P3.8\n  // must P4.6\n") == {
        "P3.7",
        "P3.8",
        "P4.6",
    }
