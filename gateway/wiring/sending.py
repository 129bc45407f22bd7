"""``burgernet check --send NUMBER``: one test message over each carrier by its own link, and what came back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any

from twisted.internet.task import deferLater

from gateway.carriers.carrier import Carrier
from gateway.carriers.lane import CarrierLane
from gateway.domain.delivery import Accepted, Receipt, Ref, SegmentState, Settlement, SmsBatch, SmsReply
from gateway.settings import CarrierSettings, Settings
from gateway.wiring.checks import CheckLine
from gateway.wiring.runtime import SystemClock
from gateway.wiring.sms import carrier_endpoint

TEST_TEXT = "Burgernet: dit is een testbericht van uw gemeente. U hoeft niets te doen. This is a test."
RECEIPT_PATIENCE_S = 30.0
_LIFE = timedelta(minutes=10)
_LOOK_EVERY_S = 0.1


class _NoJournal:
    """Implements :class:`gateway.ports.Journal`: a test message that is lost is sent again by hand."""

    def sent(self, refs: Sequence[Ref]) -> None: ...
    def accepted(self, carrier: str, segments: Any) -> None: ...
    def gone(self, refs: Sequence[Ref]) -> None: ...
    def mark(self) -> int:
        return 0

    def stored(self, mark: int) -> None: ...


class _Told:
    """Implements :class:`gateway.ports.SmsOutcomes`: what a carrier says of the test message."""

    def __init__(self) -> None:
        self.message_ids: list[str] = []
        self.found: list[Receipt] = []
        self.refused: Settlement | None = None

    def accepted(self, accepted: Accepted) -> None:
        """The carrier has it."""
        self.message_ids += accepted.segments.values()

    def settled(self, settlements: Sequence[Settlement]) -> None:
        """The carrier does not want it."""
        self.refused = settlements[-1] if settlements else self.refused

    def receipts(self, receipts: Sequence[Receipt], committed: Callable[[], None]) -> None:
        """Ours are taken; a daemon's stay unanswered, and the carrier brings them again."""
        ours = [receipt for receipt in receipts if receipt.message_id in self.message_ids]
        self.found += ours
        if len(ours) == len(receipts):
            committed()

    def reply(self, reply: SmsReply, committed: Callable[[], None]) -> None:
        """A citizen's message is the daemon's: unanswered, it comes again."""

    def capacity_changed(self) -> None:
        """There is one message only."""


async def send_tests(settings: Settings, e164: str, only: str | None, reactor: Any) -> list[CheckLine]:
    """Send to one number over every carrier that takes it, one after the other.

    Args:
        settings: whose carriers.
        e164: with its ``+``.
        only: a carrier's name, or all of them.
        reactor: makes connections and pauses; it runs.
    """
    chosen = [one for one in settings.carrier if only in (None, one.name)]
    if not chosen:
        return [CheckLine("send", False, f"there is no carrier {only}" if only else "carrier: none is named")]
    return [await _send(one, e164, reactor) for one in chosen]


async def _send(settings: CarrierSettings, e164: str, reactor: Any) -> CheckLine:
    name, told, clock = f"send {settings.name}", _Told(), SystemClock()
    if settings.outbind:
        return CheckLine(name, False, "connects to us (outbind): only the daemon can send over it")
    endpoint = partial(carrier_endpoint, settings, reactor)
    carrier = Carrier(settings, endpoint, reactor, clock, _NoJournal(), told, retry_delays=(), resend_uncertain=False)
    lane = CarrierLane([carrier], reactor, clock, told)
    lane.start()
    try:
        bind_s = settings.connect_timeout_s + settings.bind_timeout_s
        await _until(lambda: carrier.bound or carrier.status().state == "refused", bind_s, reactor)
        if not carrier.bound:
            return CheckLine(name, False, carrier.status().detail)
        began = reactor.seconds()
        until = clock.now() + _LIFE
        lane.submit(SmsBatch(0, 1, "", 1, TEST_TEXT, until, [(1, e164)]))
        await _until(lambda: told.message_ids or told.refused, settings.response_timeout_s, reactor)
        if not told.message_ids:
            return CheckLine(name, False, _refusal(told.refused))
        line = f"accepted after {(reactor.seconds() - began) * 1000:.0f} ms, message_id {told.message_ids[0]}"
        if not settings.registered_delivery:
            return CheckLine(name, True, line)
        await _until(lambda: _last(told) is not None, RECEIPT_PATIENCE_S, reactor)
        last = _last(told)
        if last is None:
            return CheckLine(name, False, f"{line}; no receipt within {RECEIPT_PATIENCE_S:.0f} s")
        ok = last.state is SegmentState.DELIVERED
        what = "delivered" if ok else f"not delivered: {last.reason.value if last.reason else 'failed'}"
        return CheckLine(name, ok, f"{line}; {what} after {reactor.seconds() - began:.1f} s, err {last.error or '-'}")
    finally:
        await lane.stop()


def _refusal(refused: Settlement | None) -> str:
    if refused is None:
        return "no answer to our submit_sm: the message may have left or not"
    return refused.detail or (refused.reason.value if refused.reason else "refused")


def _last(told: _Told) -> Receipt | None:
    """The receipt that ends it."""
    final = (SegmentState.DELIVERED, SegmentState.FAILED)
    return next((receipt for receipt in told.found if receipt.state in final), None)


async def _until(what: Callable[[], object], patience_s: float, reactor: Any) -> bool:
    ends = reactor.seconds() + patience_s
    while not what() and reactor.seconds() < ends:
        await deferLater(reactor, _LOOK_EVERY_S, lambda: None)
    return bool(what())
