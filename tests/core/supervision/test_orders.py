"""The order of a tree: down is up, read backwards."""

from sidecar.core.supervision import start_order, stop_order

TREE = {"r": None, "b": "r", "a": "r", "b1": "b", "a1": "a", "b2": "b", "other": None}


def test_parents_start_before_their_children_and_children_in_order_of_start() -> None:
    assert start_order(TREE, "r") == ["r", "b", "b1", "b2", "a", "a1"]


def test_children_stop_before_their_parents_and_the_youngest_first() -> None:
    assert stop_order(TREE, "r") == ["a1", "a", "b2", "b1", "b", "r"]


def test_a_ring_ends() -> None:
    assert start_order({"a": "b", "b": "a"}, "a") == ["a", "b"]


def test_a_tree_may_be_deeper_than_the_stack() -> None:
    chain = {str(n): str(n - 1) if n else None for n in range(5000)}
    assert stop_order(chain, "0")[0] == "4999"
