"""Python stacks as faulthandler writes them, cut to what tells where a host hangs. Pure."""

from typing import Final

FRAMES_KEPT: Final = 12
"""Innermost frames of each thread: those below are asyncio's and our own, and always the same."""

_THREADS: Final = ("Thread 0x", "Current thread 0x")
_FRAME: Final = '  File "'


def shortened(text: str) -> str:
    """Return `text` with FRAMES_KEPT frames of each thread; what is no stack stays as it is."""
    kept: list[str] = []
    frames = -1
    for line in text.split("\n"):
        if line.startswith(_THREADS):
            frames = 0
        elif frames >= 0 and line.startswith(_FRAME):
            frames += 1
        else:
            frames = -1
        if frames <= FRAMES_KEPT:
            kept.append(line)
        elif frames == FRAMES_KEPT + 1:
            kept.append("  …")
    return "\n".join(kept)
