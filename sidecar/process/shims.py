"""Windows command shims: which program a `.cmd` or `.ps1` of a package manager really starts.

A `.cmd` runs under cmd.exe, which reads its arguments a second time and stands between us and the
agent; so the program behind it is started instead. Pure: text in, words out, and None for any text
that is not a shim as npm's cmd-shim writes it (pnpm and yarn use the same form): nothing is
guessed. Tested with texts that cmd-shim wrote; never run on Windows.
"""

import ntpath
import re
from collections.abc import Callable

SHIM_CHARS = 64 * 1024
"""A shim has under 2,000 characters; anything larger is somebody's own script."""

Exists = Callable[[str], bool]
"""Tells whether there is a file of that path."""

_WORD = re.compile(r'"([^"]*)"|(\S+)')
_SET = re.compile(r'^\s*@?SET\s+"?(?P<name>\w+)=(?P<value>[^"]*)', re.IGNORECASE)
_HARMLESS = ("dp0", "_prog", "pathext")
"""What shims set for themselves. One that sets more, for the program, cannot be left out."""

_CMD_FOLDER = re.compile(r"%(?:~dp0|dp0%)\\?", re.IGNORECASE)
_PS1_FOLDER = re.compile(r"\$basedir[\\/]")
_NATIVE = (".exe", ".com")


def program_of_shim(path: str, text: str, exists: Exists) -> list[str] | None:
    """Return the words that the shim at `path` puts before its arguments.

    The first is an absolute path, or a name to be looked for on PATH.
    """
    if len(text) > SHIM_CHARS:
        return None
    words = _ps1_words(text) if path.lower().endswith(".ps1") else _cmd_words(text)
    if not words:
        return None
    folder = ntpath.dirname(path)
    *before, target = words
    if not before:  # the package brings a program of its own
        native = ntpath.splitext(target)[1].lower() in _NATIVE and target.startswith("<")
        return [_placed(target, folder)] if native else None
    if not target.startswith("<"):
        return None
    interpreter = before[0].removeprefix("<").removesuffix(".exe")
    beside = _placed(f"<{interpreter}.exe", folder)
    program = beside if exists(beside) else interpreter
    return [program, *(_placed(word, folder) for word in [*before[1:], target])]


def _cmd_words(text: str) -> list[str] | None:
    """Return the words of the call that ends in %*; what begins with < is relative to the shim."""
    program = ""
    call = None
    for line in text.splitlines():
        if setting := _SET.match(line):
            if setting["name"].lower() not in _HARMLESS:
                return None
            if setting["name"].lower() == "_prog":
                program = setting["value"]  # the last one is without "is there one beside me"
        elif line.rstrip().endswith("%*"):
            call = line.rpartition(" & ")[2]
    if call is None:
        return None
    words = [quoted or bare for quoted, bare in _WORD.findall(call)][:-1]
    words = [program if word.lower() == "%_prog%" else word.lstrip("@") for word in words]
    placed = [_CMD_FOLDER.sub("<", word, count=1) for word in words]
    return None if any("%" in word or not word for word in placed) else placed


def _ps1_words(text: str) -> list[str] | None:
    calls = [line.strip() for line in text.splitlines() if line.rstrip().endswith(" $args")]
    if not calls:
        return None
    words = [quoted or bare for quoted, bare in _WORD.findall(calls[-1].rpartition("& ")[2])][:-1]
    placed = [_PS1_FOLDER.sub("<", word, count=1).replace("$exe", "") for word in words]
    return None if any("$" in word or not word for word in placed) else placed


def _placed(word: str, folder: str) -> str:
    if not word.startswith("<"):
        return word
    return ntpath.normpath(ntpath.join(folder, word[1:].lstrip("\\/")))
