"""What README and the other papers say of the code is so: settings, links, commands."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from sidecar.contract.vocabulary import StartFailure
from sidecar.supervisor.settings import Settings

ROOT = Path(__file__).parents[1]
PAPERS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "electron-glue").glob("*.md")]
)
README = (ROOT / "README.md").read_text("utf-8")


def test_every_setting_stands_in_the_readme_with_its_default() -> None:
    section = README.partition("\n## Settings\n")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| `?([^|`]+?)`? \|", section, re.MULTILINE))
    defaults = msgspec.to_builtins(msgspec.structs.asdict(Settings()))
    names = dict(zip(Settings.__struct_fields__, Settings.__struct_encode_fields__, strict=True))
    assert rows == {names[field]: str(value) for field, value in defaults.items()}


def test_every_way_to_fail_a_start_is_explained() -> None:
    for code in ("locked", "data_dir", "schema_newer", "bad_bootstrap"):
        assert code in get_args(StartFailure)
        assert f'"code":"{code}"' in README


@pytest.mark.parametrize("paper", PAPERS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(paper: Path) -> None:
    text = re.sub(r"```.*?```", "", paper.read_text("utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (paper.parent / target).exists(), f"{paper.name} links to {target}"


def test_decisions_are_numbered_without_a_gap() -> None:
    records = sorted(path.name for path in (ROOT / "docs" / "adr").glob("*.md"))
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))
    for name in records:
        title = (ROOT / "docs" / "adr" / name).read_text("utf-8").splitlines()[0]
        assert title.startswith(f"# {int(name[:4])}. ")
