"""A host's Python stacks on demand: written to stderr by a signal, even while its loop is wedged.

Files, functions and line numbers alone: no values, so no secrets.
"""

import faulthandler
import signal

STACKS_SIGNAL: int | None = getattr(signal, "SIGUSR2", None)
"""None on Windows, which cannot ask."""


def write_stacks_on_signal() -> None:
    """Write the stack of each thread to stderr whenever STACKS_SIGNAL comes.

    The handler is C: it needs neither the interpreter lock nor a loop that turns.
    """
    if STACKS_SIGNAL is not None:
        faulthandler.register(STACKS_SIGNAL, file=2, all_threads=True)
