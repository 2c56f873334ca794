"""Child specs: what a client's restart spec means, and what OTP refuses."""

import pytest

from sidecar.contract.methods import RestartSpec
from sidecar.core.supervision import ChildSpec, InvalidSpec, child_spec


def test_a_session_without_a_spec_is_transient() -> None:
    assert child_spec("t", None, None) == ChildSpec("t", policy="transient")


def test_every_field_of_a_clients_spec_counts() -> None:
    spec = RestartSpec(
        policy="temporary",
        strategy="rest_for_one",
        max_restarts=7,
        max_seconds=8,
        significant=True,
        shutdown_ms=1500,
    )
    assert child_spec("t", "p", spec) == ChildSpec(
        "t", "p", "temporary", True, 1.5, 7, 8, "rest_for_one"
    )


def test_a_shutdown_of_zero_is_a_kill_and_not_the_default() -> None:
    assert child_spec("t", None, RestartSpec(shutdown_ms=0)).shutdown_s == 0.0
    assert child_spec("t", None, RestartSpec()).shutdown_s is None


def test_a_permanent_session_cannot_be_significant() -> None:
    with pytest.raises(InvalidSpec, match="permanent session cannot be significant"):
        child_spec("t", None, RestartSpec(policy="permanent", significant=True))
