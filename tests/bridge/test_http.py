"""Health, readiness and metrics; Host and Origin are in test_refusals."""

import aiohttp
import pytest

from sidecar.bridge.access import check_bearer, check_source
from tests.bridge.conftest import Bridge
from tests.bridge.fakes.backend import TOKEN


async def get(bridge: Bridge, path: str, **headers: str) -> tuple[int, str, str]:
    """Return status, body and content type."""
    async with (
        aiohttp.ClientSession() as http,
        http.get(bridge.http + path, headers=headers) as response,
    ):
        return response.status, await response.text(), response.headers["Content-Type"]


@pytest.mark.must("P7.1")
async def test_healthz_needs_no_token(bridge: Bridge) -> None:
    bridge.backend.ready = False
    assert (await get(bridge, "/healthz"))[0] == 200


@pytest.mark.must("P7.2")
async def test_readyz_follows_the_backend(bridge: Bridge) -> None:
    assert (await get(bridge, "/readyz"))[0] == 200
    bridge.backend.ready = False
    assert (await get(bridge, "/readyz"))[0] == 503


@pytest.mark.must("P7.3")
async def test_metrics_need_the_token_as_bearer(bridge: Bridge) -> None:
    status, body, kind = await get(bridge, "/metrics", Authorization=f"Bearer {TOKEN}")
    assert (status, body) == (200, "fake_total 1\n")
    assert kind.startswith("text/plain; version=0.0.4")
    for headers in ({}, {"Authorization": TOKEN}, {"Authorization": "Bearer x"}):
        assert (await get(bridge, "/metrics", **headers))[0] == 401
    assert (await get(bridge, f"/metrics?token={TOKEN}"))[0] == 401


@pytest.mark.must("P7.3")
def test_only_the_whole_token_fits() -> None:
    assert check_bearer("Bearer secret", "secret") is None
    assert check_bearer("bearer secret", "secret") is None
    for wrong in (None, "", "Bearer", "Bearer ", "Bearer secre", "Bearer secrets", "Basic secret"):
        assert check_bearer(wrong, "secret") is not None
    assert check_bearer("Bearer sécret", "secret") is not None


@pytest.mark.must("P2.3")
def test_a_source_is_judged_by_its_whole_host() -> None:
    assert check_source(["127.0.0.1:80"], has_origin=False, port=80) is None
    assert check_source(["127.0.0.1:80"], has_origin=True, port=80) is not None
    for hosts in ([], [""], ["127.0.0.1:81"], ["127.0.0.1"], ["127.0.0.1:80"] * 2, ["x:80"]):
        assert check_source(hosts, has_origin=False, port=80) is not None


async def test_it_listens_on_the_loopback_alone(bridge: Bridge) -> None:
    server = bridge.server._server
    assert server is not None
    assert [socket.getsockname()[0] for socket in server.sockets] == ["127.0.0.1"]


async def test_the_token_is_in_no_log(bridge: Bridge, capfd: pytest.CaptureFixture[str]) -> None:
    client = await bridge.connected()
    await client.request("session.list")
    await get(bridge, "/metrics", Authorization=f"Bearer {TOKEN}")
    await get(bridge, f"/metrics?token={TOKEN}")
    assert TOKEN not in capfd.readouterr().err
