"""How fast a carrier may be sent to: a token bucket that counts segments."""

from __future__ import annotations

from math import inf

BURST_S = 0.05
"""How much of a second may leave at once: enough to gather writes, too little to trip a carrier's own counter."""


class Pace:
    """A token bucket. Times are seconds of any monotonic clock.

    Args:
        rate_per_s: segments a second, or ``None`` for as fast as the window allows.
    """

    def __init__(self, rate_per_s: float | None, now: float) -> None:
        self.rate_per_s = inf if rate_per_s is None else rate_per_s
        self._tokens = 0.0
        self._at = now

    def available(self, now: float) -> int:
        """How many segments may leave now."""
        if self.rate_per_s == inf:
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
