"""What the SMSC brings to the ESMEs: receipts, and what citizens write."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import count
from zoneinfo import ZoneInfo

from gateway.domain.errors import NotFoundError
from gateway.rehearsal.scenario import ANY_ACCOUNT, Reply, Scenario
from gateway.rehearsal.smsc.delivery import Delivery, DeliveryKind, receipt, reply
from gateway.rehearsal.smsc.handsets import Arrived, Handsets
from gateway.rehearsal.smsc.messages import Held
from gateway.rehearsal.smsc.rules import Rule
from gateway.rehearsal.smsc.world import World
from gateway.smpp.pdu import Address, MessageState, Status

ALPHANUMERIC = 5
"""TON of a sender that is a name (SMPP 3.4 section 5.2.5)."""

TEMPORARY = frozenset({Status.ESME_RSYSERR, Status.ESME_RMSGQFUL, Status.ESME_RTHROTTLED, Status.ESME_RX_T_APPN})
"""After these answers to a deliver_sm it is tried again (section 5.1.3)."""


class Post:
    """Brings receipts and replies to whoever receives for an account."""

    def __init__(self, scenario: Scenario, world: World, handsets: Handsets) -> None:
        self._world = world
        self._handsets = handsets
        self._references = count(1)
        self.change(scenario)

    def change(self, scenario: Scenario) -> None:
        """Follow another scenario; planned replies count from 0 again."""
        self._links = scenario.links
        self._zone = ZoneInfo(scenario.time_zone)
        self._replied: dict[int, int] = {}
        self._replies: dict[str, list[Reply]] = {}
        for entry in scenario.reply:
            if not entry.unasked:
                self._replies.setdefault(entry.sender, []).append(entry)

    # ------------------------------------------------------------ receipts

    def report(self, held: Held, rule: Rule, state: MessageState, at: datetime, now: float) -> None:
        """Send the receipt, twice or never where the knobs say so, and receipts that nobody expects."""
        knobs = held.knobs
        if not _wants_receipt(held, state):
            return
        many = 0 if rule.happens(knobs.lose_receipt_share) else 1 + rule.happens(knobs.duplicate_receipt_share)
        pdus = [receipt(held, state, at, self._zone)] * many
        if rule.happens(knobs.unknown_receipt_share):
            stranger = str(self._world.random.getrandbits(60))
            pdus.append(receipt(replace(held, receipt_id=stranger), state, at, self._zone))
        for pdu in pdus:
            delivery = Delivery(DeliveryKind.RECEIPT, pdu, self._world.stats, held.origin, knobs.receipt_bind)
            if knobs.receipt_delay_ms:
                due = now + knobs.receipt_delay_ms / 1000
                self._world.agenda.at(due, partial(self._deliver, held.account, delivery))
            else:
                self._deliver(held.account, delivery, now)

    def report_enroute(self, held: Held, now: float) -> None:
        """Send an intermediate receipt."""
        pdu = receipt(held, MessageState.ENROUTE, self._world.wall(), self._zone)
        delivery = Delivery(DeliveryKind.RECEIPT, pdu, self._world.stats, held.origin, held.knobs.receipt_bind)
        self._deliver(held.account, delivery, now)

    def _deliver(self, account: str, delivery: Delivery, now: float) -> None:
        if not self._world.registrar.esme(account).deliver(delivery, now):
            self._world.stats.deliveries_dropped += 1

    def acknowledged(self, account: str, delivery: Delivery, status: int, now: float) -> None:
        """An ESME answered a deliver_sm; after a temporary refusal it is tried again."""
        if status in TEMPORARY:
            self.unacknowledged(account, delivery, now)
        else:
            self._world.stats.answered(delivery.kind.value, accepted=status == Status.ESME_ROK)

    def unacknowledged(self, account: str, delivery: Delivery, now: float) -> None:
        """Try a deliver_sm again, some time later, some times."""
        if delivery.tries > self._links.redeliver_times:
            self._world.stats.answered(delivery.kind.value, accepted=False)
        else:
            self._world.agenda.at(now + self._links.redeliver_s, partial(self._deliver, account, delivery))

    # ------------------------------------------------------------ citizens' replies

    def answer(self, number: str, arrived: Arrived, now: float) -> None:
        """A citizen got a message: plan the answers that the scenario has for it."""
        for entry in self._replies.get(number, ()):
            done = self._replied.get(id(entry), 0)
            if done < entry.times and entry.contains.casefold() in arrived.text.casefold():
                self._replied[id(entry)] = done + 1
                account = arrived.account if entry.account == ANY_ACCOUNT else entry.account
                self._world.agenda.at(now + entry.after_s, partial(self._reply_as_planned, entry, account))

    def reply(self, number: str, text: str, now: float, *, to: str | None = None, account: str = ANY_ACCOUNT) -> int:
        """A citizen writes an SMS.

        Args:
            number: the citizen's.
            text: what is written.
            now: the time.
            to: where to; the sender of the last message that this number got unless given.
            account: whose receiver gets it; with ``*`` the account that sent that message, else any that receives.

        Returns:
            How many parts it takes.

        Raises:
            NotFoundError: there is nothing to answer, the sender cannot be answered, or nobody has bound yet.
        """
        inbox = self._handsets.inbox(number)
        if to is not None:
            address = Address(to, ton=1, npi=1)
        elif not inbox:
            raise NotFoundError("this number got no message that it could answer")
        elif inbox[-1].source.ton == ALPHANUMERIC:
            raise NotFoundError("the last message has a name for a sender, which cannot be answered")
        else:
            address = inbox[-1].source
        if account == ANY_ACCOUNT and to is None:
            account = inbox[-1].account
        esme = self._world.registrar.receiver(account)
        if esme is None:
            raise NotFoundError("nobody has bound yet")
        long = self._links.reply_long
        pdus = reply(number, address, text, long, next(self._references))
        for pdu in pdus:
            self._deliver(esme.name, Delivery(DeliveryKind.REPLY, pdu, self._world.stats), now)
        return len(pdus)

    def _reply_as_planned(self, entry: Reply, account: str, now: float) -> None:
        try:
            self.reply(entry.sender, entry.text, now, to=entry.to, account=account)
        except NotFoundError as error:
            self._world.stats.notice(f"a planned reply was not sent: {error}")

    def reply_unasked(self, entry: Reply, now: float) -> None:
        """A reply of the scenario that answers nothing."""
        self._reply_as_planned(entry, entry.account, now)


def _wants_receipt(held: Held, state: MessageState) -> bool:
    """By the knobs, and by bits 0 and 1 of registered_delivery (SMPP 3.4 section 5.2.17; 3 is SMPP 5.0's)."""
    if held.knobs.receipts != "asked":
        return held.knobs.receipts == "always"
    asked = held.content.registered_delivery & 0x03
    return asked == 1 or (asked > 1 and (state is MessageState.DELIVERED) is (asked == 3))
