"""How fast a carrier may be sent to: a token bucket that counts segments and learns from refusals.

A carrier that throttles (ESME_RTHROTTLED, ESME_RMSGQFUL) seldom says where its limit is. While it refuses, what it
accepts is its limit, so that is measured. Before the first refusal the rate doubles from little, as TCP's does, so that
a carrier's limit is met at a trot and not at a gallop; after it, it is searched for from below. Then it grows by a few
percent a second, until the next refusal. One refusal is one cut: the answers that were on their way
when the rate was cut do not cut it again.
"""

from __future__ import annotations

from collections import deque
from math import inf

BURST_S = 0.05
"""How much of a second may leave at once: enough to gather writes, too little to trip a carrier's own counter."""

HOLD_S = 0.2
"""After a cut: refusals within it are of what was on its way, and what is accepted within it is measured."""

START_PER_S = 1000.0
"""The rate of a fresh pace without a contract's limit."""

START_DOUBLE_S = 0.02
"""Before the first refusal the rate doubles in so long: 100,000 a second are reached in 0.14 s."""

ENDLESS_PER_S = 500_000.0
"""No gateway sends faster: from here on there is no limit."""

SEARCH_S = 0.1
"""While searching: without a refusal for so long, the rate grows by half."""

GROWTH_PER_S = 0.04
"""After the limit is known, the share by which the rate grows in a second without refusals."""

MIN_RATE_PER_S = 5.0


class Pace:
    """A token bucket whose rate follows the carrier. Times are seconds of any monotonic clock.

    Args:
        rate_per_s: segments a second that the contract allows, or ``None`` where it names no limit.
    """

    def __init__(self, rate_per_s: float | None, now: float) -> None:
        self.ceiling_per_s = inf if rate_per_s is None else rate_per_s
        self.rate_per_s = min(START_PER_S, self.ceiling_per_s)
        self._tokens = 0.0
        self._at = now
        self._starting = True
        self._searching = False
        self._changed_at = now
        self._cut_at = -inf
        self._accepted: deque[tuple[float, int]] = deque()  # (when, how many), of the last second

    # ------------------------------------------------------------ taking

    def available(self, now: float) -> int:
        """How many segments may leave now."""
        self._grow(now)
        if self.rate_per_s == inf:
            self._at = now
            return 1_000_000
        most = max(1.0, self.rate_per_s * BURST_S)
        # A clock that jumps back gives nothing and takes nothing.
        self._tokens = min(most, self._tokens + max(0.0, now - self._at) * self.rate_per_s)
        self._at = now
        return int(self._tokens)

    def take(self, segments: int) -> None:
        """So many left."""
        if self.rate_per_s != inf:
            self._tokens -= segments

    def wait_s(self) -> float:
        """Seconds until a segment, or a hundredth of a second's worth of them, may leave."""
        if self.rate_per_s == inf:
            return 0.0
        wanted = max(1.0, self.rate_per_s * 0.01)
        return max(0.001, (wanted - self._tokens) / self.rate_per_s)

    # ------------------------------------------------------------ learning

    def accepted(self, segments: int, now: float) -> None:
        """So many were accepted."""
        self._accepted.append((now, segments))
        while self._accepted and self._accepted[0][0] < now - 1.0:
            self._accepted.popleft()

    def throttled(self, now: float) -> None:
        """The carrier refused a segment for its rate."""
        if now - self._cut_at < HOLD_S:
            return
        if self._starting:
            # What a whole second of sending brought is the limit; less than a second tells little.
            self._starting = False
            rate = float(max(self._accepted_within(1.0, now), MIN_RATE_PER_S))
            self._searching = not self._accepted or self._accepted[0][0] > now - 0.8
        elif self._searching:
            self._searching = False
            rate = self.rate_per_s / 1.5
        else:
            # While it refuses, what it accepts is its limit.
            measured = self._accepted_within(HOLD_S, now) / HOLD_S
            rate = max(self.rate_per_s * 0.7, min(self.rate_per_s * 0.97, measured))
        self._set(rate, now)
        self._cut_at = now
        self._tokens = min(self._tokens, 0.0)

    def congested(self, percent: int, now: float) -> None:
        """The carrier's congestion_state (SMPP 5.0 section 4.8.4.18): 90 to 99 is as much as it likes, 100 too much."""
        if percent >= 100:
            if now - self._cut_at >= HOLD_S:
                if self.rate_per_s == inf:
                    self._set(float(max(self._accepted_within(1.0, now), MIN_RATE_PER_S)), now)
                else:
                    self._set(self.rate_per_s * 0.9, now)
                self._cut_at = now
        elif percent >= 90:
            self._changed_at = now

    def _grow(self, now: float) -> None:
        if self.rate_per_s >= self.ceiling_per_s or now < self._changed_at:
            return
        since = now - self._changed_at
        if self._starting:
            self._trot(since, now)
        elif self._searching:
            if since >= SEARCH_S:
                self._set(self.rate_per_s * 1.5, now)
        elif since >= SEARCH_S and now - self._cut_at >= HOLD_S:
            self._set(self.rate_per_s * (1.0 + GROWTH_PER_S * min(since, 1.0)), now)

    def _trot(self, since: float, now: float) -> None:
        """Double, but only while what may leave does leave: an idle link has proven nothing."""
        if since >= START_DOUBLE_S:
            busy = self._accepted_within(2 * START_DOUBLE_S, now) >= self.rate_per_s * START_DOUBLE_S / 4
            if busy:
                self._set(inf if self.rate_per_s >= ENDLESS_PER_S else self.rate_per_s * 2.0, now)
            else:
                self._changed_at = now

    def _set(self, rate: float, now: float) -> None:
        self.rate_per_s = min(self.ceiling_per_s, max(MIN_RATE_PER_S, rate))
        self._changed_at = now

    def _accepted_within(self, seconds: float, now: float) -> int:
        return sum(count for at, count in self._accepted if at > now - seconds)
