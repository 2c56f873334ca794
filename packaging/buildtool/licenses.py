"""The licences of everything that the binary contains, in one text beside it.

Owns dist/<layout>/THIRD-PARTY-LICENSES.txt. An app that ships the binary ships this file too. Runs
inside the virtual environment: `python -m buildtool.licenses TARGET`.
"""

import re
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from buildtool.paths import APP

FILE = "THIRD-PARTY-LICENSES.txt"

FROZEN_BY = "pyinstaller"
"""Its bootloader is in the binary; its licence has an exception for that."""

LIBRARIES = (
    ("OpenSSL", "Apache-2.0", "https://openssl-library.org/source/license/"),
    ("SQLite", "public domain", "https://sqlite.org/copyright.html"),
    ("zlib", "Zlib", "https://zlib.net/zlib_license.html"),
    ("libffi", "MIT", "https://github.com/libffi/libffi/blob/master/LICENSE"),
)
"""C libraries that come with CPython's own modules: name, licence, where its text stands."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LICENCE_FILE = re.compile(r"licen[cs]e|copying|notice", re.IGNORECASE)


def shipped(root: str = APP) -> list[metadata.Distribution]:
    """Return the packages that `root` needs at run time, itself not, and what freezes it.

    Raises metadata.PackageNotFoundError when `root` is not installed.
    """
    found: dict[str, metadata.Distribution] = {}
    queue = [root, FROZEN_BY]
    while queue:
        name = _canonical(queue.pop())
        if name in found:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in (_canonical(root), FROZEN_BY):
                raise
            continue  # needed by another Python or platform
        if name != FROZEN_BY:
            queue += _needs(found[name].requires or ())
    del found[_canonical(root)]
    return [found[name] for name in sorted(found)]


def _needs(requirements: Iterable[str]) -> list[str]:
    """Return the names of requirements that belong to no extra."""
    plain = [r for r in requirements if "extra ==" not in r]
    return [match[0] for r in plain if (match := _NAME.match(r))]


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def text_of(distribution: metadata.Distribution) -> str:
    """Return a package's licence texts under a heading. Raises ValueError when it has none."""
    name, version = distribution.metadata["Name"], distribution.version
    files = [
        path
        for path in distribution.files or ()
        if ".dist-info" in path.parts[0] and _LICENCE_FILE.search(path.name)
    ]
    if not files:
        raise ValueError(f"{name} {version} brings no licence text")
    texts = [path.read_text(encoding="utf-8").strip() for path in sorted(files)]
    return "\n\n".join([_heading(f"{name} {version}"), *texts])


def write(target: Path) -> None:
    """Write the file. Raises ValueError for a package without a licence text."""
    python = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    words = (
        python.read_text(encoding="utf-8").strip()
        if python.exists()
        else "Python Software Foundation License 2.0: https://docs.python.org/3/license.html"
    )
    libraries = "\n".join(f"{name}: {licence}, {where}" for name, licence, where in LIBRARIES)
    parts = [
        f"What {APP} contains beside its own code, and under which licences.",
        "\n\n".join([_heading(f"CPython {sys.version.split()[0]}"), words]),
        "\n\n".join([_heading("Libraries within CPython's modules"), libraries]),
        *[text_of(distribution) for distribution in shipped()],
    ]
    target.write_text("\n\n\n".join(parts) + "\n", encoding="utf-8")


def _heading(title: str) -> str:
    return f"{title}\n{'=' * len(title)}"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
