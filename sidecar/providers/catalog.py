"""Every provider there is now: built in, declared in settings or in the data dir, dropped in.

    <dataDir>/providers/<name>.toml              a manifest
    <dataDir>/plugins/<name>/provider.toml       a drop-in package: hosts and probes import it
    entry point group agent_sidecar.providers    the same of an installed package (not frozen)

Looks at the files' times whenever it is asked, and reads again what has changed. Never imports a
drop-in and never raises for what a file holds: what cannot be used is a problem with a name.
"""

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from sidecar.contract.errors import ValidationFailed
from sidecar.core.scarcity import short_of
from sidecar.observe.log import Log, null_log
from sidecar.providers.base import ProviderInfo
from sidecar.providers.manifest import (
    MANIFEST_BYTES,
    BadManifest,
    parse_toml,
    read_manifest,
    read_package_manifest,
)
from sidecar.providers.registry import PROVIDERS

MANIFESTS_FOLDER = "providers"
PLUGINS_FOLDER = "plugins"
PACKAGE_MANIFEST = "provider.toml"
ENTRY_POINTS = "agent_sidecar.providers"

SOURCES_MAX = 256
"""Manifests and drop-ins that are looked at; more is a folder put there by mistake."""

_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class Problem(NamedTuple):
    """A manifest that cannot be used. `name` is one that it may be shown under."""

    name: str
    where: str
    reason: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a row comes from: a file, or a place in the settings."""

    name: str
    where: str
    read: Callable[[], ProviderInfo]
    stamp: tuple[int, int]


class Catalog:
    """The providers by name, as of the last look."""

    def __init__(
        self,
        data_dir: Path | None = None,
        agents: Mapping[str, Any] | None = None,
        log: Log | None = None,
    ) -> None:
        self._data_dir = data_dir
        self._agents = agents or {}
        self._log = log or null_log()
        self._installed: list[Source] | None = None
        self._stamps: tuple[tuple[str, tuple[int, int]], ...] | None = None
        self._rows: dict[str, ProviderInfo] = dict(PROVIDERS)
        self._problems: dict[str, Problem] = {}

    def rows(self) -> dict[str, ProviderInfo]:
        """Return the providers that can be started, built-in ones first."""
        self._look()
        return self._rows

    def problems(self) -> dict[str, Problem]:
        """Return by name what is declared and cannot be started."""
        self._look()
        return self._problems

    def known(self) -> dict[str, ProviderInfo]:
        """Return the rows of the last look, without another one."""
        return self._rows

    def known_problems(self) -> dict[str, Problem]:
        """Return the problems of the last look, without another one."""
        return self._problems

    def info(self, name: str) -> ProviderInfo:
        """Return a provider. Raises ValidationFailed for one that is unknown or cannot be used."""
        rows = self.rows()
        if (found := rows.get(name)) is not None:
            return found
        if (problem := self._problems.get(name)) is not None:
            raise ValidationFailed(
                f"Provider {name!r} cannot be used: {problem.where}: {problem.reason}",
                provider=name,
            )
        known = sorted(rows)
        raise ValidationFailed(
            f"There is no provider {name!r}; known are {', '.join(known)}",
            provider=name,
            known=known,
        )

    def _look(self) -> None:
        """Read everything again if any of it has changed.

        All stays as it was where there is nothing left to look with: until the next look.
        """
        before = self._rows, self._problems
        try:
            sources = list(self._sources())
            stamps = tuple((source.where, source.stamp) for source in sources)
            if stamps != self._stamps:
                self._read(sources)
                self._stamps = stamps
        except (OSError, MemoryError) as error:
            if short_of(error) is None:
                raise
            self._rows, self._problems = before
            self._log.warning("manifest.not-looked", error=repr(error))

    def _read(self, sources: Sequence[Source]) -> None:
        told = self._problems
        self._rows, self._problems = dict(PROVIDERS), {}
        refused = [(s, reason) for s in sources[:SOURCES_MAX] if (reason := self._take(s))]
        for source, reason in refused:
            self._refuse(source, reason)
        if len(sources) > SOURCES_MAX:
            self._log.warning("manifest.too-many", found=len(sources), read=SOURCES_MAX)
        for name, problem in self._problems.items():
            if told.get(name) != problem:
                self._log.warning("manifest.bad", where=problem.where, reason=problem.reason)

    def _take(self, source: Source) -> str | None:
        """Add a source's row; return why not, if it cannot be added."""
        try:
            info = source.read()
        except BadManifest as error:
            return str(error)
        except OSError as error:
            if short_of(error) is not None:
                raise
            return f"it cannot be read: {error.strerror or error}"
        if info.name in self._rows:
            return f"there is another provider {info.name!r} already"
        self._rows[info.name] = info
        return None

    def _refuse(self, source: Source, reason: str) -> None:
        """Keep the problem under a name that no provider has."""
        base = _NO_NAME.sub("-", source.name).strip("-_") or "manifest"
        name = base = base[:48] if base[0].isalpha() else f"manifest-{base}"[:48]
        count = 1
        while name in self._rows or name in self._problems:
            count += 1
            name = f"{base}-{count}"
        self._problems[name] = Problem(name, source.where, reason)

    def _sources(self) -> Iterator[Source]:
        for name, manifest in self._agents.items():
            yield Source(
                name, f"settings agents.{name}", _reader(read_manifest, manifest, name), (0, 0)
            )
        if self._data_dir is not None:
            for path in _listed(self._data_dir / MANIFESTS_FOLDER):
                if path.suffix == ".toml" and (stamp := _stamp(path)):
                    yield Source(path.stem, str(path), _file_reader(path), stamp)
            for folder in _listed(self._data_dir / PLUGINS_FOLDER):
                path = folder / PACKAGE_MANIFEST
                if stamp := _stamp(path):
                    yield Source(folder.name, str(path), _package_reader(path, folder), stamp)
        if self._installed is None:
            self._installed = list(_installed_packages())
        yield from self._installed


