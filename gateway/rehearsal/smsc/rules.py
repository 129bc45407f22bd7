"""How a number's messages are treated: the scenario's knobs, with what they need to remember."""

from __future__ import annotations

import hashlib
import re
from random import Random

from gateway.rehearsal.scenario import FinalState, MessageKnobs, NumberKnobs, Scenario
from gateway.rehearsal.smsc.messages import Recent
from gateway.smpp.pdu import Status
from gateway.smpp.text import Encoding

REMEMBERED_NUMBERS = 200_000
"""Of which it is known how often they were refused, or which rule is theirs."""

ROUNDING = 1e-6
"""A tenth of a second ten times over is a little less than a second."""


class Bucket:
    """A token bucket: ``rate`` a second, and a burst."""

    def __init__(self, rate_per_s: float, burst: float | None) -> None:
        self._rate = rate_per_s
        self._size = max(1.0, rate_per_s / 10 if burst is None else burst)
        self._tokens = self._size
        self._at: float | None = None

    def take(self, now: float) -> bool:
        """Whether one more is allowed now; takes it."""
        self._fill(now)
        if self._tokens < 1.0 - ROUNDING:
            return False
        self._tokens -= 1.0
        return True

    def emptiness(self, now: float) -> int:
        """From 0 (full) to 100 (empty), as congestion_state counts."""
        self._fill(now)
        return round(100 * (1 - self._tokens / self._size))

    def _fill(self, now: float) -> None:
        if self._at is not None:
            self._tokens = min(self._size, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now


class Rule:
    """The knobs of some numbers, and what they have used up.

    Attributes:
        plain: whether every submit is simply accepted.
        prompt: whether responses go out at once.
        instant: whether messages end with their acceptance.
        alphabet: what data_coding 0 means.
    """

    def __init__(self, knobs: MessageKnobs, bucket: Bucket | None, random: Random, seed: int) -> None:
        self.knobs = knobs
        self.bucket = bucket
        self.plain = bucket is None and knobs.refuse is None and knobs.queue_limit is None
        self.prompt = not (knobs.latency_ms or knobs.latency_jitter_ms)
        self.instant = not (knobs.delivery_ms or knobs.delivery_jitter_ms or knobs.intermediate == "always")
        self.alphabet = Encoding(knobs.alphabet)
        self._random = random
        self._seed = seed
        self._refused: Recent[str, int] = Recent(REMEMBERED_NUMBERS)
        self._sure = next(
            (s for s, weight in knobs.final.items() if weight and weight == sum(knobs.final.values())), None
        )

    def throttles(self, now: float) -> bool:
        """Whether this submit is one too many."""
        return self.bucket is not None and not self.bucket.take(now)

    def verdict(self, number: str, waiting: int) -> int:
        """The status that a submit to this number gets; 0 where it is accepted.

        Args:
            number: the destination.
            waiting: how many messages are on their way to it.
        """
        if self.knobs.queue_limit is not None and waiting >= self.knobs.queue_limit:
            return Status.ESME_RMSGQFUL
        return self._refusal(number)

    def _refusal(self, number: str) -> int:
        status, times = self.knobs.refuse, self.knobs.refuse_times
        if status is None or not self.happens(self.knobs.refuse_share):
            return Status.ESME_ROK
        if times is not None:
            refused = self._refused.get(number) or 0
            if refused >= times:
                return Status.ESME_ROK
            self._refused.put(number, refused + 1)
        return status

    def happens(self, share: float) -> bool:
        """Whether this time is one of the share."""
        return share > 0 and (share >= 1 or self._random.random() < share)

    def jitter(self, ms: float) -> float:
        """Seconds, at most ``ms``."""
        return self._random.random() * ms / 1000 if ms else 0.0

    def congestion(self, now: float) -> int | None:
        """The congestion_state to report."""
        if self.knobs.congestion == "throttle":
            return self.bucket.emptiness(now) if self.bucket is not None else 0
        return self.knobs.congestion

    def fate(self, number: str) -> FinalState:
        """How messages to this number end: always the same way, so that all parts of one share their fate."""
        if self._sure is not None:
            return self._sure
        # A checksum would not do: those of numbers in a row are anything but evenly spread.
        drawn = hashlib.blake2b(f"{self._seed} {number}".encode(), digest_size=8).digest()
        point = int.from_bytes(drawn, "big") / 2**64 * sum(self.knobs.final.values())
        state = FinalState.DELIVRD
        for state, weight in self.knobs.final.items():  # noqa: B007 - the last one stands for rounding
            point -= weight
            if point < 0:
                break
        return state


class Rules:
    """Which rule is a number's: the first pattern that fits, else the rule for all."""

    def __init__(self, scenario: Scenario, random: Random) -> None:
        self._default = _rule(scenario, scenario.messages, None, random)
        self._patterns = [
            (_compile(rule), _rule(scenario, scenario.knobs_for(rule), self._inherited(rule), random))
            for rule in scenario.number
        ]
        self._found: Recent[str, Rule] = Recent(REMEMBERED_NUMBERS)

    def find(self, number: str) -> Rule:
        """The rule for a number, given without ``+``."""
        if not self._patterns:
            return self._default
        rule = self._found.get(number)
        if rule is None:
            fitting = (rule for pattern, rule in self._patterns if pattern.fullmatch(number))
            rule = next(fitting, self._default)
            self._found.put(number, rule)
        return rule

    def _inherited(self, rule: NumberKnobs) -> Bucket | None:
        own = rule.model_fields_set & {"throttle_per_s", "throttle_burst"}
        return None if own else self._default.bucket


def _rule(scenario: Scenario, knobs: MessageKnobs, inherited: Bucket | None, random: Random) -> Rule:
    bucket = inherited
    if bucket is None and knobs.throttle_per_s is not None:
        bucket = Bucket(knobs.throttle_per_s, knobs.throttle_burst)
    return Rule(knobs, bucket, random, scenario.seed)


def _compile(rule: NumberKnobs) -> re.Pattern[str]:
    return re.compile(re.escape(rule.pattern).replace(r"\*", ".*").replace(r"\?", "."))
