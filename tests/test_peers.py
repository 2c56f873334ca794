"""tests/PEERS.md names tests that exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.findall(r"`(tests/\S+\.py)::(\w+)`", (ROOT / "tests" / "PEERS.md").read_text())


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_what_the_list_names_is_there(path: str, name: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert name in {node.name for node in ast.walk(tree) if isinstance(node, functions)}


def test_each_row_names_a_test() -> None:
    rows = [
        line
        for line in (ROOT / "tests" / "PEERS.md").read_text().splitlines()
        if line.startswith("| ") and not line.endswith("shown by |")
    ]
    assert len(rows) > 30
    assert all("::test_" in row for row in rows)
