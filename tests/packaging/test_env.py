"""Stamps and closing checks of the set-up."""

import re
import tomllib

from buildtool import env
from buildtool.paths import ROOT

NAME = re.compile(r"^[A-Za-z0-9_.-]+")


def test_digest_depends_on_where_a_part_ends() -> None:
    assert env.digest(["ab", "c"]) != env.digest(["a", "bc"])
    assert env.digest(["a", b"b"]) == env.digest([b"a", "b"])


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [
        *project["build-system"]["requires"],
        *project["project"]["dependencies"],
        *project["project"]["optional-dependencies"]["dev"],
    ]
    lines = env.CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower() for line in lines if "==" in line}
    names = {match[0].lower() for name in wanted if (match := NAME.match(name))}
    assert names - pinned == set()
