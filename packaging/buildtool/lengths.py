"""How long modules and functions are: `check` reports what asks to be split.

Pure but for reading the files. Generated files are not counted: nobody reads them from the top.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULE_ASKS = 400
MODULE_FAILS = 600
FUNCTION_ASKS = 60

REASON = re.compile(r"(?:#|//) long module: (.{10,})")
"""A module may pass MODULE_FAILS with a comment like this among its first lines."""

HEAD_LINES = 40
HEADER_LINES = 5
"""Where a generated file says that it is one: “Do not edit”."""
SUFFIXES = (".py", ".ts", ".mts", ".mjs")
SKIPPED = {"node_modules", "__pycache__", "dist", "build", ".venv"}


@dataclass(frozen=True)
class Finding:
    """Something too long. `fails` says whether `check` fails on it."""

    where: str
    what: str
    fails: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def findings(root: Path, folders: tuple[str, ...]) -> Iterator[Finding]:
    """Yield what is too long in the source files below the folders of `root`."""
    for path in _files(root, folders):
        text = path.read_text(encoding="utf-8")
        where = path.relative_to(root).as_posix()
        if not _generated(text):
            yield from judge(where, text)


def judge(where: str, text: str) -> Iterator[Finding]:
    """Yield what is too long in one module's text."""
    count = text.count("\n")
    reason = REASON.search("\n".join(text.splitlines()[:HEAD_LINES]))
    if count > MODULE_FAILS and reason is None:
        yield Finding(where, f"{count} lines, over {MODULE_FAILS} without a written reason", True)
    elif count > MODULE_ASKS:
        why = f" ({reason[1].strip()})" if reason else ""
        yield Finding(where, f"{count} lines, asks to be split{why}")
    if where.endswith(".py"):
        yield from _long_functions(where, ast.parse(text))


def _long_functions(where: str, tree: ast.AST) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_ASKS:
                yield Finding(f"{where}:{node.lineno}", f"{node.name} has {length} lines")


def _files(root: Path, folders: tuple[str, ...]) -> Iterator[Path]:
    for folder in folders:
        base = root / folder
        for path in [base] if base.is_file() else sorted(base.rglob("*")):
            if path.suffix in SUFFIXES and not SKIPPED.intersection(path.relative_to(root).parts):
                yield path


def _generated(text: str) -> bool:
    head = " ".join(text.splitlines()[:HEADER_LINES]).lower()
    return "do not edit" in head
