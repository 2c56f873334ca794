"""A probe's words become rows; what does not fit is left out, and nothing blank gets through."""

from typing import Any

import msgspec
import pytest

from sidecar.contract.results import ProviderStatus
from sidecar.providers.base import Finding
from sidecar.providers.registry import PROVIDERS
from sidecar.providers.status import (
    MODELS_MAX,
    REASON_CHARS,
    problem_status,
    provider_status,
    read_finding,
    read_models,
    unprobed,
)

ACP = PROVIDERS["acp"]


def strict(row: ProviderStatus) -> dict[str, Any]:
    """Decode a row as a client would."""
    encoded = msgspec.msgpack.encode(row)
    msgspec.msgpack.decode(encoded, type=ProviderStatus)
    found: dict[str, Any] = msgspec.msgpack.decode(encoded)
    return found


def test_a_finding_becomes_a_row() -> None:
    finding = Finding(True, "ok", "1.0", "/bin/x", "fine", {"plan": "pro"})
    row = strict(
        provider_status(ACP, finding, instance="work", instance_name="Work", checked_at="now")
    )
    assert row["displayName"] == "ACP agent (Work)"
    assert (row["version"], row["path"], row["reason"]) == ("1.0", "/bin/x", "fine")
    assert (row["account"], row["providerInstanceId"]) == ({"plan": "pro"}, "work")
    assert row["checkedAt"] == "now"


def test_blank_and_endless_words_do_not_get_through() -> None:
    row = strict(provider_status(ACP, Finding(True, "ok", " ", "\ufeff", "x" * 10_000)))
    assert {"version", "path", "checkedAt"}.isdisjoint(row)
    assert len(row["reason"]) == REASON_CHARS


@pytest.mark.parametrize("value", [None, 5, "x", {}, {"installed": "maybe"}, {"installed": None}])
def test_what_is_no_finding_is_one_too(value: Any) -> None:
    finding = read_finding(value)
    assert not finding.installed
    assert "does not fit" in str(finding.reason)


def test_a_finding_is_read() -> None:
    assert read_finding({"installed": True, "auth": "ok"}) == Finding(True, "ok")


def test_without_a_probe_something_is_known_all_the_same() -> None:
    assert unprobed(PROVIDERS["demo"]).auth == "ok"
    assert "session.start" in str(unprobed(ACP).reason)
    assert unprobed(PROVIDERS["cursor"]).installed


def test_a_manifest_that_cannot_be_used_has_a_row() -> None:
    row = strict(problem_status("bad", "/x/bad.toml", "it is no TOML"))
    assert (row["installed"], row["reason"]) == (False, "/x/bad.toml: it is no TOML")


def test_models_that_fit_are_kept_each_once_and_not_without_end() -> None:
    values = [{"slug": ""}, 5, {"slug": "a", "name": "A"}, {"slug": "a", "name": "B"}]
    assert [(m.slug, m.name) for m in read_models(values)] == [("a", "A")]
    many = ({"slug": f"m{n}", "name": "M"} for n in range(MODELS_MAX * 2))
    assert len(read_models(many)) == MODELS_MAX
