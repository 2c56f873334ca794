"""A sharing module: sessions share a host when their start option `share` is the same."""

from sidecar.contract.errors import ValidationFailed
from sidecar.contract.frames import SessionSpec


def sharing_key(spec: SessionSpec) -> str:
    """Return the option; raises ValidationFailed, or whatever else a provider's code may."""
    share = (spec.start.options or {})["share"]
    if share == "bad":
        raise ValidationFailed("the option `share` is bad")
    return str(share)
