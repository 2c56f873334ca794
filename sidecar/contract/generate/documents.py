"""Which files are printed, and the text between `<!-- generated:NAME -->` markers.

Owns the list of files. Reads and writes them; knows nothing of their content.
"""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path

from sidecar.contract.generate import golden, schema, tables, typescript

ROOT = Path(__file__).parents[3]

DOCUMENTS = ("docs/EVENTS.md", "docs/PROTOCOL.md")
SCHEMA = "docs/schema/contract.schema.json"
TYPESCRIPT = "electron-glue/src/generated/contract.ts"
GOLDEN = "tests/fixtures/contract"

DIFF_LINES = 20
"""Lines of difference that are shown a file: enough to see what changed."""

_BLOCK = re.compile(
    r"(?P<open><!-- generated:(?P<name>[a-z-]+) -->\n).*?(?P<close><!-- /generated -->)", re.DOTALL
)


class UnknownBlock(Exception):  # noqa: N818
    """Raised when a document asks for a block that no generator prints."""


def expected(root: Path) -> dict[str, str]:
    """Return what every printed file should hold, by its path below `root`."""
    blocks = {**tables.render(), **golden.render(golden.load(root / GOLDEN))}
    texts = {name: fill((root / name).read_text("utf-8"), blocks) for name in DOCUMENTS}
    return {SCHEMA: schema.render(), TYPESCRIPT: typescript.render(), **texts}


def fill(text: str, blocks: Mapping[str, str]) -> str:
    """Replace what stands between the markers. Raises UnknownBlock."""

    def block(match: re.Match[str]) -> str:
        if match["name"] not in blocks:
            raise UnknownBlock(f"no generated block is called {match['name']!r}")
        return f"{match['open']}{blocks[match['name']]}\n{match['close']}"

    return _BLOCK.sub(block, text)


def block_names(text: str) -> list[str]:
    """Return the names of the blocks that a document asks for."""
    return [match["name"] for match in _BLOCK.finditer(text)]


def stale(root: Path) -> dict[str, str]:
    """Return path → the first lines of the difference, for every file that is not as expected."""
    found = {}
    for name, text in expected(root).items():
        path = root / name
        current = path.read_text("utf-8") if path.is_file() else ""
        if current != text:
            found[name] = _difference(name, current, text)
    return found


def write(root: Path) -> list[str]:
    """Write every file that is stale; return their paths."""
    names = list(stale(root))
    texts = expected(root)
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[name], "utf-8")
    return names


def _difference(name: str, current: str, text: str) -> str:
    lines = list(
        difflib.unified_diff(
            current.splitlines(),
            text.splitlines(),
            f"{name} (on disk)",
            "as generated",
            lineterm="",
            n=0,
        )
    )
    changed = sum(line[:1] in ("+", "-") and line[:3] not in ("+++", "---") for line in lines)
    shown = lines[:DIFF_LINES]
    if len(lines) > len(shown):
        shown.append(f"… {changed} changed lines in all")
    return "\n".join(shown)
