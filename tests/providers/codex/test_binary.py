"""Which program is run: the native binary that a wrapper stands for."""

import os
import platform
import sys
from pathlib import Path

import pytest

from sidecar.contract.errors import ProviderProcessFailed
from sidecar.providers.codex import binary
from sidecar.providers.codex.binary import find_program, native_binary

TRIPLE = "x86_64-unknown-linux-musl"


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def program(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"#" * size)
    path.chmod(0o755)
    return path


def npm(modules: Path) -> Path:
    """Lay out the package as npm does; return its shim."""
    wrapper = program(modules / "@openai" / "codex" / "bin" / "codex.js")
    shim = modules / ".bin" / "codex"
    shim.parent.mkdir()
    shim.symlink_to(os.path.relpath(wrapper, shim.parent))
    return shim


@pytest.mark.parametrize(
    "place",
    [
        f"@openai/codex-linux-x64/vendor/{TRIPLE}/bin/codex",
        f"@openai/codex/node_modules/@openai/codex-linux-x64/vendor/{TRIPLE}/bin/codex",
        f"@openai/codex/vendor/{TRIPLE}/codex/codex",
    ],
)
def test_the_binary_behind_the_wrapper_is_found(tmp_path: Path, place: str) -> None:
    modules = tmp_path / "node_modules"
    shim, native = npm(modules), program(modules / place)
    found = find_program(str(shim), {})
    assert found.path == str(native)
    assert found.env == {"CODEX_MANAGED_BY_NPM": "1"}


def test_a_shim_that_is_no_link_is_looked_beside(tmp_path: Path) -> None:
    shim = program(tmp_path / "codex")
    place = f"node_modules/@openai/codex/vendor/{TRIPLE}/bin/codex"
    native = program(tmp_path / place)
    assert native_binary(shim) == native.resolve() or native_binary(shim) == native


def test_an_older_packages_tools_come_first_in_the_path(tmp_path: Path) -> None:
    modules = tmp_path / "node_modules"
    shim = npm(modules)
    vendor = modules / "@openai" / "codex" / "vendor" / TRIPLE
    program(vendor / "codex" / "codex")
    (vendor / "path").mkdir()
    found = find_program(str(shim), {"PATH": "/usr/bin"})
    assert found.env["PATH"] == f"{vendor / 'path'}{os.pathsep}/usr/bin"


def test_a_wrapper_without_a_binary_is_run_itself(tmp_path: Path) -> None:
    shim = npm(tmp_path / "node_modules")
    assert find_program(str(shim), {}) == (str(shim), {})


def test_a_native_binary_is_run_as_it_is(tmp_path: Path) -> None:
    native = program(tmp_path / "codex", binary.WRAPPER_BYTES + 1)
    assert find_program(str(native), {}) == (str(native), {})
    assert native_binary(tmp_path / "gone") is None


def test_a_name_is_looked_for_in_the_sessions_path(tmp_path: Path) -> None:
    program(tmp_path / "codex")
    assert find_program(None, {"PATH": str(tmp_path)}).path == str(tmp_path / "codex")
    with pytest.raises(ProviderProcessFailed, match="no Codex in PATH"):
        find_program(None, {"PATH": str(tmp_path / "empty")})


def test_a_relative_path_is_the_sessions(tmp_path: Path) -> None:
    program(tmp_path / "tools" / "codex")
    found = find_program("./tools/codex", {}, str(tmp_path))
    assert Path(found.path) == tmp_path / "tools" / "codex"


def test_another_machine_has_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shim = npm(tmp_path / "node_modules")
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert native_binary(shim) is None
