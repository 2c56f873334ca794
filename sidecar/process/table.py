"""What everything below one process costs, looked at again and again. Common to all platforms.

Never decides what a figure means.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from sidecar.process.identity import ProcessKey
from sidecar.process.platform import IS_LINUX


class Row:
    """One living process. `rss_bytes` counts shared pages in full; `cpu_ms` is of the last deep
    look. `owner` is for whoever looks: whose it is, once that is known."""

    __slots__ = (
        "cpu_ms",
        "handle",
        "key",
        "name",
        "owner",
        "parent",
        "pss_bytes",
        "pss_read_at",
        "pss_rss_bytes",
        "rss_bytes",
        "seen_at",
    )

    def __init__(self, key: ProcessKey, parent: int, name: str, now: float) -> None:
        self.key = key
        self.parent = parent
        self.name = name
        self.seen_at = now
        self.rss_bytes = 0
        self.cpu_ms = 0
        self.owner: str | None = None
        self.pss_bytes: int | None = None
        self.pss_rss_bytes = 0
        """RSS when the share was read."""
        self.pss_read_at = 0.0
        self.handle: Any = None
        """What the table reads the process by."""

    def end(self) -> None:
        """Note that it is gone; the next look drops it."""
        self.rss_bytes, self.pss_bytes = 0, None

    @property
    def charged_bytes(self) -> int:
        """What it costs at most: its share when that was read, and all that it grew by since."""
        if self.pss_bytes is None:
            return self.rss_bytes
        grown = max(self.rss_bytes - self.pss_rss_bytes, 0)
        return min(self.rss_bytes, self.pss_bytes + grown)


class ProcessTable(ABC):
    """The living processes from `top` down, itself included, as of the last look.

    Whoever was below it once stays, wherever its parents went.
    """

    @abstractmethod
    def rows(self) -> Iterable[Row]:
        """Return all rows, in no order."""

    @abstractmethod
    def row(self, pid: int) -> Row | None:
        """Return the row of a pid."""

    @abstractmethod
    def look(self, *, deep: bool) -> list[Row]:
        """Find what came, drop what went, read the memory of all; CPU times too when `deep`.

        Returns what went. What ends while we look is found by the next one.
        """

    @abstractmethod
    def glance(self, rows: Iterable[Row]) -> None:
        """Read the memory of a few rows again; what has ended costs nothing."""

    @abstractmethod
    def read_shares(self, rows: Iterable[Row], older_than_s: float) -> None:
        """Read the shares (PSS) that are not known, or were read longer ago than this.

        What has ended meanwhile costs nothing from then on. Where there are no shares nothing
        happens.
        """

    @abstractmethod
    def is_new(self, row: Row) -> bool:
        """Tell whether the last look was the first one that saw it."""


def table_below(top: int) -> ProcessTable:
    """Return this platform's table, with no row yet."""
    if IS_LINUX:
        from sidecar.process.table_linux import LinuxTable  # noqa: PLC0415

        return LinuxTable(top)
    from sidecar.process.table_psutil import PsutilTable  # noqa: PLC0415

    return PsutilTable(top)
