"""Parents before their children, whatever the records say."""

from sidecar.core.resuming import parents_to_wait_for


def test_a_child_waits_for_its_parent_that_ran() -> None:
    ran = {"root": None, "child": "root", "grandchild": "child"}
    assert parents_to_wait_for(ran) == ran


def test_a_parent_that_did_not_run_is_not_waited_for() -> None:
    assert parents_to_wait_for({"child": "stopped by hand"}) == {"child": None}


def test_nobody_waits_in_a_ring() -> None:
    ran = {"a": "c", "b": "a", "c": "b", "below": "a", "own": "own"}
    assert parents_to_wait_for(ran) == {"a": None, "b": None, "c": None, "below": "a", "own": None}
