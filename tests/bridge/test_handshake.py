"""Hello: proofs that another implementation computes, versions, and what a stranger learns."""

from typing import Any

import pytest

from sidecar.bridge.handshake import Identity, check_hello, sign, welcome, window_of
from sidecar.bridge.refusals import Refusal, Refused
from sidecar.contract.bridge import ServerInfo
from sidecar.contract.errors import InvalidParams
from tests.support import wire

TOKEN = "c0ffee" * 11
IDENTITY = Identity(TOKEN, ServerInfo("1.0", 7, "instance-1"), "log", 3, 5_000)


def params(**extra: Any) -> dict[str, Any]:
    return wire.hello_params(TOKEN, "c1", **extra)


def refusal_of(hello: dict[str, Any]) -> Refusal:
    with pytest.raises(Refused) as caught:
        check_hello(hello, TOKEN)
    return caught.value.refusal


@pytest.mark.must("P3.3")
@pytest.mark.must("P3.6")
def test_proofs_are_those_of_the_protocol() -> None:
    hello = check_hello(params(), TOKEN)
    result = welcome(hello, IDENTITY, head=9, oldest=2, resumed=True, reason=None)
    assert result.proof == wire.sign(TOKEN, "server", hello.nonce, "instance-1")
    assert (result.head, result.oldest, result.resumed) == (9, 2, True)
    # printf client0123456789abcdef | openssl dgst -sha256 -mac HMAC -macopt key:key
    golden = "431a4319f74be1aed6a91fb60d81f8f1d37f33e3e1388d3f5bb03220e0b1f225"
    assert sign("key", b"client", b"0123456789abcdef").hex() == golden


@pytest.mark.must("P3.3")
def test_the_key_is_the_text_of_the_token() -> None:
    nonce = b"n" * 16
    as_bytes = wire.sign(bytes.fromhex(TOKEN).decode("latin-1"), "client", nonce)
    assert refusal_of(params(nonce=nonce, auth=as_bytes)) is Refusal.UNAUTHENTICATED


@pytest.mark.parametrize("auth", [b"", b"x" * 32, wire.sign("other", "client", b"n" * 16)])
@pytest.mark.must("P3.3")
def test_wrong_auth_is_refused(auth: bytes) -> None:
    assert refusal_of(params(nonce=b"n" * 16, auth=auth)) is Refusal.UNAUTHENTICATED


@pytest.mark.must("P3.3")
def test_a_server_proof_is_no_client_proof() -> None:
    nonce = b"n" * 16
    assert (
        refusal_of(params(nonce=nonce, auth=wire.sign(TOKEN, "server", nonce)))
        is Refusal.UNAUTHENTICATED
    )


@pytest.mark.parametrize("protocol", [[2, 9], [0, 0], [2, 1]])
@pytest.mark.must("P3.5")
def test_no_common_version_is_refused(protocol: list[int]) -> None:
    assert refusal_of(params(protocol=protocol)) is Refusal.NO_COMMON_PROTOCOL


@pytest.mark.must("P3.5")
def test_the_highest_common_version_is_taken() -> None:
    hello = check_hello(params(protocol=[0, 7]), TOKEN)
    assert welcome(hello, IDENTITY, head=0, oldest=1, resumed=False, reason=None).protocol == 1


def test_a_stranger_does_not_learn_the_version() -> None:
    assert refusal_of(params(auth=b"x", protocol=[9, 9])) is Refusal.UNAUTHENTICATED


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"nonce": b"short"}, "nonce"),
        ({"nonce": "n" * 16}, "nonce"),
        ({"client": {}}, "client.id"),
        ({"client": {"id": "x" * 257}}, "client.id"),
        ({"protocol": [1]}, "protocol"),
        ({"resume": {"logId": "x", "epoch": 1}}, "resume.cursor"),
        ({"threads": "t1"}, "threads"),
    ],
)
@pytest.mark.must("P3.4")
def test_params_that_do_not_fit_name_the_field(changed: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidParams) as caught:
        check_hello(params(**changed), TOKEN)
    assert caught.value.data["path"] == path


@pytest.mark.parametrize(
    ("wanted", "granted"),
    [(None, 4 * 1024 * 1024), (1, 64 * 1024), (0, 64 * 1024), (100_000, 100_000)],
)
@pytest.mark.must("P3.9")
def test_credit_has_a_least_and_a_default(wanted: int | None, granted: int) -> None:
    hello = check_hello(params(creditBytes=wanted), TOKEN)
    assert window_of(hello) == granted
    result = welcome(hello, IDENTITY, head=0, oldest=1, resumed=False, reason=None)
    assert result.limits.credit_bytes == granted
