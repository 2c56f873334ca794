"""Who floods its clients, and must wait: what each session has before the slowest of them. Pure.

A client takes the events of all sessions from one stream, within one window. Where it is slower
than what one session says, that session would fill the window and the journal before it, and every
other session's events would come behind. So while more waits for a client that follows than it
takes in two of its acks (at most half of its window), a session with more than its share of that
gets no credit: its host stops reading the provider's pipe.

A client that acks nothing for PATIENCE_S holds nobody back, until all that was committed a second
before is acked again. One that is catching up, or has a filter, is not told of here.
"""

from collections import deque

PATIENCE_S = 10.0
"""A hung app must not keep its agents from working: what it does not take waits in the journal."""

CAUGHT_UP_S = 1.0
"""How far behind a client that was given up may be to count again."""

SHARE_LEAST_BYTES = 16 * 1024
"""A session with less than this before a client is none that floods, however many there are."""

LIMIT_LEAST_BYTES = 128 * 1024
"""What may always wait for a client: it acks now and then, and what was quiet may become busy."""

ACKS_AHEAD = 2
"""One ack under way, and as much as the next will cover."""

STEP_KEPT = 7 / 8
"""Of the largest ack that was seen, a new one: one large page is soon forgotten."""


class Follower:
    """A client that follows the stream."""

    def __init__(self, acked: int, window_bytes: int, now_s: float) -> None:
        self.acked = acked
        self.window_bytes = window_bytes
        self.counts = True
        self.progress_s = now_s
        """When it last acked something, or had nothing to ack."""
        self.then = (acked, now_s)
        """The head at some moment in the last seconds, and the moment."""


class Pacing:
    """The books. Sessions are whatever can be a key; seqs are those of the journal."""

    def __init__(self) -> None:
        self._followers: dict[int, Follower] = {}
        self._number = 0
        self._said: deque[tuple[int, object, int]] = deque()
        """(last seq, session, bytes) of what a follower that counts has not acked."""
        self._ahead: dict[object, int] = {}
        self._total = 0
        self._limit = 0
        self._step: float | None = None
        """Bytes that one ack covers, as seen lately; None before the first."""
        self._appended = 0

    def follow(self, acked: int, window_bytes: int, now_s: float) -> int:
        """Take note of a client that has caught up with the stream; returns its number."""
        self._number += 1
        self._followers[self._number] = Follower(acked, window_bytes, now_s)
        return self._number

    def leave(self, number: int) -> None:
        """Forget a client."""
        self._followers.pop(number, None)

    def acked(self, number: int, seq: int, head: int, now_s: float) -> None:
        """Note that a client has everything up to `seq`; `head` is what is committed."""
        follower = self._followers.get(number)
        if follower is None or seq <= follower.acked:
            return
        follower.acked, follower.progress_s = seq, now_s
        then_head, then_s = follower.then
        if now_s - then_s >= CAUGHT_UP_S:
            follower.counts = follower.counts or seq >= then_head
            follower.then = (head, now_s)

    def said(self, session: object, seq: int, size_bytes: int, now_s: float) -> None:
        """Note that a session has said something, the last of it with `seq`."""
        for follower in self._followers.values():
            if follower.acked >= self._appended:
                follower.progress_s = now_s
        self._appended = seq
        self._said.append((seq, session, size_bytes))
        self._ahead[session] = self._ahead.get(session, 0) + size_bytes
        self._total += size_bytes

    def settle(self, head: int, now_s: float) -> None:
        """Let go what all who count have acked; of what is committed alone when nobody counts."""
        for follower in self._followers.values():
            owes = follower.acked < head
            if owes and follower.counts and now_s - follower.progress_s >= PATIENCE_S:
                follower.counts, follower.then = False, (head, now_s)
        counting = [f for f in self._followers.values() if f.counts]
        floor = min((f.acked for f in counting), default=head)
        before = self._total
        while self._said and self._said[0][0] <= floor:
            _seq, session, size_bytes = self._said.popleft()
            self._let_go(session, size_bytes)
        if not self._said:
            self._total = 0  # whatever was miscounted, short of memory
            self._ahead.clear()
        self._set_limit(min((f.window_bytes for f in counting), default=0), before - self._total)

    def _set_limit(self, window_bytes: int, taken_bytes: int) -> None:
        if taken_bytes and window_bytes:
            self._step = max(taken_bytes, (self._step or 0) * STEP_KEPT)
        most = window_bytes // 2
        wanted = most if self._step is None else ACKS_AHEAD * int(self._step)
        self._limit = min(most, max(LIMIT_LEAST_BYTES, wanted))

    def holds(self, session: object) -> bool:
        """Tell whether a session must wait; as of the last `settle`."""
        if not self._limit or self._total <= self._limit:
            return False
        share = max(SHARE_LEAST_BYTES, self._limit // len(self._ahead))
        return self._ahead.get(session, 0) > share

    def _let_go(self, session: object, size_bytes: int) -> None:
        self._total -= size_bytes
        left = self._ahead.get(session, 0) - size_bytes
        if left > 0:
            self._ahead[session] = left
        else:
            self._ahead.pop(session, None)