def _reader(
    read: Callable[[Any, str], ProviderInfo], data: Any, name: str
) -> Callable[[], ProviderInfo]:
    return lambda: read(data, name)


def _file_reader(path: Path) -> Callable[[], ProviderInfo]:
    return lambda: read_manifest(parse_toml(_content(path)), path.stem)


def _package_reader(path: Path, package_dir: Path) -> Callable[[], ProviderInfo]:
    return lambda: read_package_manifest(
        parse_toml(_content(path)), package_dir.name, str(package_dir)
    )


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MANIFEST_BYTES + 1)


def _listed(folder: Path) -> list[Path]:
    """Return what is in a folder, in an order that stays; hidden files are editors' own."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        if short_of(error) is not None:
            raise
        return []


def _stamp(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file does; None when it is none, so that a FIFO is not opened."""
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if path.is_file() else None


def _installed_packages() -> Iterator[Source]:
    """Find the entry points; the value of each names a package with a provider.toml in it.

    A frozen build has no installed packages, and not the module that would find them.
    """
    if getattr(sys, "frozen", False):
        return
    metadata: Any = importlib.import_module("importlib.metadata")
    for point in sorted(metadata.entry_points(group=ENTRY_POINTS)):
        package = point.value.partition(":")[0]
        where = f"entry point {point.name} = {package}"
        yield Source(point.name, where, _installed_reader(point.name, package), (0, 0))


def _installed_reader(name: str, package: str) -> Callable[[], ProviderInfo]:
    def read() -> ProviderInfo:
        if "." in package:
            raise BadManifest(f"{package} is no top-level package")
        found = importlib.util.find_spec(package)  # imports no part of it
        if found is None or found.origin is None:
            raise BadManifest(f"there is no package {package}")
        folder = Path(found.origin).parent
        data = parse_toml(_content(folder / PACKAGE_MANIFEST))
        return read_package_manifest(data, name, os.fspath(folder.parent))

    return read
