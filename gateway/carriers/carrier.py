"""One carrier: its binds, what waits for them, how fast it goes, and what each answer means."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IProtocol, IReactorTime, IStreamClientEndpoint
from twisted.logger import Logger

from gateway.carriers.health import SICK_S, TROUBLE_S, Health
from gateway.carriers.ids import MessageIds
from gateway.carriers.link import Link, refusal
from gateway.carriers.outbind import OutbindEndpoint
from gateway.carriers.pace import Pace
from gateway.carriers.verdict import REASONS, ErrorClass, classify
from gateway.carriers.work import Token, Work
from gateway.domain.delivery import (
    Accepted,
    DeliveryState,
    Reason,
    Receipt,
    Ref,
    Settlement,
    SmsBatch,
    SmsReply,
    delivery_of,
)
from gateway.domain.plan import ComposedSms
from gateway.ports import CarrierStatus, Clock, Journal, SmsOutcomes
from gateway.settings import CarrierSettings
from gateway.smpp import codec, hot, text
from gateway.smpp.errors import RemoteProtocolError
from gateway.smpp.hot import SubmitTemplate
from gateway.smpp.pdu import Address, CancelSm, Command, DataMessage, Message, Status, status_name
from gateway.smpp.receipt import ParsedReceipt
from gateway.smpp.session import Answered

FULL_NUMBER_WAIT = timedelta(seconds=20)
"""How long one number waits after its own queue at the carrier was full."""

OTHER_CARRIER_WAIT = timedelta(seconds=1)
"""How long a delivery waits that this carrier refuses because of our settings for it."""

REPLACE_TYPES = range(0x41, 0x48)
"""protocol_id of short messages that replace one of the same type from the same sender."""

RECALLS_AT_ONCE = 10
"""cancel_sm without an answer, a link."""

FULL_NUMBERS = 5
"""More different numbers than this with a full queue within a second: it is the carrier's queue that is full."""

LEARN_S = 2.0
"""How long receipts are held, unacknowledged, while the form of their ids is learned."""

DRAIN_S = 30.0
"""How long a stop waits for the answers that are still due."""


Recall = tuple[str, int, str]
"""A segment that a carrier has: its message id as the ledger has it, the number's calling code, the action's domain."""


class Bringer(Protocol):
    """What brings deliver_sm: one of our links, or a connection that the carrier made to us."""

    @property
    def session(self) -> Any:
        """What it is bound with; an acknowledgement on another would mean nothing to the carrier."""

    def acknowledge(self, session: Any, messages: Sequence[bytes], status: int = 0) -> None:
        """Answer messages: what they said is stored."""


