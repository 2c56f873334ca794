"""The registry knows names without importing packages, and says which there are."""

import subprocess
import sys

import pytest

from sidecar.contract.errors import ValidationFailed
from sidecar.providers.acp.session import AcpSession
from sidecar.providers.base import ProviderInfo
from sidecar.providers.demo.session import DemoSession
from sidecar.providers.registry import PROVIDERS, create_session, provider_info
from tests.providers.context import ROOT, FakeContext, spec


def test_a_session_is_made_by_its_providers_name() -> None:
    assert type(create_session("acp", FakeContext(spec("acp")))) is AcpSession
    assert type(create_session("demo", FakeContext(spec("demo")))) is DemoSession


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValidationFailed, match="no provider 'nope'; known are acp, ") as refused:
        provider_info("nope")
    assert refused.value.data["known"] == sorted(PROVIDERS)


def test_every_provider_tells_every_capability() -> None:
    for info in PROVIDERS.values():
        assert set(info.capabilities) == set(ProviderInfo.CAPABILITY_DEFAULTS)


def test_the_registry_imports_no_provider_package() -> None:
    code = (
        "import sys, sidecar.providers.registry;"
        "print([m for m in sys.modules if m.startswith('sidecar.providers.') and m.count('.') > 2])"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True)
    assert ran.stdout.strip() == b"[]"
