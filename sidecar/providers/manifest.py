"""Manifests: a few lines that make an agent a provider. Text in, a registry row out.

Two kinds. A *manifest* declares an agent that a built-in provider already speaks with, any ACP
agent above all: data alone. A *package manifest* (`provider.toml`) stands beside a drop-in package
for a protocol of its own and names its classes. Neither imports anything.
"""

import tomllib
from typing import Any, TypeVar

import msgspec

from sidecar.contract.base import NonBlank, Slug, Wire
from sidecar.contract.errors import SidecarError
from sidecar.contract.results import Capabilities
from sidecar.providers.base import ProviderInfo
from sidecar.providers.registry import ACP_HOME_ENV, PROVIDERS

MANIFEST_BYTES = 64 * 1024
"""A manifest has some hundred bytes."""

ACP_MODULE = "sidecar.providers.acp.session"
COMMAND_PROBE = ("sidecar.providers.command_probe", "CommandProbe")

AGENT_OPTIONS = ("command", "args", "env", "authHint", "authMethod", "quirks")
"""Keys of a manifest that are start options of an ACP agent by the same name."""


M = TypeVar("M", bound=Wire)


class BadManifest(Exception):  # noqa: N818 - it is shown to the user in these words
    """Raised when a manifest cannot be used; the text says why and, where it can, which key."""


class Manifest(Wire, frozen=True, forbid_unknown_fields=True):
    """An agent that a built-in provider speaks with. Unknown keys are refused: they are typos."""

    name: Slug | None = None
    """By default the file's name without its ending."""
    extends: Slug = "acp"
    """The built-in provider that runs it."""
    display_name: NonBlank | None = None
    command: NonBlank | None = None
    args: list[str] = []  # noqa: RUF012 - msgspec copies an empty default
    env: dict[str, str] = {}  # noqa: RUF012 - the same
    auth_hint: NonBlank | None = None
    auth_method: NonBlank | None = None
    auth_env: list[NonBlank] = []  # noqa: RUF012 - the same
    """Variables each of which is a login."""
    auth_files: list[NonBlank] = []  # noqa: RUF012 - the same
    """Files each of which is a login; ~ is the instance's home."""
    version_args: list[str] | None = None
    """Arguments with which the command prints its version, such as ["--version"]."""
    quirks: dict[str, Any] = {}  # noqa: RUF012 - the same
    capabilities: dict[str, Any] = {}  # noqa: RUF012 - the same
    home_env: NonBlank | list[NonBlank] | dict[str, str] | None = None
    """Variables that point into an instance's home: a name, names, or name → folder in it."""
    options: dict[str, Any] = {}  # noqa: RUF012 - the same
    """Further start options of the provider that it extends."""


class PackageManifest(Wire, frozen=True, forbid_unknown_fields=True):
    """A drop-in for a protocol of its own: which classes it has, and where."""

    module: NonBlank
    session_class: NonBlank
    name: Slug | None = None
    display_name: NonBlank | None = None
    probe_module: NonBlank | None = None
    probe_class: NonBlank | None = None
    capabilities: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies an empty default
    home_env: NonBlank | list[NonBlank] | dict[str, str] | None = None
    options: dict[str, Any] = {}  # noqa: RUF012 - the same


def parse_toml(data: bytes) -> dict[str, Any]:
    """Return a TOML document. Raises BadManifest."""
    if len(data) > MANIFEST_BYTES:
        raise BadManifest(f"it is over {MANIFEST_BYTES} bytes")
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadManifest(f"it is no TOML: {error}") from None