class Carrier:
    """Sends work over its links and tells ``outcomes`` what came of each delivery, once.

    Args:
        endpoint: makes a connection to the carrier.
        retry_delays: how long after the first, second, ... temporary refusal a delivery is tried again.
    """

    log = Logger()

    def __init__(
        self,
        settings: CarrierSettings,
        endpoint: Callable[[], IStreamClientEndpoint],
        reactor: IReactorTime,
        clock: Clock,
        journal: Journal,
        outcomes: SmsOutcomes,
        *,
        retry_delays: Sequence[timedelta],
        resend_uncertain: bool,
    ) -> None:
        self.settings = settings
        self.name = settings.name
        self._alphabet = text.Encoding(settings.default_alphabet)
        self._long_messages = text.LongMessages(settings.long_messages)
        self._reactor = reactor
        self._clock = clock
        self._journal = journal
        self._outcomes = outcomes
        self._retry_delays = retry_delays
        self._resend_uncertain = resend_uncertain if settings.resend_uncertain is None else settings.resend_uncertain
        commands = (
            [Command.BIND_TRANSCEIVER]
            if settings.bind == "transceiver"
            else [Command.BIND_TRANSMITTER, Command.BIND_RECEIVER]
        )
        self._outbinds = OutbindEndpoint() if settings.outbind else None
        self.links = [
            Link(settings, command, self._outbinds or endpoint(), reactor, self)
            for _ in range(settings.binds)
            for command in commands
        ]
        self._peers: set[Bringer] = set()
        self._senders = [link for link in self.links if link.command is not Command.BIND_RECEIVER]
        self._queues: tuple[deque[Work], deque[Work], deque[Work]] = (deque(), deque(), deque())
        self._again: deque[Token] = deque()
        self._recalls: deque[CancelSm] = deque()
        self._tries: Counter[int] = Counter()
        self._ids = MessageIds(settings.message_id_form)
        self._health = Health()
        self._held: list[tuple[Bringer, Any, bytes, ParsedReceipt]] = []
        self._held_since = 0.0
        self._full_numbers: dict[bytes, float] = {}
        self._pace = Pace(settings.rate_per_s, reactor.seconds())
        self._wait: IDelayedCall | None = None
        self._since = clock.now()
        self._state = "connecting"
        self._detail = "not connected yet"
        self._stopping = False
        self._drained: Deferred[None] | None = None
        self.submitted = 0
        self.accepted = 0
        self.receipts = 0
        self.errors: Counter[str] = Counter()

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Bind, and stay bound."""
        for link in self.links:
            link.start()

    async def stop(self) -> None:
        """Give back what has not left, wait for the answers that are due, unbind."""
        self._stopping = True
        self.give_back()
        if self.in_flight:
            self._drained = Deferred()
            timeout = self._reactor.callLater(DRAIN_S, self._drained.callback, None)
            await self._drained
            if timeout.active():
                timeout.cancel()
        if self._wait is not None and self._wait.active():
            self._wait.cancel()
        for link in self.links:
            await link.stop()

    # ------------------------------------------------------------ work in

    @property
    def bound(self) -> bool:
        """Whether anything can be sent now."""
        return any(link.session is not None for link in self._senders)

    @property
    def fit(self) -> bool:
        """Whether it should be given work now."""
        now = self._reactor.seconds()
        silent = self._health.silent(now, self.settings.slow_response_s)
        return self.bound and not silent and not self._health.sick(now)

    @property
    def in_flight(self) -> int:
        """Segments without an answer."""
        return sum(link.in_flight for link in self.links)

    @property
    def queued(self) -> int:
        """Segments that wait here."""
        return sum(work.left for queue in self._queues for work in queue) + len(self._again)

    @property
    def capacity(self) -> int:
        """How many more deliveries it would take: enough to keep the links busy while the ledger is asked for more."""
        if self._stopping or not self.fit:
            return 0
        most = self.most
        left = most - self.queued
        # Asked for by the half, so that a slow carrier does not have the ledger asked for one delivery at a time.
        return left if left * 2 >= most else 0

    @property
    def most(self) -> int:
        """How many segments may wait here at once."""
        window = self.settings.window * self.settings.binds
        most = min(max(8 * window, 1000), 8000)
        if self.settings.rate_per_s is not None:
            most = min(most, max(int(self.settings.rate_per_s), window))
        return most

    @property
    def expected_rate_per_s(self) -> float:
        """Segments a second that it is likely to take: as contracted, else what a window filled every 0.1 s gives."""
        window = self.settings.window * self.settings.binds
        return min(self.settings.rate_per_s or float("inf"), window / 0.1)

    def compose(self, message: str) -> ComposedSms:
        """How this text will look to the carrier."""
        return text.compose(message, alphabet=self._alphabet, long_messages=self._long_messages)

    def take(self, batch: SmsBatch, recipients: Sequence[tuple[int, str]]) -> None:
        """Send a text to these; :meth:`pump` does it."""
        composed = self.compose(batch.text)
        for source, members in self._by_sender(batch.domain, recipients):
            templates = self._templates(batch, composed, source)
            self._queues[batch.urgency].append(Work(batch.action, batch.urgency, batch.expires_at, templates, members))

    def _by_sender(
        self, domain: str, recipients: Sequence[tuple[int, str]]
    ) -> list[tuple[Address, list[tuple[int, str]]]]:
        """Recipients by the sender that they see: one, unless the profile has another for some countries."""
        countries = sorted((key for key in self.settings.senders if key.isdigit()), key=len, reverse=True)
        groups: dict[int, list[tuple[int, str]]] = {}
        if not countries or domain in self.settings.senders:
            groups[0] = list(recipients)
        else:
            for recipient in recipients:
                country = next((key for key in countries if recipient[1].startswith(key, 1)), "0")
                groups.setdefault(int(country), []).append(recipient)
        found = []
        for calling_code, members in groups.items():
            ton, npi, value = self.settings.source_for(calling_code, domain)
            found.append((Address(value, ton, npi), members))
        return found

    def _templates(self, batch: SmsBatch, composed: ComposedSms, source: Address) -> list[SubmitTemplate]:
        settings = self.settings
        # Nobody gets two messages of one version, so one reference per version and sender is enough (3GPP TS 23.040
        # section 9.2.3.24.1: unique per sender and recipient); a retry of a part then completes the first try.
        reference = batch.action * 31 + batch.version
        flash = settings.flash and batch.urgency == 2
        parts = text.to_wire(composed, self._long_messages, reference, flash=flash)
        # The same type for every version of an action: the newer replaces the older (3GPP TS 23.040 section 9.2.3.9).
        # Several actions have one each, as far as the seven types go; parts of one message would replace each other.
        replaces = settings.replace_types and len(parts) == 1
        protocol_id = REPLACE_TYPES[batch.action % len(REPLACE_TYPES)] if replaces else 0
        return [
            SubmitTemplate(
                Message(
                    source=source,
                    destination=Address("", settings.dest_ton, settings.dest_npi),
                    short_message=part.short_message,
                    esm_class=part.esm_class,
                    data_coding=part.data_coding,
                    registered_delivery=settings.registered_delivery_octet,
                    validity_period=self._validity(batch.expires_at),
                    protocol_id=protocol_id,
                    replace_if_present_flag=int(settings.replace_sm and batch.version > 1 and len(parts) == 1),
                    service_type=settings.service_type,
                ),
                part.tlvs,
            )
            for part in parts
        ]

    def _validity(self, until: datetime) -> str:
        """validity_period (SMPP 3.4 section 7.1.1): the life of the action, and not a minute longer than needed."""
        if self.settings.validity == "none":
            return ""
        if self.settings.validity == "absolute":
            return until.strftime("%y%m%d%H%M%S") + "000+"
        left = max(timedelta(minutes=1), until - self._clock.now())
        hours, rest = divmod(int(left.total_seconds()) % 86400, 3600)
        return f"0000{left.days:02d}{hours:02d}{rest // 60:02d}{rest % 60:02d}000R"

    def cancel(self, action: int) -> None:
        """Give back, as cancelled, what has not left yet of an action."""
        cut = [delivery for queue in self._queues for work in queue if work.action == action for delivery in work.cut()]
        self._settle(cut, DeliveryState.CANCELLED, Reason.ACTION_CLOSED)
        again = [token for token in self._again if token[1].action == action]
        for token in again:
            self._again.remove(token)
        self._settle(self._deliveries(again), DeliveryState.CANCELLED, Reason.ACTION_CLOSED)

    def recall(self, sent: Sequence[Recall]) -> None:
        """Ask the carrier not to deliver these any more; its receipts tell which it still could stop."""
        for message_id, country, domain in sent:
            ton, npi, value = self.settings.source_for(country, domain)
            self._recalls.append(CancelSm(self._ids.as_given(message_id), Address(value, ton, npi)))
        self._pump_recalls()

    def _pump_recalls(self) -> None:
        for link in self._senders:
            while self._recalls and link.session is not None and link.asking < RECALLS_AT_ONCE:
                link.request(Command.CANCEL_SM, self._recalls.popleft())

    def give_back(self) -> None:
        """Return to the ledger what has not left, to be claimed again by whoever can send it."""
        cut = [delivery for queue in self._queues for work in queue for delivery in work.cut()]
        cut += self._deliveries(self._again)
        self._again.clear()
        now = self._clock.now()
        self._outcomes.settled(
            [Settlement(delivery, DeliveryState.RETRY, None, now, retry_at=now, counts=False) for delivery in cut]
        )

    # ------------------------------------------------------------ sending

    def pump(self) -> None:
        """Send as much as windows and pace allow."""
        if self._wait is not None:
            if self._wait.active():
                self._wait.cancel()
            self._wait = None
        used = []
        for link in sorted(self._senders, key=lambda one: -one.room):
            room = link.room
            while room > 0 and (allowed := min(room, self._pace.available(self._reactor.seconds()))) > 0:
                run = self._next_run(allowed)
                if run is None:
                    break
                template, tokens, numbers, refs = run
                if tokens:
                    self._journal.sent(refs)
                    link.submit(template, tokens, numbers)
                    self._pace.take(len(tokens))
                    self.submitted += len(tokens)
                    self._health.waiting(len(tokens), self._reactor.seconds())
                    room -= len(tokens)
            if room != link.room or link.in_flight:
                used.append(link)
        for link in used:
            link.flush()
        if (self._again or any(self._queues)) and any(link.room > 0 for link in self._senders):
            self._wait = self._reactor.callLater(self._pace.wait_s(), self.pump)

    def _next_run(self, most: int) -> tuple[SubmitTemplate, list[Token], list[bytes], list[Ref]] | None:
        if self._again:
            _, work, segment = self._again.popleft()
            return work.one(segment)
        for queue in reversed(self._queues):
            while queue:
                work = queue[0]
                if work.expires_at <= self._clock.now():
                    self._settle(work.cut(), DeliveryState.EXPIRED, Reason.ACTION_EXPIRED)
                if not work.left:
                    queue.popleft()
                    continue
                return work.take(most)
        return None

    # ------------------------------------------------------------ what the links say

    def link_bound(self, link: Link) -> None:
        """It may be used."""
        self._look()
        self.pump()
        self._outcomes.capacity_changed()

    def link_lost(self, link: Link, lost: Sequence[Token], reason: str) -> None:
        """What was in its window is uncertain."""
        self._detail = reason
        self._health.waiting(self.in_flight, self._reactor.seconds())
        self._look()
        self._uncertain(lost, Reason.LINK_LOST)
        self.pump()
        self._outcomes.capacity_changed()

    def link_refused(self, link: Link, status: int | None) -> None:
        """The carrier does not want us."""
        self._detail = refusal(status)
        self.errors[status_name(status) if status is not None else "no bind response"] += 1
        self._look()
        self.log.error("{carrier}: {why}", carrier=self.name, why=self._detail)

    def link_replied(self, link: Link, status: int | None) -> None:
        """A cancel_sm was answered; that it came too late is no fault."""
        if status not in (Status.ESME_ROK, Status.ESME_RCANCELFAIL, Status.ESME_RINVMSGID):
            self.errors["no answer to cancel_sm" if status is None else status_name(status)] += 1
        self._pump_recalls()

    def link_unanswered(self, link: Link, tokens: Sequence[Token]) -> None:
        """Too late to know."""
        self._health.waiting(self.in_flight, self._reactor.seconds())
        self._uncertain(tokens, Reason.NO_ANSWER_FROM_CARRIER)
        self.pump()

    def link_answered(self, link: Link, answered: Answered[Token]) -> None:
        """Sort the answers into accepted and refused, and send what fits into the window now."""
        answers = answered.answers
        now = self._clock.now()
        accepted = {token[0]: message_id for token, status, message_id in answers if status == 0}
        seconds = self._reactor.seconds()
        self._health.answered(seconds)
        self._health.waiting(self.in_flight, seconds)
        if answered.congestion is not None:
            self._pace.congested(answered.congestion, seconds)
        if accepted:
            if not self._ids.plain:
                accepted = {ref: self._ids.of_response(message_id) for ref, message_id in accepted.items()}
            self._pace.accepted(len(accepted), seconds)
            self._health.accepted()
            self.accepted += len(accepted)
        if len(accepted) < len(answers):
            refused = [(token, status) for token, status, _ in answers if status != 0]
            self._journal.gone([token[0] for token, _ in refused])
            for token, status in refused:
                self._refused(token, status, now)
        if not self._stopping:
            # Before what came is accounted for: the carrier waits meanwhile.
            self.pump()
        if accepted:
            self._journal.accepted(self.name, accepted)
            self._outcomes.accepted(Accepted(self.name, now, accepted))
        if self._stopping:
            if self._drained is not None and not self._drained.called and not self.in_flight:
                self._drained.callback(None)
            return
        self._outcomes.capacity_changed()

    def _refused(self, token: Token, status: int, now: datetime) -> None:
        ref, work, segment = token
        self.errors[status_name(status)] += 1
        verdict = classify(status, self.settings.error_table)
        delivery = delivery_of(ref)
        detail = f"{self.name}: {status_name(status)}"
        if verdict is ErrorClass.SLOW_DOWN:
            self._slow_down(token, status, now)
            return
        work.skip(segment)
        if verdict is ErrorClass.PROFILE and self._health.profile_error(self._reactor.seconds()):
            self._rest(f"{detail}: our settings are wrong for this carrier; it gets no work for {SICK_S:.0f} s")
        if verdict is ErrorClass.NUMBER:
            self._outcomes.settled([Settlement(delivery, DeliveryState.FAILED, REASONS[verdict], now, detail=detail)])
            return
        if verdict is ErrorClass.TEMPORARY and self._health.trouble(self._reactor.seconds()):
            self._rest(f"{detail} again and again; it gets no work for {TROUBLE_S:.0f} s")
        tries = self._tries[delivery]
        if tries >= len(self._retry_delays) or (work.parts > 1 and segment % work.parts):
            # A later part cannot be sent again alone by another claim: the first is with the carrier already.
            del self._tries[delivery]
            self._outcomes.settled([Settlement(delivery, DeliveryState.FAILED, REASONS[verdict], now, detail=detail)])
            return
        self._tries[delivery] += 1
        # What our settings did wrong here another carrier may take at once.
        retry_at = now + (OTHER_CARRIER_WAIT if verdict is ErrorClass.PROFILE else self._retry_delays[tries])
        self._outcomes.settled(
            [Settlement(delivery, DeliveryState.RETRY, REASONS[verdict], now, retry_at=retry_at, detail=detail)]
        )

    def _slow_down(self, token: Token, status: int, now: datetime) -> None:
        """The carrier is asked for too much, or one number's own queue is full."""
        if status == Status.ESME_RMSGQFUL and not self._many_full(token):
            ref, work, segment = token
            work.skip(segment)
            retry_at = now + FULL_NUMBER_WAIT
            detail = f"{self.name}: {status_name(status)}"
            self._outcomes.settled(
                [Settlement(delivery_of(ref), DeliveryState.RETRY, Reason.CARRIER_ERROR, now, retry_at, False, detail)]
            )
            return
        self._again.append(token)
        self._pace.throttled(self._reactor.seconds())

    def _many_full(self, token: Token) -> bool:
        """Whether so many different numbers are full that it is the carrier that is."""
        now = self._reactor.seconds()
        recent = self._full_numbers
        recent[token[1].numbers[token[2] // token[1].parts]] = now
        while recent and next(iter(recent.values())) < now - 1.0:
            recent.pop(next(iter(recent)))
        return len(recent) > FULL_NUMBERS

    def _rest(self, why: str) -> None:
        """What waits here goes back, for whoever can send it."""
        self._detail = why
        self.log.error("{carrier}: {why}", carrier=self.name, why=why)
        self.give_back()
        self._outcomes.capacity_changed()

    def look_after(self) -> None:
        """To be called every second: what waits for a carrier that is away goes elsewhere."""
        now = self._reactor.seconds()
        if self.bound:
            self._health.bound()
        else:
            self._health.unbound(now)
        if self.queued and self._health.waits_too_long(now):
            self._rest("away; what waited for it goes back to the queue")
        elif self.queued and self._health.silent(now, self.settings.slow_response_s):
            self._rest("does not answer; what waited for it goes back to the queue")
        if self._held and self._held_since + LEARN_S <= now:
            self._ids.settle()
            self._release_held()

    def peer_came(self, peer: Bringer) -> None:
        """The carrier has bound to us."""
        self._peers.add(peer)

    def peer_left(self, peer: Bringer) -> None:
        """It is gone."""
        self._peers.discard(peer)

    def offer_outbind(self, address: str, take: Callable[[IProtocol], None]) -> bool:
        """The carrier connected for us to bind there; ``False`` where no link waits for that."""
        return self._outbinds is not None and self._outbinds.offer(address, take)

    def link_delivered(self, link: Bringer, messages: Sequence[bytes]) -> None:
        """Receipts and replies; each is acknowledged once it is on the disk."""
        session = link.session
        receipts: list[Receipt] = []
        of_receipts: list[bytes] = []
        now = self._clock.now()
        name = self.name
        for raw in messages:
            try:
                receipt = hot.read_receipt(raw, now)
                if receipt is None:
                    self._take_reply(link, session, raw, now)
                    continue
            except RemoteProtocolError as error:
                self.log.warn("{carrier}: a deliver_sm could not be read: {error}", carrier=name, error=error)
                link.acknowledge(session, [raw], error.status)
                continue
            if self._ids.learning:
                self._hold(link, session, raw, receipt[1])
                continue
            message_id, _, segment, reason, error_code, done_at = receipt[1]
            if not self._ids.plain:
                message_id = self._ids.of_receipt(message_id)
            receipts.append(Receipt(name, message_id, segment, reason, error_code, done_at))
            of_receipts.append(raw)
        if receipts:
            self.receipts += len(receipts)
            self._outcomes.receipts(receipts, lambda: link.acknowledge(session, of_receipts))

    def _hold(self, link: Bringer, session: Any, raw: bytes, receipt: ParsedReceipt) -> None:
        """Keep a receipt until it is known how its id is to be read; it is acknowledged only then."""
        if not self._held:
            self._held_since = self._reactor.seconds()
        self._held.append((link, session, raw, receipt))
        if self._ids.learn([receipt.message_id]):
            self._release_held()

    def _release_held(self) -> None:
        held, self._held = self._held, []
        for link, session, raw, receipt in held:
            self.receipts += 1
            read = Receipt(
                self.name,
                self._ids.of_receipt(receipt.message_id),
                receipt.segment,
                receipt.reason,
                receipt.error,
                receipt.done_at,
            )
            self._outcomes.receipts([read], partial(link.acknowledge, session, [raw]))

    def _take_reply(self, link: Bringer, session: Any, raw: bytes, now: datetime) -> None:
        pdu = codec.decode(raw)
        if not isinstance(pdu.body, Message | DataMessage):
            link.acknowledge(session, [raw])
            return
        words = text.decode_message(pdu.body, pdu.tlvs, self._alphabet)
        sender, recipient = _international(pdu.body.source), _international(pdu.body.destination)
        reply = SmsReply(self.name, sender, recipient, words, now)
        self._outcomes.reply(reply, lambda: link.acknowledge(session, [raw]))

    # ------------------------------------------------------------ inside

    def _uncertain(self, tokens: Sequence[Token], reason: Reason) -> None:
        if not tokens:
            return
        now = self._clock.now()
        self._journal.gone([token[0] for token in tokens])
        state = DeliveryState.RETRY if self._resend_uncertain else DeliveryState.UNCERTAIN
        retry_at = now + self._retry_delays[0] if self._resend_uncertain and self._retry_delays else None
        self._outcomes.settled(
            [
                Settlement(delivery_of(ref), state, reason, now, retry_at=retry_at, detail=self.name)
                for ref, _, _ in tokens
            ]
        )
        self.log.warn(
            "{carrier}: {count} messages left without an answer: {reason}",
            carrier=self.name,
            count=len(tokens),
            reason=reason.value,
        )

    def _settle(self, deliveries: Sequence[int], state: DeliveryState, reason: Reason) -> None:
        if deliveries:
            now = self._clock.now()
            self._outcomes.settled([Settlement(delivery, state, reason, now, counts=False) for delivery in deliveries])

    @staticmethod
    def _deliveries(tokens: Sequence[Token] | deque[Token]) -> list[int]:
        return [delivery_of(ref) for ref, _, _ in tokens]

    def _look(self) -> None:
        up = sum(link.session is not None for link in self.links)
        state = "bound" if up == len(self.links) else "partly_bound" if up else "connecting"
        if any(link.refused for link in self.links) and not up:
            state = "refused"
        if state != self._state:
            self._state, self._since = state, self._clock.now()
        if up == len(self.links):
            self._detail = ""

    def status(self) -> CarrierStatus:
        """How it is doing."""
        return CarrierStatus(
            name=self.name,
            state=self._state,
            since=self._since,
            binds_bound=sum(link.session is not None for link in self.links),
            binds=len(self.links),
            queue=self.queued,
            in_flight=self.in_flight,
            rate_per_s=self._pace.rate_per_s,
            submitted=self.submitted,
            accepted=self.accepted,
            receipts=self.receipts,
            errors=dict(self.errors),
            detail=self._detail,
            peer_binds=len(self._peers),
        )


def _international(address: Address) -> str:
    """A number as E.164 where its TON says so; anything else as it came."""
    value = address.value
    return f"+{value}" if address.ton == 1 and value.isdigit() else value
