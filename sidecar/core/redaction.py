"""Takes secrets out of text before it leaves a process: log lines, last words, bundles.

Two ways, both linear in the text. *Known* values are replaced wherever they stand, also as JSON or
a URL writes them. *Shapes* are what tokens look like (`sk-…`, JWTs, `Bearer …`, credentials in a
URL, private keys, values behind a key-like word): a guard for secrets that nobody told us, so it
rather takes a word too many. Never reads an environment itself: its callers hand values in.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from sidecar.core.environment import ESSENTIAL, matches
from sidecar.core.secretshapes import without_keys, without_shapes

REDACTED: Final = "[redacted]"

SECRET_CHARS: Final = 8
"""Shortest known value that is replaced: a shorter one is a word that stands anywhere."""

SECRET_CHARS_MAX: Final = 4 * 1024
"""Longest: a longer value is known by its beginning and by its lines."""

LINE_CHARS: Final = 16
"""A line of a value of several lines is replaced by itself from this length on."""

KNOWN_MAX: Final = 512
"""Known values at once; the oldest is forgotten. Each costs one search of every text."""

DEPTH_MAX: Final = 32

_SECRET_WORDS: Final = (
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSW",
    "PASSPHRASE",
    "COOKIE",
    "CREDENTIAL",
    "BEARER",
    "AUTHORIZATION",
)
_SECRET_ENDS: Final = ("_AUTH", "_DSN", "_PWD", "HEADERS")
"""What the names of variables hold, or end with, whose values are secrets."""

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

    def value(self, value: Any) -> Any:
        """Return a JSON-like value with each text in it redacted; too deep ones as a whole."""
        texts: list[str] = []
        if _gather(value, texts, DEPTH_MAX):
            joined = "\0".join(texts)  # one search for all: mostly there is nothing
            if self.text(joined) == joined:
                return value
        return self._cleaned(value, DEPTH_MAX)

    def _cleaned(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict | list | tuple) and depth == 0:
            return REDACTED
        if isinstance(value, dict):
            return {
                self.text(key) if isinstance(key, str) else key: self._cleaned(inner, depth - 1)
                for key, inner in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._cleaned(inner, depth - 1) for inner in value]
        if value is None or isinstance(value, bool | int | float):
            return value
        return self.text(str(value))  # as the log would write it


def _gather(value: Any, texts: list[str], depth: int) -> bool:
    """Collect every text; False for what is too deep or no JSON."""
    if isinstance(value, str):
        texts.append(value)
        return True
    if value is None or isinstance(value, bool | int | float):
        return True
    if depth == 0:
        return False
    if isinstance(value, dict):
        texts += [key for key in value if isinstance(key, str)]
        return all(_gather(inner, texts, depth - 1) for inner in value.values())
    if isinstance(value, list | tuple):
        return all(_gather(inner, texts, depth - 1) for inner in value)
    return False


def secrets_of_environment(environment: Mapping[str, str]) -> list[str]:
    """Return the values of variables that are named like secrets."""
    return [value for name, value in environment.items() if is_secret_name(name)]


def is_secret_name(name: str) -> bool:
    """Tell whether a variable or an option is named like a secret."""
    upper = name.upper()
    return upper.endswith(_SECRET_ENDS) or any(word in upper for word in _SECRET_WORDS)


def secrets_of_session(env: Mapping[str, str | None] | None, options: Any) -> list[str]:
    """Return what a session was handed that may be secret, whatever it is called.

    That is every value of `env` but those that any program needs (HOME, PATH …), every text below
    a key `env` or `headers` in its options, such as an MCP server's, and what a list of arguments
    has behind an option that is named like a secret (`--token …`).
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
        found += _behind_options(value)
        for inner in value:
            _collect(inner, found, secret=secret, depth=depth - 1)


def _behind_options(words: Sequence[Any]) -> list[str]:
    """Return the values of options that are named like secrets, in a list of arguments."""
    found: list[str] = []
    for word, following in pairwise([*words, None]):
        if isinstance(word, str) and word.startswith("-"):
            name, given, value = word.partition("=")
            if is_secret_name(name):
                found += [value] if given else [following] if isinstance(following, str) else []
    return found


def _is_secret_option(key: str) -> bool:
    return key in _SECRET_OPTIONS or is_secret_name(key)


def _forms(secret: str) -> Iterable[str]:
    """Yield a value as it may stand in a text: as it is, as JSON and URLs write it, by lines."""
    value = secret.strip()
    lines = value.split("\n")
    value = value[:SECRET_CHARS_MAX]
    if len(value) >= SECRET_CHARS:
        forms = (value, json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1])
        yield from dict.fromkeys([*forms, _in_url(value, ""), _in_url(value, "/")])
    if len(lines) > 1:
        yield from (line.strip() for line in lines if len(line.strip()) >= LINE_CHARS)


def _in_url(value: str, safe: str) -> str:
    """Write a value as a URL does (urllib's quote would cost every host its import)."""
    plain = "_.-~" + safe
    return "".join(
        chr(byte) if byte < 128 and (chr(byte).isalnum() or chr(byte) in plain) else f"%{byte:02X}"
        for byte in value.encode("utf-8", "replace")
    )
