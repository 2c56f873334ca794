"""A budget by which a log stays bounded, whatever it is told."""


class Bucket:
    """A budget that fills up with time, up to a bound. Values in, values out."""

    def __init__(self, per_s: float, most: float, now_s: float) -> None:
        self._per_s = per_s
        self._most = most
        self._left = most
        self._at_s = now_s

    def take(self, cost: float, now_s: float) -> bool:
        """Pay, if there is enough; the first cost beyond the bound is paid by a full bucket."""
        self._left = min(self._most, self._left + (now_s - self._at_s) * self._per_s)
        self._at_s = now_s
        if self._left < min(cost, self._most):
            return False
        self._left -= min(cost, self._most)
        return True
