"""Takes secrets out of text before it leaves a process: log lines, last words, bundles.

Two ways, both linear in the text. *Known* values are replaced wherever they stand, also as JSON, a
URL or base64 writes them. *Shapes* are what tokens look like (`sk-…`, JWTs, `Bearer …`, credentials
in a URL, private keys, values behind a key-like word): a guard for secrets that nobody told us, so
it rather takes a word too many. Never reads an environment itself: its callers hand values in.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from sidecar.core.environment import ESSENTIAL, matches
from sidecar.core.knownsecrets import SECRET_CHARS_MAX, KnownSecrets
from sidecar.core.secretshapes import without_keys, without_shapes

__all__ = [
    "REDACTED",
    "SECRET_CHARS_MAX",
    "Redactor",
    "is_secret_name",
    "secrets_of_environment",
    "secrets_of_session",
]

REDACTED: Final = "[redacted]"

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
    """Replaces what it knows and what looks like a secret.

    `secrets` are those of the process itself; what it learns later is forgotten again, the oldest
    first, once there is too much of it.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._known = KnownSecrets(secrets)
        self._is_full = False

    def learn(self, secrets: Iterable[str]) -> bool:
        """Know more values; ones that are shorter than SECRET_CHARS are left out.

        Returns True the first time that older ones are not looked for any more: say so.
        """
        was_full = self._is_full
        self._is_full = self._known.learn(secrets) > 0 or was_full
        return self._is_full and not was_full

    def text(self, text: str) -> str:
        """Return `text` without secrets."""
        text = self._known.taken_out_of(text, REDACTED)
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
