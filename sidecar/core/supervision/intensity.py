"""Restart policy as OTP has it: who is restarted, how often, and how long to wait before.

Pure: the clock's value and the randomness are handed in. What it decides is carried out by
sidecar/supervisor.
"""

from collections import deque
from dataclasses import dataclass

from sidecar.contract.vocabulary import ExitKind, RestartPolicy

BACKOFF_FIRST_S = 0.5
BACKOFF_FACTOR = 2.0
BACKOFF_LAST_S = 30.0
BACKOFF_DOUBLES = 10
"""More of them make no difference, and a float has an end: who falls for days is not to find it."""

BACKOFF_JITTER = 0.1
"""0.5 s × 2 up to 30 s, with up to 10 % on top: pebble's values, proven on real services."""

STABLE_S = 10.0
"""A generation that lived this long starts the backoff anew (jupyter's value)."""


def wants_restart(policy: RestartPolicy, exit_kind: ExitKind) -> bool:
    """Tell whether a child of this policy is restarted after such an exit.

    permanent: always; transient: after an error; temporary: never. An exit that was asked for
    never reaches this question.
    """
    return policy == "permanent" or (policy == "transient" and exit_kind == "error")


@dataclass(frozen=True, slots=True)
class Restart:
    """Restart after `delay_s`; this is restart number `count` within the window."""

    delay_s: float
    count: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The intensity is exceeded: stay down until somebody asks."""

    count: int
    max_restarts: int
    max_seconds: int


class RestartIntensity:
    """At most `max_restarts` in any `max_seconds`, with a growing delay between."""

    def __init__(self, max_restarts: int, max_seconds: int) -> None:
        self._max_restarts = max_restarts
        self._max_seconds = max_seconds
        self._times: deque[float] = deque(maxlen=max_restarts + 1)
        self._streak = 0

    def decide(self, now_s: float, lived_s: float, random: float) -> Restart | GiveUp:
        """Say what follows an exit at `now_s` of a child that lived `lived_s`.

        `random` in [0, 1) is the jitter. A decision to restart is counted at once.
        """
        if lived_s >= STABLE_S:
            self._streak = 0
        while self._times and now_s - self._times[0] > self._max_seconds:
            self._times.popleft()
        if len(self._times) >= self._max_restarts:
            return GiveUp(len(self._times), self._max_restarts, self._max_seconds)
        self._times.append(now_s)
        delay = min(BACKOFF_LAST_S, BACKOFF_FIRST_S * BACKOFF_FACTOR**self._streak)
        self._streak = min(self._streak + 1, BACKOFF_DOUBLES)
        return Restart(delay * (1 + BACKOFF_JITTER * random), len(self._times))
