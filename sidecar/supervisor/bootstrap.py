"""Reading the bootstrap: the first line of stdin, or a token file for use by hand."""

import os
import select
import stat
import time
from collections.abc import Mapping
from pathlib import Path

import msgspec

from sidecar.contract.bridge import Bootstrap
from sidecar.core.redaction import secrets_of_environment, secrets_of_session
from sidecar.supervisor.datadir import CannotStart

BOOTSTRAP_S = 10.0
"""How long the launcher may take to write its line."""

BOOTSTRAP_BYTES = 1024 * 1024

STDIN = 0


def read_bootstrap_line() -> bytes:
    """Read stdin up to the first newline, not a byte further than needed.

    Raises CannotStart("bad_bootstrap") at EOF, after BOOTSTRAP_S and beyond BOOTSTRAP_BYTES.
    """
    deadline = time.monotonic() + BOOTSTRAP_S
    line = bytearray()
    while not line.endswith(b"\n"):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([STDIN], [], [], left)[0]:
            raise CannotStart("bad_bootstrap", f"No bootstrap line within {BOOTSTRAP_S:g} s")
        chunk = os.read(STDIN, 65_536)
        if not chunk:
            raise CannotStart("bad_bootstrap", "stdin was closed before the bootstrap line")
        line += chunk
        if len(line) > BOOTSTRAP_BYTES:
            raise CannotStart("bad_bootstrap", f"The bootstrap is over {BOOTSTRAP_BYTES} bytes")
        head, newline, _ = line.partition(b"\n")
        if newline:
            return bytes(head)
    return bytes(line)


def parse_bootstrap(line: bytes) -> Bootstrap:
    """Decode the bootstrap. Raises CannotStart("bad_bootstrap"), which never shows the token."""
    try:
        return msgspec.json.decode(line, type=Bootstrap)
    except msgspec.DecodeError as error:
        raise CannotStart("bad_bootstrap", f"The bootstrap is not as documented: {error}") from None


def known_secrets(bootstrap: Bootstrap, environment: Mapping[str, str]) -> list[str]:
    """Return what no record of the supervisor may show: the token, and what it was handed."""
    settings = bootstrap.settings or {}
    handed = [settings.get(name) for name in ("instances", "providers", "agents")]
    return [
        bootstrap.token,
        *secrets_of_environment(environment),
        *secrets_of_session(None, handed),
    ]


def bootstrap_from_file(path: Path, data_dir: str | None) -> Bootstrap:
    """Take the token from a file that only its owner can read.

    Raises CannotStart("bad_bootstrap").
    """
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
        token = path.read_text().strip()
    except OSError as error:
        raise CannotStart("bad_bootstrap", f"Cannot read the token file: {error}") from error
    if os.name == "posix" and mode & 0o077:
        raise CannotStart("bad_bootstrap", f"{path} must have mode 0600, but has {mode:04o}")
    if not token:
        raise CannotStart("bad_bootstrap", f"{path} is empty")
    return Bootstrap(token=token, data_dir=data_dir)
