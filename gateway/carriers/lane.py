"""The SMS lane: every carrier, and which of them takes a number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall

from gateway.carriers.carrier import Carrier, Recall
from gateway.domain.delivery import DeliveryState, Reason, Settlement, SmsBatch
from gateway.domain.plan import ComposedSms, Estimate
from gateway.ports import CarrierStatus, Clock, SmsOutcomes
from gateway.smpp import text


class CarrierLane:
    """Implements :class:`gateway.ports.SmsLane`.

    Args:
        carriers: in the order of the settings.
        recall: asked for what these carriers still have of an action; gives it to :meth:`recalled`.
    """

    def __init__(
        self,
        carriers: Sequence[Carrier],
        reactor: IReactorTime,
        clock: Clock,
        outcomes: SmsOutcomes,
        recall: Callable[[int, Sequence[str]], None] = lambda action, carriers: None,
    ) -> None:
        self.carriers = carriers
        self._care = LoopingCall(self._look_after)
        self._care.clock = reactor
        self._clock = clock
        self._outcomes = outcomes
        self._recall = recall

    def start(self) -> None:
        """Bind everywhere."""
        for carrier in self.carriers:
            carrier.start()

        self._care.start(1.0, now=False)

    async def stop(self) -> None:
        """Give back, drain, unbind."""
        if self._care.running:
            self._care.stop()
        for carrier in self.carriers:
            await carrier.stop()

    def _look_after(self) -> None:
        for carrier in self.carriers:
            carrier.look_after()

    def capacity(self) -> int:
        """See the port."""
        return sum(carrier.capacity for carrier in self.carriers)

    def submit(self, batch: SmsBatch) -> None:
        """See the port."""
        groups: dict[int, list[tuple[int, str]]] = {}
        if len(self.carriers) == 1 and not self.carriers[0].settings.prefixes:
            groups[0] = list(batch.recipients)
        else:
            waiting = [carrier.queued for carrier in self.carriers]
            fit = [carrier.fit for carrier in self.carriers]
            for recipient in batch.recipients:
                index = self._route(recipient[1], fit, waiting)
                groups.setdefault(index, []).append(recipient)
                if index >= 0:
                    waiting[index] += 1
        unroutable = groups.pop(-1, [])
        if unroutable:
            now = self._clock.now()
            self._outcomes.settled(
                [Settlement(delivery, DeliveryState.FAILED, Reason.NO_ROUTE, now) for delivery, _ in unroutable]
            )
        for index, recipients in groups.items():
            self.carriers[index].take(batch, recipients)
            self.carriers[index].pump()

    def cancel(self, action: int) -> None:
        """See the port."""
        for carrier in self.carriers:
            carrier.cancel(action)
        able = [carrier.name for carrier in self.carriers if carrier.settings.cancel_sm]
        if able:
            self._recall(action, able)

    def recalled(self, sent: Mapping[str, Sequence[Recall]]) -> None:
        """Ask carriers, by name, not to deliver what they have."""
        for carrier in self.carriers:
            carrier.recall(sent.get(carrier.name, ()))

    def compose(self, message: str) -> ComposedSms:
        """See the port; as the first carrier would send it."""
        if self.carriers:
            return self.carriers[0].compose(message)
        return text.compose(message)

    def estimate(self, segments_by_country: Mapping[int, int]) -> Estimate:
        """See the port; of the carriers for some numbers of a country, the first is taken for all."""
        segments = sum(segments_by_country.values())
        cost = 0.0
        seconds: dict[int, float] = {}
        idle, fit = [0] * len(self.carriers), [carrier.fit for carrier in self.carriers]
        for country, count in segments_by_country.items():
            index = self._route(f"+{country}", fit, idle)
            if index < 0:
                continue
            carrier = self.carriers[index]
            cost += count * carrier.settings.price_eur(country)
            seconds[index] = seconds.get(index, 0.0) + count / carrier.expected_rate_per_s
        return Estimate(segments, round(cost, 4), round(max(seconds.values(), default=0.0), 1))

    def status(self) -> Sequence[CarrierStatus]:
        """See the port."""
        return [carrier.status() for carrier in self.carriers]

    def _route(self, number: str, fit: Sequence[bool], waiting: Sequence[int]) -> int:
        """The carrier for a number, or for a country's calling code; -1 for none.

        Fit for work, longest prefix, room left, cheapest, least loaded for its weight; in this order.
        """
        best = -1
        best_rank: tuple[bool, int, bool, float, float] | None = None
        for index, carrier in enumerate(self.carriers):
            match = _match(number, carrier.settings.prefixes)
            if match < 0:
                continue
            load = waiting[index]
            price = carrier.settings.price_of(number)
            rank = (fit[index], match, load < carrier.most, -price, -load / carrier.settings.weight)
            if best_rank is None or rank > best_rank:
                best, best_rank = index, rank
        return best


def _match(number: str, prefixes: Sequence[str]) -> int:
    """Digits of the longest prefix that fits; 0 where a carrier takes every number, -1 where it does not take this.

    A calling code alone fits the prefixes of its country's networks.
    """
    if not prefixes:
        return 0
    digits = number[1:]
    plain = [prefix.lstrip("+") for prefix in prefixes]
    return max(
        (len(p) for p in plain if digits.startswith(p) or (len(digits) < 4 and p.startswith(digits))), default=-1
    )
