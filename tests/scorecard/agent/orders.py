"""What a prompt tells the agent to do: words of command with `;` between them. Pure.

    say N EVERY_MS [BYTES]      N pieces of text, each with the next id
    flood N [BYTES]             the same without a pause
    burst N [BYTES]             the same in one write(2): a pipe takes 64 KiB at once
    quiet MS                    nothing for a while
    gate PATH                   nothing until there is a file of that path
    hang                        says nothing more until it is cancelled
    crash [WORDS]               WORDS to stderr, then it ends without a further word
    leak MB_PER_S [MOST_MB]     takes and touches memory until it dies or is cancelled
    leak-below MB_PER_S [MOST]  has a detached grandchild do so, and goes on
    daemon                      a detached grandchild: double fork, setsid, clean environment, deaf
    masked                      a daemon that becomes another program: none of our words in its argv
    tool                        a child in a session of its own that lives until it is killed
    deaf                        from now on no cancel, no end of stdin and no SIGTERM ends it
    ask                         a permission request; goes on once it was answered
    poison KIND [MB]            the message at which faulty session code fails, then nothing;
                                `poison leak MB_PER_S` sends one each 100 ms
    malformed                   lines that are no JSON, or no message
    recall                      says how many prompts its conversation has had, as `recall=<n>`

Each is over once the turn is cancelled, and those behind it are left out.
"""

from typing import Final, NamedTuple

NUMBERS: Final[dict[str, tuple[int, ...]]] = {
    "say": (1, 0, 0),
    "flood": (1_000, 0),
    "burst": (100, 0),
    "quiet": (1_000,),
    "gate": (),
    "hang": (),
    "crash": (),
    "leak": (10, 2_048),
    "leak-below": (10, 2_048),
    "daemon": (),
    "masked": (),
    "tool": (),
    "deaf": (),
    "ask": (),
    "poison": (),
    "malformed": (),
    "recall": (),
}
"""Every word of command with the numbers that it takes where the prompt gives none."""


class Order(NamedTuple):
    """One thing to do; `words` is what stands behind the numbers."""

    name: str
    numbers: tuple[int, ...] = ()
    words: str = ""


def parse(prompt: str) -> list[Order]:
    """Return the orders of a prompt. Raises ValueError for a word that is none."""
    return [_order(piece.strip()) for piece in prompt.split(";") if piece.strip()]


def _order(piece: str) -> Order:
    name, _, rest = piece.partition(" ")
    if name not in NUMBERS:
        raise ValueError(f"{name!r} is no word of command: see tests/scorecard/AGENT.md")
    words = rest.split()
    numbers = [
        int(words.pop(0)) if words and words[0].isdigit() else default for default in NUMBERS[name]
    ]
    return Order(name, tuple(numbers), " ".join(words))
