"""Who must wait for the clients, and who never does."""

from sidecar.core.pacing import (
    CAUGHT_UP_S,
    LIMIT_LEAST_BYTES,
    PATIENCE_S,
    SHARE_LEAST_BYTES,
    Pacing,
)

WINDOW = 256 * 1024
HALF = WINDOW // 2


def flooded(*, window: int = WINDOW) -> tuple[Pacing, int]:
    """Return books with a client that owes more than half of its window to one session."""
    pacing = Pacing()
    client = pacing.follow(0, window, 0.0)
    pacing.said("quiet", 1, 1_000, 0.0)
    pacing.said("flood", 2, window, 0.0)
    pacing.settle(2, 0.0)
    return pacing, client


def test_the_one_that_floods_waits_and_the_others_do_not() -> None:
    pacing, _client = flooded()
    assert pacing.holds("flood")
    assert not pacing.holds("quiet")
    assert not pacing.holds("another")


def test_it_goes_on_once_the_client_has_taken_what_is_before_it() -> None:
    pacing, client = flooded()
    pacing.acked(client, 1, 2, 0.1)
    pacing.settle(2, 0.1)
    assert pacing.holds("flood")
    pacing.acked(client, 2, 2, 0.2)
    pacing.settle(2, 0.2)
    assert not pacing.holds("flood")


def test_nobody_waits_while_a_client_owes_less_than_half_of_its_window() -> None:
    pacing = Pacing()
    pacing.follow(0, WINDOW, 0.0)
    pacing.said("flood", 1, HALF, 0.0)
    pacing.settle(1, 0.0)
    assert not pacing.holds("flood")


def test_nobody_waits_where_no_client_follows() -> None:
    pacing = Pacing()
    pacing.said("flood", 1, 100 * WINDOW, 0.0)
    pacing.settle(1, 0.0)
    assert not pacing.holds("flood")


def test_a_client_that_leaves_holds_nobody_back() -> None:
    pacing, client = flooded()
    pacing.leave(client)
    pacing.settle(2, 0.1)
    assert not pacing.holds("flood")


def test_the_slowest_client_counts() -> None:
    pacing, client = flooded()
    fast = pacing.follow(0, WINDOW, 0.0)
    pacing.acked(fast, 2, 2, 0.1)
    pacing.settle(2, 0.1)
    assert pacing.holds("flood")
    pacing.acked(client, 2, 2, 0.1)
    pacing.settle(2, 0.1)
    assert not pacing.holds("flood")


def test_a_client_that_takes_nothing_holds_nobody_back_for_long() -> None:
    pacing, _client = flooded()
    pacing.settle(2, PATIENCE_S - 0.1)
    assert pacing.holds("flood")
    pacing.settle(2, PATIENCE_S)
    assert not pacing.holds("flood")


def test_it_is_not_judged_by_a_time_in_which_there_was_nothing_to_take() -> None:
    pacing = Pacing()
    pacing.follow(0, WINDOW, 0.0)
    pacing.said("flood", 1, WINDOW, 1_000.0)
    pacing.settle(1, 1_000.0)
    assert pacing.holds("flood")


def test_a_client_that_was_given_up_counts_again_once_it_has_caught_up() -> None:
    pacing, client = flooded()
    pacing.settle(2, PATIENCE_S)
    for second, acked, waits in ((1, 1, False), (2, 4, True)):
        now_s = PATIENCE_S + second * CAUGHT_UP_S
        pacing.acked(client, acked, acked + 2, now_s)
        pacing.said("flood", acked + 3, 10 * WINDOW, now_s)
        pacing.settle(acked + 3, now_s)
        assert pacing.holds("flood") is waits


def test_many_that_say_a_lot_share_the_room_and_small_ones_are_let_alone() -> None:
    pacing = Pacing()
    pacing.follow(0, WINDOW, 0.0)
    for number in range(100):
        pacing.said(number, number + 1, SHARE_LEAST_BYTES if number % 2 else 2_000, 0.0)
    pacing.said("flood", 101, SHARE_LEAST_BYTES + 1, 0.0)
    pacing.settle(101, 0.0)
    assert pacing.holds("flood")
    assert not any(pacing.holds(number) for number in range(100))


def test_what_is_not_committed_counts_as_before_the_client() -> None:
    pacing = Pacing()
    client = pacing.follow(0, WINDOW, 0.0)
    pacing.said("flood", 1, WINDOW, 0.0)
    pacing.settle(0, 0.0)
    assert pacing.holds("flood")
    pacing.acked(client, 1, 1, 0.1)
    pacing.settle(1, 0.1)
    assert not pacing.holds("flood")


def test_the_room_before_a_client_follows_what_it_takes_at_once() -> None:
    """It acks little by little: so little waits for it that others are soon behind a flood."""
    pacing = Pacing()
    client = pacing.follow(0, 100 * LIMIT_LEAST_BYTES, 0.0)
    for seq in range(1, 100):
        pacing.said("flood", seq, 1_000, 0.0)
        pacing.acked(client, seq, seq, 0.0)
        pacing.settle(seq, 0.0)
    pacing.said("flood", 100, LIMIT_LEAST_BYTES + 1, 0.0)
    pacing.settle(100, 0.0)
    assert pacing.holds("flood")


def test_a_client_that_acks_a_lot_at_once_is_never_starved_of_it() -> None:
    """However small the room has become: it grows with each ack that covers all of it."""
    pacing = Pacing()
    client = pacing.follow(0, 64 * LIMIT_LEAST_BYTES, 0.0)
    pacing.said("flood", 1, 1_000, 0.0)
    pacing.acked(client, 1, 1, 0.0)
    seq, rooms = 1, []
    for _ in range(5):
        room = 0
        while True:
            pacing.settle(seq, 0.0)
            if pacing.holds("flood"):
                break
            seq += 1
            room += 1
            pacing.said("flood", seq, SHARE_LEAST_BYTES, 0.0)
        rooms.append(room)
        pacing.acked(client, seq, seq, 0.0)
    assert rooms == sorted(rooms)
    assert rooms[-1] > 8 * rooms[0]
