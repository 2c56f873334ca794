"""Which Codex is too old, however it says its version."""

import pytest

from sidecar.providers.codex.version import MIN_VERSION, UPGRADE, too_old, version_in


@pytest.mark.parametrize(
    ("words", "version"),
    [
        ("agent-sidecar/0.169.0 (Debian 12.0.0; x86_64) dumb", (0, 169, 0)),
        ("codex-cli 0.135.0", (0, 135, 0)),
        ("codex-cli 1.2.3-alpha.4", (1, 2, 3)),
        ("codex 1.2", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_a_version_is_read(words: str, version: object) -> None:
    assert version_in(words) == version


def test_only_what_is_known_to_be_older_is_refused() -> None:
    assert too_old(None) is None
    assert too_old(MIN_VERSION) is None
    assert too_old((99, 0, 0)) is None
    refusal = too_old((0, 31, 5))
    assert refusal is not None
    assert "0.31.5 is older than" in refusal
    assert UPGRADE in refusal
