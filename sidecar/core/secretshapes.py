"""What secrets look like, for text in which nobody knows them.

Each shape begins at a place where the text before it cannot belong to it, or has a bounded length,
so that no text takes more than a bounded number of looks at each character; and each is tried only
where one of its words stands in the text at all.
"""

import re
from functools import cache
from typing import Final, NamedTuple

PRIVATE_KEY_CHARS: Final = 16 * 1024
"""Longest private key that is looked for: RSA with 8192 bits has some 6,500 characters."""

_MARKER: Final = re.compile(r"-----(BEGIN|END) (?=[A-Z0-9 ]{0,40}PRIVATE KEY)[A-Z0-9 ]{1,64}-----")


class Shape(NamedTuple):
    """A pattern and the words without which it cannot match (in small letters)."""

    words: tuple[str, ...]
    pattern: str
    replacement: str
    """A template of re; `{}` stands for what replaces the secret."""


_KEY_LIKE = (
    "api_key",
    "api-key",
    "apikey",
    "api key",
    "access_key",
    "accesskey",
    "access-key",
    "private_key",
    "privatekey",
    "private-key",
    "accountkey",
    "secret",
    "token",
    "passwd",
    "password",
    "passphrase",
    "cookie",
    "credential",
    "authorization",
    "bearer",
)

SHAPES: Final = (
    Shape(
        ("sk-", "rk-", "pk-"),
        (r"(?<![A-Za-z0-9])[spr]k-[A-Za-z0-9_-]{16,}"),
        "{}",
    ),
    Shape(
        ("sk_", "rk_", "whsec_"),
        (r"(?<![A-Za-z0-9])(?:[sr]k_(?:live|test)_|whsec_)[A-Za-z0-9]{16,}"),
        "{}",
    ),
    Shape(
        ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
        (r"(?<![A-Za-z0-9_])(?:gh[pousr]|github_pat)_[A-Za-z0-9_]{20,}"),
        "{}",
    ),
    Shape(("glpat-",), (r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{16,}"), "{}"),
    Shape(("npm_",), (r"(?<![A-Za-z0-9_])npm_[A-Za-z0-9]{30,}"), "{}"),
    Shape(("hf_",), (r"(?<![A-Za-z0-9_])hf_[A-Za-z0-9]{24,}"), "{}"),
    Shape(("xox", "xapp-"), (r"(?<![A-Za-z0-9])(?:xox[a-z]|xapp)-[\w-]{10,}"), "{}"),
    Shape(("akia", "asia"), (r"(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}"), "{}"),
    Shape(("aiza",), (r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{30,}"), "{}"),
    Shape(("ya29.",), (r"(?<![A-Za-z0-9])ya29\.[A-Za-z0-9_-]{20,}"), "{}"),
    Shape(
        ("eyj",),
        (r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
        "{}",
    ),
    Shape(("://",), (r"(://)[^\s/@\"'<>]{1,512}@"), r"\g<1>{}@"),
    Shape(
        ("bearer", "basic"),
        (r"(?i)\b(bearer|basic)(\s{1,8})(?=[^\s]{0,200}[0-9+/=_.-])[A-Za-z0-9._~+/=-]{12,}"),
        r"\g<1>\g<2>{}",
    ),
    Shape(
        ("cookie",),
        (r"(?i)(\bcookie\\?[\"']?\s{0,4}[:=]\s{0,4}\\?[\"']?)[^\r\n\"'\\]{4,}"),
        r"\g<1>{}",
    ),
    Shape(
        _KEY_LIKE,
        (
            r"(?i)((?:api[ _-]?key|(?:access|private)[_-]?key|accountkey|secret|token|passw(?:or)?d"
            r"|passphrase|cookie|credential|authorization|bearer)[a-z0-9_-]{0,24}"
            r"(?:\\{0,7}[\"']|%22)?(?:\s{0,4}[:=]\s{0,4}|%3[ad])(?:\\{0,7}[\"']|%22)?"
            r"(?:(?:bearer|basic|token)\s{1,4})?)"
            r"(?!\[redacted\]|[0-9]{1,12}(?![\w+/=.-]))[^\s\"'\\,;&<>(){}\[\]]{8,4096}"
        ),
        r"\g<1>{}",
    ),
    Shape(  # an option of a command line, as a line or as a list
        _KEY_LIKE,
        (
            r"(?i)((?<![\w-])--[a-z0-9_-]{0,32}(?:api-?key|(?:access|private)-?key|secret|token|passw(?:or)?d"
            r"|passphrase|cookie|credential|bearer)[a-z0-9_-]{0,24}"
            r"\\{0,7}[\"']?(?:\s{1,4}|\s{0,4},\s{0,4})\\{0,7}[\"']?)"
            r"(?!-|[0-9]{1,12}(?![\w+/=.-]))[^\s\"'\\,;&<>(){}\[\]]{8,4096}"
        ),
        r"\g<1>{}",
    ),
    Shape(
        ("key", "sig"),
        (
            r"(?i)\b((?:[a-z0-9]{1,20}[_-]){0,3}(?:key|sig|signature)"
            r"[\"']?\s{0,4}[:= ]\s{0,4}[\"']?)"
            r"(?=[A-Za-z+/_-]{0,64}[0-9])[A-Za-z0-9+/_-]{24,4096}={0,2}"
        ),
        r"\g<1>{}",
    ),
)


def without_shapes(text: str, mark: str) -> str:
    """Replace what looks like a secret."""
    small = text.lower()
    for shape in SHAPES:
        if any(word in small for word in shape.words):
            text = _compiled(shape.pattern).sub(shape.replacement.format(mark), text)
    return text


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Compile a shape when it is first needed: all of them would cost each start 10 ms."""
    return re.compile(pattern)


def without_keys(text: str, mark: str) -> str:
    """Replace private keys in PEM, also one of which only the end or the beginning is there."""
    if "PRIVATE KEY" not in text:
        return text
    out: list[str] = []
    at, opened = 0, None
    for found in _MARKER.finditer(text):
        if opened is not None and found.start() - opened > PRIVATE_KEY_CHARS:
            at, opened = _drop(out, mark, opened, opened + PRIVATE_KEY_CHARS)
        if found[1] == "BEGIN" and opened is None:
            out.append(text[at : found.start()])
            at = opened = found.start()
        elif found[1] == "END":
            if opened is None:  # its beginning was cut off
                out.append(text[at : max(at, found.start() - PRIVATE_KEY_CHARS)])
            at, opened = _drop(out, mark, at, found.end())
    if opened is not None:
        at, opened = _drop(out, mark, opened, opened + PRIVATE_KEY_CHARS)
    return "".join([*out, text[at:]])


def _drop(out: list[str], mark: str, start: int, end: int) -> tuple[int, None]:
    """Put the mark for what stands in (start, end); return where the text goes on."""
    out.append(mark)
    return max(start, end), None
