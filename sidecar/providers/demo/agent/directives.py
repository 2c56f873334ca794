"""What a prompt tells the demo agent to do. Pure.

    @@stream COUNT DELAY_MS BYTES   COUNT deltas of BYTES, DELAY_MS apart
    @@tool CMD@@                    asks for permission, then runs CMD in a shell of its own session
    @@daemon [SENTINEL]             starts a detached grandchild (setsid, double fork), says its pid
    @@crash   @@hang                ends at once without a word; never answers again
    @@flood COUNT                   COUNT small deltas as fast as the pipe takes them
    @@leak MB_PER_S                 eats memory until the turn is cancelled
    @@leakdaemon MB_PER_S           has a detached grandchild eat memory, turn or no turn
    @@huge BYTES                    one line that long
    @@surrogate                     an emoji cut in two over two deltas
    @@garbage                       bytes that are no JSON
    @@think   @@plan   @@recall     a thought; a plan; what it remembers

Directives run in their order. A prompt without one gets a friendly answer.
"""

import re
from typing import Final, NamedTuple

MOST: Final = {
    "stream": (10_000_000, 3_600_000, 16 * 1024 * 1024),
    "flood": (10_000_000,),
    "leak": (4_096,),
    "leakdaemon": (4_096,),
    "huge": (64 * 1024 * 1024,),
}
"""Largest arguments taken, so that a slip of the hand does not stop the machine."""

_DEFAULTS: Final = {
    "stream": (10, 50, 20),
    "flood": (10_000,),
    "leak": (10,),
    "leakdaemon": (10,),
    "huge": (3_000_000,),
}
_PATTERN: Final = re.compile(
    r"@@(?:"
    r"tool[ \t]+(?P<command>.+?)@@"
    r"|(?P<counted>stream|flood|leakdaemon|leak|huge)\b(?P<numbers>(?:[ \t]+\d+)*)"
    r"|daemon\b(?:[ \t]+(?P<sentinel>[\w.:-]+))?"
    r"|(?P<plain>crash|hang|surrogate|garbage|think|plan|recall)\b"
    r")(?:@@(?!\w))?",
    re.DOTALL,
)


class Directive(NamedTuple):
    """One thing to do. `word` is the command or the sentinel."""

    name: str
    numbers: tuple[int, ...] = ()
    word: str = ""


def parse(prompt: str) -> list[Directive]:
    """Return the directives of a prompt in their order; missing numbers get defaults."""
    found = []
    for match in _PATTERN.finditer(prompt):
        if match["command"] is not None:
            found.append(Directive("tool", word=match["command"].strip()))
        elif match["counted"] is not None:
            found.append(_counted(match["counted"], match["numbers"]))
        elif match["plain"] is not None:
            found.append(Directive(match["plain"]))
        else:
            found.append(Directive("daemon", word=match["sentinel"] or ""))
    return found


def _counted(name: str, numbers: str) -> Directive:
    given = [int(number) for number in numbers.split()]
    defaults = _DEFAULTS[name]
    filled = [*given, *defaults[len(given) :]][: len(defaults)]
    return Directive(name, tuple(min(*pair) for pair in zip(filled, MOST[name], strict=True)))
