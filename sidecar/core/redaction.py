"""Takes secrets out of text before it leaves a process: log lines, last words, bundles.

Two ways, both linear in the text. *Known* values are replaced wherever they stand, also as JSON or
a URL writes them. *Shapes* are what tokens look like (`sk-…`, JWTs, `Bearer …`, credentials in a
URL, private keys, values behind a key-like word): a guard for secrets that nobody told us, so it
rather takes a word too many. Never reads an environment itself: its callers hand values in.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from sidecar.core.environment import ESSENTIAL, matches
from sidecar.core.secretshapes import without_keys, without_shapes

REDACTED: Final = "[redacted]"

SECRET_CHARS: Final = 8
"""Shortest known value that is replaced: a shorter one is a word that stands anywhere."""

SECRET_CHARS_MAX: Final = 8 * 1024
"""Longest: a longer value is known by its lines."""

LINE_CHARS: Final = 16
"""A line of a value of several lines is replaced by itself from this length on."""

KNOWN_MAX: Final = 512
"""Known values at once; the oldest is forgotten. Each costs one search of every text."""

DEPTH_MAX: Final = 32

SECRET_VARIABLES: Final = (
    "*KEY*",
    "*TOKEN*",
    "*SECRET*",
    "*PASSW*",
    "*PASSPHRASE*",
    "*COOKIE*",
    "*CREDENTIAL*",
    "*BEARER*",
    "*AUTHORIZATION*",
    "*_AUTH",
    "*_DSN",
    "*_PWD",
)
"""Names of variables whose values are secrets, as patterns of fnmatch in capitals."""

_SECRET_OPTIONS: Final = ("env", "headers")


class Redactor:
    """Replaces what it knows and what looks like a secret."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known: dict[str, None] = {}
        self._ordered: tuple[str, ...] = ()
        self.learn(secrets)

    def learn(self, secrets: Iterable[str]) -> None:
        """Know more values; ones that are shorter than SECRET_CHARS are left out."""
        for secret in secrets:
            for form in _forms(secret):
                self._known.pop(form, None)
                self._known[form] = None
        while len(self._known) > KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._ordered = tuple(sorted(self._known, key=len, reverse=True))

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        for secret in self._ordered:  # the longest first: it may hold a shorter one
            if secret in text:
                text = text.replace(secret, REDACTED)
        return without_shapes(without_keys(text, REDACTED), REDACTED)

    def value(self, value: Any, depth: int = DEPTH_MAX) -> Any:
        """Return a JSON-like value with each text in it redacted; too deep ones as a whole."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict | list | tuple) and depth == 0:
            return REDACTED
        if isinstance(value, dict):
            return {self._name(key): self.value(inner, depth - 1) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(inner, depth - 1) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))  # as the log would write it

    def _name(self, key: Any) -> Any:
        return self.text(key) if isinstance(key, str) else key


def secrets_of_environment(environment: Mapping[str, str]) -> list[str]:
    """Return the values of variables that are named like secrets."""
    return [value for name, value in environment.items() if matches(name, SECRET_VARIABLES)]


def secrets_of_session(env: Mapping[str, str | None] | None, options: Any) -> list[str]:
    """Return what a session was handed that may be secret, whatever it is called.

    That is every value of `env` but those that any program needs (HOME, PATH …), and every text
    below a key `env` or `headers` in its options, such as an MCP server's.
    """
    handed = {name: value for name, value in (env or {}).items() if value is not None}
    found = [value for name, value in handed.items() if not matches(name, ESSENTIAL)]
    _collect(options, found, secret=False, depth=DEPTH_MAX)
    return found


def _collect(value: Any, found: list[str], *, secret: bool, depth: int) -> None:
    if isinstance(value, str):
        if secret:
            found.append(value)
    elif depth == 0:
        return
    elif isinstance(value, dict):
        for key, inner in value.items():
            named = isinstance(key, str) and _is_secret_option(key)
            _collect(inner, found, secret=secret or named, depth=depth - 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _collect(inner, found, secret=secret, depth=depth - 1)


def _is_secret_option(key: str) -> bool:
    return key in _SECRET_OPTIONS or matches(key, SECRET_VARIABLES)


def _forms(secret: str) -> Iterable[str]:
    """Yield a value as it may stand in a text: as it is, as JSON and URLs write it, by lines."""
    value = secret.strip()
    if len(value) <= SECRET_CHARS_MAX and len(value) >= SECRET_CHARS:
        encodable = value.encode("utf-8", "replace").decode("utf-8")
        forms = (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
        yield from dict.fromkeys([*forms, quote(encodable, safe=""), quote(encodable)])
    lines = value.split("\n")
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= LINE_CHARS)
