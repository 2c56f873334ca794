"""Instances: several accounts of one provider, each with a home and an environment of its own.

Owns which instance a `providerInstanceId` means and where its home is; two never share one. What
is in the home belongs to the provider.
"""

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sidecar.contract.errors import ValidationFailed
from sidecar.supervisor.settings import InstanceSettings

INSTANCES_FOLDER = "instances"
OWNER_FILE = ".agent-sidecar-instance"
"""In a home that we made: whose it is, so that another provider never gets it."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One account. `home` is empty for the user's own; `env` may hold secrets."""

    provider: str
    id: str | None = None
    home: str = ""
    env: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    display_name: str | None = None


class Instances:
    """The instances that the settings declare, and those that clients name."""

    def __init__(self, data_dir: Path, declared: Mapping[str, InstanceSettings]) -> None:
        self._folder = data_dir / INSTANCES_FOLDER
        self._declared = declared

    def of_provider(self, provider: str) -> list[str]:
        """Return the ids that the settings declare for a provider, in their order."""
        return [
            name
            for name, declared in self._declared.items()
            if declared.provider == provider and name != provider
        ]

    def find(self, provider: str, name: str | None, providers: Collection[str]) -> Instance:
        """Return the instance that `name` means for `provider`; nothing is made.

        No name, or the provider's own, is the user's own home. Raises ValidationFailed for an
        instance of another provider, and for one whose home is another's.
        """
        declared = self._declared.get(name or provider)
        if declared is not None and declared.provider != provider:
            if name is None:
                return Instance(provider)
            raise ValidationFailed(
                f"{name!r} is an instance of {declared.provider}, not of {provider}",
                provider=provider,
                providerInstanceId=name,
            )
        if declared is None:
            return self._undeclared(provider, name, providers)
        own = name is None or name == provider
        home = str(Path(declared.home).expanduser()) if declared.home else ""
        if not home and not own:
            home = str(self._folder / str(name))
        self._check_home(name or provider, home)
        return Instance(provider, name, home, declared.env, declared.options, declared.display_name)

    def _undeclared(self, provider: str, name: str | None, providers: Collection[str]) -> Instance:
        if name is None or name == provider:
            return Instance(provider, name)
        if name in providers:
            raise ValidationFailed(
                f"{name!r} is a provider of its own, no instance of {provider}",
                provider=provider,
                providerInstanceId=name,
            )
        return Instance(provider, name, str(self._folder / name))

    def _check_home(self, name: str, home: str) -> None:
        if not home:
            return
        if not os.path.isabs(home):  # noqa: PTH117
            raise ValidationFailed(
                f"The home of instance {name!r} is no absolute path: {home}", home=home
            )
        real = os.path.realpath(home)
        for other, declared in self._declared.items():
            place = Path(declared.home).expanduser() if declared.home else self._folder / other
            if other != name and os.path.realpath(place) == real:
                raise ValidationFailed(
                    f"Instances {name!r} and {other!r} have the same home {home}: they would "
                    "share their accounts",
                    home=home,
                )

    def make_home(self, instance: Instance) -> None:
        """Make the home, readable for its user alone. Raises ValidationFailed.

        A folder of ours remembers whose it is: a name that another provider has used, or the same
        name in another spelling on a file system that knows no case, is refused.
        """
        if not instance.home:
            return
        home = Path(instance.home)
        try:
            home.mkdir(mode=0o700, parents=True, exist_ok=True)
            if home.parent == self._folder:
                self._folder.chmod(0o700)
                home.chmod(0o700)
                self._claim(home, instance)
        except OSError as error:
            raise ValidationFailed(
                f"Cannot make the home of instance {instance.id!r}: {error}", home=instance.home
            ) from None

    def _claim(self, home: Path, instance: Instance) -> None:
        owner = f"{instance.provider}/{instance.id}\n"
        try:
            with (home / OWNER_FILE).open("x", encoding="utf-8") as file:
                file.write(owner)
        except FileExistsError:
            found = (home / OWNER_FILE).read_text("utf-8", "replace")
            if found != owner:
                raise ValidationFailed(
                    f"{home} belongs to instance {found.strip()!r}: choose another "
                    "providerInstanceId",
                    home=str(home),
                ) from None
