"""Who lives with whom, as pure rules."""

import pytest

from sidecar.core.placement import (
    ALONE,
    CROWDED_PACK,
    CROWDED_PER_CORE,
    SHARING_MAX,
    PlacementRules,
    Policy,
    Room,
    Wish,
    choose,
    root_of,
)


def wish(
    policy: Policy, *, key: str | None = None, root: str = "t", live: int = 0, packed: int = 50
) -> Wish:
    rules = PlacementRules(policy, packed=packed, cores=2)
    return rules.wish("t", sharing_key=key, root=root, live_sessions=live)


@pytest.mark.parametrize("policy", ["one", "tree", "packed", "auto"])
def test_what_shares_something_lives_together_whatever_the_policy(policy: Policy) -> None:
    assert wish(policy, key="k") == Wish("share k", SHARING_MAX)


def test_each_policy_has_its_groups() -> None:
    assert wish("one") == ALONE
    assert wish("tree", root="root") == Wish("tree root", SHARING_MAX)
    assert wish("packed") == Wish("packed", 50)


def test_auto_packs_once_sessions_far_outnumber_the_cores() -> None:
    assert wish("auto", live=2 * CROWDED_PER_CORE - 1) == ALONE
    assert wish("auto", live=2 * CROWDED_PER_CORE) == Wish("packed", CROWDED_PACK)
    assert wish("auto", live=2 * CROWDED_PER_CORE, packed=2) == Wish("packed", 2)


def room(number: int, taken: int, group: str | None = "g", *, open_: bool = True) -> Room:
    return Room(number, group, 4, taken, open_)


@pytest.mark.parametrize(
    ("rooms", "chosen"),
    [
        ([], None),
        ([room(1, 1), room(2, 3), room(3, 4)], 2),
        ([room(1, 2), room(2, 2)], 1),
        ([room(1, 1, "other"), room(2, 0, None)], None),
        ([room(1, 1, open_=False)], None),
        ([room(1, 4), room(2, 0)], 2),
    ],
    ids=["none", "fullest", "oldest", "no other group", "no ending one", "no full one"],
)
def test_the_fullest_host_of_the_group_with_room_is_joined(
    rooms: list[Room], chosen: int | None
) -> None:
    assert choose(Wish("g", 4), rooms) == chosen


def test_one_that_wants_to_be_alone_joins_nobody() -> None:
    assert choose(ALONE, [room(1, 0, None)]) is None


def test_a_tree_s_root_is_found_even_in_a_ring() -> None:
    parents = {"c": "b", "b": "a", "a": None}
    assert root_of("d", "c", parents.get) == "a"
    assert root_of("a", None, parents.get) == "a"
    assert root_of("x", "y", {"y": "x"}.get) == "y"
    deep = {str(n): str(n + 1) for n in range(1_000)}
    assert root_of("0", "1", deep.get).isdigit()
