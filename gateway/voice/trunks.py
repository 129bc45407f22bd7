"""Trunks: how many calls each may carry and begin, which one takes a number, and how it is doing.

A trunk that says it is full (Q.850 causes 34, 38, 41, 42, 44) is slowed: its rate is halved, at most once a second, and
grows back within half a minute. Times are seconds of a monotonic clock; ``Clock`` tells the time of day for people.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from datetime import datetime
from math import inf

from gateway.ports import Clock, TrunkStatus
from gateway.settings import TrunkSettings

BURST_S = 0.05
"""How much of a second's calls may begin at once."""

SLOWEST_PER_S = 0.2
"""A full trunk is tried this often, or it would never be found free again."""

RECOVERY_S = 30.0
"""In so long the rate of a trunk grows from nothing to what is contracted."""

HALVE_EVERY_S = 1.0
"""Calls that were on their way when the rate was cut do not cut it again."""

HOUR_S = 3600.0
SLICE_S = 60.0


class Trunk:
    """One trunk, seen from the lane.

    Attributes:
        settings: its contract.
        ringing, talking: our calls on it that nobody has answered yet, and the others.
        index: its place in the settings.
    """

    def __init__(self, settings: TrunkSettings, index: int, clock: Clock, now: float) -> None:
        self.settings = settings
        self.name = settings.name
        self.index = index
        self.ringing = 0
        self.talking = 0
        self._clock = clock
        self._rate_per_s = settings.calls_per_s
        self._tokens = 1.0
        self._at = now
        self._cut_at = -inf
        self._slowed = False
        self._reachable: bool | None = None
        self._state = "unknown"
        self._since = clock.now()
        self._slices: deque[tuple[float, int]] = deque()  # (began, calls), for the hourly cap
        self._in_hour = 0
        self._dialled = 0
        self._answered = 0
        self._outcomes: Counter[str] = Counter()
        self._detail = ""

    # ------------------------------------------------------------ room

    @property
    def in_use(self) -> int:
        """Our calls on it."""
        return self.ringing + self.talking

    @property
    def usable(self) -> bool:
        """Whether calls may be tried on it."""
        return self._reachable is not False

    @property
    def most(self) -> int:
        """Channels that outbound calls may take in all."""
        return self.settings.channels - self.settings.reserve_inbound

    def free(self) -> int:
        """Channels that outbound calls may still take; those reserved for citizens who call are never among them."""
        return max(0, self.most - self.in_use)

    def room(self, now: float) -> int:
        """How many calls may begin now."""
        self.refresh(now)
        if not self.usable:
            return 0
        return max(0, min(int(self._tokens), self.free(), self.settings.calls_per_hour - self._hour(now)))

    def wait_s(self, now: float) -> float | None:
        """Seconds until a call may begin, as far as the rate decides; ``None`` where something else must happen."""
        self.refresh(now)
        if not self.usable or not self.free():
            return None
        if self._hour(now) >= self.settings.calls_per_hour:
            return SLICE_S
        return max(0.001, (1.0 - self._tokens) / self._rate_per_s)

    def take(self, now: float) -> None:
        """A call begins."""
        self._tokens -= 1.0
        self.ringing += 1
        self._dialled += 1
        self._in_hour += 1
        if self._slices and self._slices[-1][0] > now - SLICE_S:
            began, calls = self._slices[-1]
            self._slices[-1] = (began, calls + 1)
        else:
            self._slices.append((now, 1))

    def _hour(self, now: float) -> int:
        while self._slices and self._slices[0][0] < now - HOUR_S:
            self._in_hour -= self._slices.popleft()[1]
        return self._in_hour

    def refresh(self, now: float) -> None:
        """Let time do its work: tokens come, a slowed rate grows back."""
        passed = max(0.0, now - self._at)
        self._at = now
        contracted = self.settings.calls_per_s
        if self._slowed:
            self._rate_per_s += contracted / RECOVERY_S * passed
            if self._rate_per_s >= contracted:
                self._rate_per_s, self._slowed = contracted, False
                self._tell()
        most = max(1.0, self._rate_per_s * BURST_S)
        self._tokens = min(most, self._tokens + passed * self._rate_per_s)

    # ------------------------------------------------------------ what happened

    def answered(self) -> None:
        """Somebody took a call."""
        self.ringing -= 1
        self.talking += 1
        self._answered += 1

    def adopted(self, *, answered: bool) -> None:
        """A call of a daemon before us is on it."""
        if answered:
            self.talking += 1
        else:
            self.ringing += 1

    def ended(self, outcome: str, *, was_answered: bool) -> None:
        """A call is over."""
        if was_answered:
            self.talking -= 1
        else:
            self.ringing -= 1
        self._outcomes[outcome] += 1

    def full(self, now: float) -> None:
        """It said that it has no room."""
        if now - self._cut_at >= HALVE_EVERY_S:
            self.refresh(now)
            self._cut_at = now
            self._rate_per_s = max(min(SLOWEST_PER_S, self.settings.calls_per_s), self._rate_per_s / 2)
            self._tokens = min(self._tokens, 0.0)
            self._slowed = True
            self._tell()

    def reached(self, reachable: bool | None, detail: str = "") -> bool:
        """What Asterisk tells of it: reachable or not, or ``None`` while Asterisk is away. Whether that is news."""
        before = self._state
        self._reachable, self._detail = reachable, detail
        self._tell()
        return self._state != before

    def _tell(self) -> None:
        if self._reachable is None:
            state = "unknown"
        elif not self._reachable:
            state = "down"
        else:
            state = "slowed" if self._slowed else "up"
        if state != self._state:
            self._state, self._since = state, self._clock.now()

    def status(self) -> TrunkStatus:
        """For people."""
        since: datetime = self._since
        return TrunkStatus(
            name=self.name,
            state=self._state,
            since=since,
            channels=self.settings.channels,
            reserve_inbound=self.settings.reserve_inbound,
            in_use=self.in_use,
            ringing=self.ringing,
            rate_per_s=round(self._rate_per_s, 2),
            dialled=self._dialled,
            answered=self._answered,
            outcomes=dict(self._outcomes),
            detail=self._detail,
        )


def choose(trunks: Sequence[Trunk], number: str, last: str | None, now: float) -> Trunk | None:
    """The trunk for a call: with room, not the one that had it last if another has, longest prefix, least load.

    Args:
        trunks: those that take the number.
        number: whom to call.
        last: the trunk of the attempt before.
        now: seconds.
    """
    fitting = [trunk for trunk in trunks if trunk.room(now) > 0]

    def rank(trunk: Trunk) -> tuple[bool, int, float, int]:
        load = trunk.in_use / trunk.settings.weight
        return trunk.name == last, -trunk.settings.match(number), load, trunk.index

    return min(fitting, key=rank, default=None)