def read_manifest(data: Any, default_name: str) -> ProviderInfo:
    """Return the registry row of an agent's manifest. Raises BadManifest."""
    manifest = _convert(data, Manifest)
    base = PROVIDERS.get(manifest.extends)
    if base is None:
        raise BadManifest(f"it extends {manifest.extends!r}, which is not built in")
    acp = base.module == ACP_MODULE
    if acp and manifest.command is None:
        raise BadManifest("`command` is missing")
    if not acp and (given := [key for key in AGENT_OPTIONS if key in data]):
        raise BadManifest(
            f"`{given[0]}` is for ACP agents; {manifest.extends} has settings of its own, which "
            "stand under `options`"
        )
    own = {key: data[key] for key in AGENT_OPTIONS if key in data}
    options = {**base.options, **manifest.options, **own}
    if acp:
        _check_acp_options(options)
    name = _name(manifest.name, default_name)
    return ProviderInfo(
        name=name,
        display_name=manifest.display_name or name,
        module=base.module,
        session_class=base.session_class,
        capabilities=_capabilities(dict(base.capabilities), manifest.capabilities),
        probe_module=COMMAND_PROBE[0] if acp else base.probe_module,
        probe_class=COMMAND_PROBE[1] if acp else base.probe_class,
        options=options,
        sharing_module=base.sharing_module,
        probe_settings=_probe_settings(manifest),
        home_env=_home_env(manifest.home_env, dict(base.home_env)),
        home_settings=base.home_settings,
    )


def read_package_manifest(data: Any, default_name: str, package_dir: str) -> ProviderInfo:
    """Return the registry row of a drop-in package. Raises BadManifest."""
    manifest = _convert(data, PackageManifest)
    if (manifest.probe_module is None) != (manifest.probe_class is None):
        raise BadManifest("`probeModule` and `probeClass` come together")
    name = _name(manifest.name, default_name)
    return ProviderInfo(
        name=name,
        display_name=manifest.display_name or name,
        module=manifest.module,
        session_class=manifest.session_class,
        capabilities=_capabilities(dict(ProviderInfo.CAPABILITY_DEFAULTS), manifest.capabilities),
        probe_module=manifest.probe_module,
        probe_class=manifest.probe_class,
        options=manifest.options,
        home_env=_home_env(manifest.home_env, ACP_HOME_ENV),
        package_dir=package_dir,
    )


def _convert(data: Any, kind: type[M]) -> M:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise BadManifest(str(error)) from None


def _name(given: str | None, default: str) -> str:
    """Return a name that nobody else has by right. Raises BadManifest."""
    name = given or default
    try:
        msgspec.convert(name, Slug)
    except msgspec.ValidationError:
        raise BadManifest(
            f"{name!r} is no name: a letter, then up to 63 letters, digits, - and _"
        ) from None
    if name in PROVIDERS:
        raise BadManifest(
            f"{name!r} is built in and cannot be replaced: choose another name, and `extends = "
            f'"{name}"` to build on it'
        )
    return name


def _capabilities(base: dict[str, Any], declared: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(set(declared) - set(ProviderInfo.CAPABILITY_DEFAULTS))
    if unknown:
        raise BadManifest(f"there is no capability {unknown[0]!r}")
    merged = base | declared
    try:
        msgspec.convert(merged, Capabilities)
    except msgspec.ValidationError as error:
        raise BadManifest(f"capabilities: {error}") from None
    return merged


def _check_acp_options(options: dict[str, Any]) -> None:
    from sidecar.providers.acp.options import read_options  # noqa: PLC0415 - only when one is there

    try:
        read_options(options)
    except SidecarError as error:
        raise BadManifest(error.message) from None


def _probe_settings(manifest: Manifest) -> dict[str, Any]:
    settings = {
        "authHint": manifest.auth_hint,
        "authEnv": manifest.auth_env,
        "authFiles": manifest.auth_files,
        "versionArgs": manifest.version_args,
    }
    return {key: value for key, value in settings.items() if value}


def _home_env(
    declared: str | list[str] | dict[str, str] | None, base: dict[str, str]
) -> dict[str, str]:
    """Return variable → folder below an instance's home. Raises BadManifest for one outside."""
    match declared:
        case None:
            return base
        case str():
            return {declared: ""}
        case list():
            return dict.fromkeys(declared, "")
    for variable, folder in declared.items():
        parts = folder.replace("\\", "/").split("/")
        if folder.startswith(("/", "\\", "~")) or ".." in parts or ":" in folder:
            raise BadManifest(f"homeEnv.{variable}: {folder!r} is not inside the instance's home")
    return declared
