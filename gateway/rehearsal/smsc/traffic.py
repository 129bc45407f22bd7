"""The life of a message at the SMSC: taken or refused, answered, delivered or not, reported."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from itertools import count
from struct import Struct

from gateway.rehearsal.scenario import Scenario
from gateway.rehearsal.smsc.content import Content, Contents, content_of, number_of
from gateway.rehearsal.smsc.delivery import (
    STATES,
    WORDS,
    error_of,
    form_id,
)
from gateway.rehearsal.smsc.handsets import Arrived, Handsets
from gateway.rehearsal.smsc.messages import Held, Messages
from gateway.rehearsal.smsc.post import Post
from gateway.rehearsal.smsc.rules import Rule, Rules
from gateway.rehearsal.smsc.session import SmscSession
from gateway.rehearsal.smsc.times import seconds_until, write_time
from gateway.rehearsal.smsc.world import World
from gateway.smpp.errors import RemoteProtocolError
from gateway.smpp.pdu import (
    RESPONSE_BIT,
    CancelSm,
    Command,
    DataMessage,
    Message,
    MessageState,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    Status,
    Tag,
)

_HEADER = Struct(">IIII")
_SEQUENCE = Struct(">I")
_CONGESTION = Struct(">HHB")
SUBMIT_SM_RESP = int(Command.SUBMIT_SM_RESP)

TEMPORARY = frozenset({Status.ESME_RSYSERR, Status.ESME_RMSGQFUL, Status.ESME_RTHROTTLED, Status.ESME_RX_T_APPN})
"""After these answers to a deliver_sm it is tried again (section 5.1.3)."""


class Traffic:
    """Every message and every handset."""

    def __init__(self, scenario: Scenario, world: World) -> None:
        self._world = world
        self._contents = Contents()
        self._messages = Messages(scenario.limits)
        self.handsets = Handsets(scenario.limits)
        self.post = Post(scenario, world, self.handsets)
        first = scenario.first_id
        self._ids = count(int(world.wall().timestamp() * 1_000_000) if first is None else first)
        self._drops = 0
        self.change(scenario)

    def change(self, scenario: Scenario) -> None:
        """Follow another scenario from now on; messages on their way keep the treatment that they had."""
        self.post.change(scenario)
        self._rules = Rules(scenario, self._world.random)

    @property
    def pending(self) -> int:
        """Messages on their way."""
        return self._messages.pending

    def clear(self) -> None:
        """Forget messages and handsets."""
        self._messages.clear()
        self.handsets.clear()
        self._drops = 0

    # ------------------------------------------------------------ submits

    def submitted(self, session: SmscSession, raws: Sequence[bytes], now: float) -> None:
        """submit_sm of a bound transmitter."""
        stats, at = self._world.stats, self._world.wall()
        self._begin(session, len(raws), now)
        drop_at = self._drop_at(session)
        for raw in raws:
            (sequence,) = _SEQUENCE.unpack_from(raw, 12)
            session.submits += 1
            dropping = session.submits == drop_at
            try:
                number, content = self._contents.read(raw)
            except RemoteProtocolError as error:
                self._refuse(session, SUBMIT_SM_RESP, sequence, error.status, now, now)
                continue
            self._take(session, (SUBMIT_SM_RESP, sequence), number, content, at, now, mute=dropping)
            if dropping:
                self._drops += 1
                stats.notice(f"{session.name}: dropped after {session.submits} submits")
                session.close()
                break
        stats.last_s = now

    def _begin(self, session: SmscSession, many: int, now: float) -> None:
        stats = self._world.stats
        stats.submits += many
        session.unanswered += many
        stats.max_window = max(stats.max_window, session.unanswered)
        if stats.first_s is None:
            stats.first_s = now

    def _drop_at(self, session: SmscSession) -> int | None:
        times = session.links.drop_times
        return session.links.drop_after_submits if times is None or self._drops < times else None

    def _take(
        self,
        session: SmscSession,
        asked: tuple[int, int],
        number: str,
        content: Content,
        at: datetime,
        now: float,
        *,
        mute: bool = False,
    ) -> None:
        """Accept or refuse one submit.

        Args:
            session: where it came.
            asked: command_id of the response, and sequence number.
            number: the destination.
            content: the rest.
            at: the time for people.
            now: the time for timers.
            mute: the response is never sent.
        """
        rule = self._rules.find(number)
        knobs = rule.knobs
        due = self._answer_due(session, rule, now)
        status = content.times_fault or (0 if rule.plain else self._verdict(rule, number, now))
        if status or self._messages.full:
            self._refuse(session, *asked, status or Status.ESME_RMSGQFUL, due, now)
            return
        if knobs.lose_share and rule.happens(knobs.lose_share):
            self._world.stats.lost += 1
            session.unanswered -= 1
            return
        held = self._accept(session, rule, number, content, at, now)
        if knobs.receipt_before_response:
            self._end(held, rule, STATES[rule.fate(number)], at, now)
        if mute or (knobs.swallow_share and rule.happens(knobs.swallow_share)):
            self._world.stats.swallowed += 1
            session.unanswered -= 1
        else:
            self._answer(session, self._acceptance(rule, asked, held.id, now), due, now)
        if held.on_its_way:
            self._plan_end(held, rule, due, now)

    def _verdict(self, rule: Rule, number: str, now: float) -> int:
        if rule.throttles(now):
            self._world.stats.throttled += 1
            return rule.knobs.throttle_status
        return rule.verdict(number, self._messages.waiting_for(number))

    def _accept(
        self, session: SmscSession, rule: Rule, number: str, content: Content, at: datetime, now: float
    ) -> Held:
        self._world.stats.accept(number, content.key)
        if content.replaces_pending:
            self._replace_pending(number, content, session.system_id, now)
        knobs = rule.knobs
        running = next(self._ids)
        if knobs.id_form == "decimal":
            own = str(running)
        elif knobs.id_form == "uuid":
            own = str(uuid.UUID(int=self._world.random.getrandbits(128), version=4))
        else:
            own = form_id(running, knobs.id_form)
        form = knobs.receipt_id_form
        told = own if form == "same" or form == knobs.id_form else form_id(running, form)
        return Held(own, told, number, content, knobs, session.system_id, session, at)

    # ------------------------------------------------------------ responses

    def _answer_due(self, session: SmscSession, rule: Rule, now: float) -> float:
        """When the response goes out: in the order of the submits unless the knobs say otherwise."""
        if rule.prompt and session.answers_due <= now:
            return now
        knobs = rule.knobs
        due = now + knobs.latency_ms / 1000 + rule.jitter(knobs.latency_jitter_ms)
        if not knobs.out_of_order:
            due = session.answers_due = max(due, session.answers_due)
        return due

    def _acceptance(self, rule: Rule, asked: tuple[int, int], message_id: str, now: float) -> bytes:
        body = message_id.encode("latin-1") + b"\0"
        congestion = rule.congestion(now) if rule.knobs.congestion is not None else None
        if congestion is not None:
            body += _CONGESTION.pack(Tag.CONGESTION_STATE, 1, congestion)
        return _HEADER.pack(16 + len(body), asked[0], 0, asked[1]) + body

    def _refuse(self, session: SmscSession, command: int, sequence: int, status: int, due: float, now: float) -> None:
        """Answer with a status and, as section 4.4.2 allows, without a body."""
        self._world.stats.refuse(status)
        self._answer(session, _HEADER.pack(16, command, status, sequence), due, now)

    def _answer(self, session: SmscSession, data: bytes, due: float, now: float) -> None:
        if due <= now:
            session.unanswered -= 1
            session.send(data)
        else:
            self._world.agenda.at(due, partial(self._send_answer, session, data))

    def _send_answer(self, session: SmscSession, data: bytes, now: float) -> None:
        session.unanswered -= 1
        session.send(data)
        self._world.stats.last_s = now

    # ------------------------------------------------------------ delivery

    def _plan_end(self, held: Held, rule: Rule, answered: float, now: float) -> None:
        """Decide how and when a message ends; its delivery begins when its response is out."""
        knobs = held.knobs
        if rule.instant and held.content.plain and answered <= now:
            self._end(held, rule, STATES[rule.fate(held.destination)], held.at, now)
            return
        asked = bool(held.content.registered_delivery & 0x10)
        if knobs.intermediate == "always" or (asked and knobs.intermediate == "asked"):
            self._world.agenda.at(answered, partial(self.post.report_enroute, held))
        state = STATES[rule.fate(held.destination)]
        delay = knobs.delivery_ms / 1000 + rule.jitter(knobs.delivery_jitter_ms)
        delay = max(delay, seconds_until(held.content.schedule_delivery_time, held.at) or 0.0)
        if delay:
            validity = seconds_until(held.content.validity_period, held.at)
            if validity is not None and validity < delay:
                delay, state = max(0.0, validity), MessageState.EXPIRED
        if answered + delay <= now:
            self._end(held, rule, state, held.at, now)
        else:
            self._messages.hold(held)
            self._world.agenda.at(answered + delay, partial(self._arrive, held, rule, state))

    def _arrive(self, held: Held, rule: Rule, state: MessageState, now: float) -> None:
        if held.on_its_way:
            self._end(held, rule, state, self._world.wall(), now)

    def _end(self, held: Held, rule: Rule, state: MessageState, at: datetime, now: float) -> None:
        """The message has its end: on the handset or not; the ESME hears of it if it wants to."""
        world = self._world
        self._messages.end(held, state, at)
        world.stats.states[WORDS[state]] += 1
        if state is MessageState.DELIVERED:
            arrived = self.handsets.receive(held.destination, held.content, at, rule.alphabet, held.account)
            if arrived is not None:
                self._on_handset(held, arrived, now)
        if world.log is not None:
            world.log.ended(held)
        self.post.report(held, rule, state, at, now)

    def _on_handset(self, held: Held, arrived: Arrived, now: float) -> None:
        if self._world.arrived is not None:
            self._world.arrived(held.destination, arrived)
        self.post.answer(held.destination, arrived, now)

    # ------------------------------------------------------------ data_sm, query_sm, cancel_sm, replace_sm

    def asked(self, session: SmscSession, pdu: Pdu, now: float) -> None:
        """The other operations of a bound transmitter."""
        body = pdu.body
        if isinstance(body, DataMessage):
            self._on_data_sm(session, pdu, now)
        elif isinstance(body, QuerySm):
            session.send(self._query(session, pdu, body))
        elif isinstance(body, CancelSm):
            session.send(session.respond(pdu, status=self._cancel(body, session.system_id, now)))
        elif isinstance(body, ReplaceSm):
            session.send(session.respond(pdu, status=self._replace(body, session.system_id)))

    def _on_data_sm(self, session: SmscSession, pdu: Pdu, now: float) -> None:
        self._begin(session, 1, now)
        asked = (pdu.command | RESPONSE_BIT, pdu.sequence)
        try:
            content = content_of(pdu)
            number = number_of(content.destination, pdu.sequence)
        except RemoteProtocolError as error:
            self._refuse(session, *asked, error.status, now, now)
            return
        self._take(session, asked, number, content, self._world.wall(), now)

    def _query(self, session: SmscSession, pdu: Pdu, body: QuerySm) -> bytes:
        held = self._messages.find(body, session.system_id)
        if held is None:
            return session.respond(pdu, status=Status.ESME_RINVMSGID)
        final = write_time(held.done_at) if held.done_at is not None else ""
        error = error_of(held.knobs, held.state)
        code = int(error) & 0xFF if error.isdecimal() else 0
        return session.respond(pdu, QuerySmResp(held.id, final, int(held.state), code))

    def _cancel(self, body: CancelSm, account: str, now: float) -> int:
        found = self._messages.to_cancel(body, account)
        for held in found:
            self._world.stats.cancelled += 1
            self._delete(held, now)
        return Status.ESME_ROK if found else Status.ESME_RCANCELFAIL

    def _delete(self, held: Held, now: float) -> None:
        self._end(held, self._rules.find(held.destination), MessageState.DELETED, self._world.wall(), now)

    def _replace(self, body: ReplaceSm, account: str) -> int:
        held = self._messages.find(body, account)
        if held is None or not held.on_its_way or not isinstance(held.content.body, Message):
            return Status.ESME_RREPLACEFAIL
        self._world.stats.replaced += 1
        held.content = held.content.replaced(body)
        return Status.ESME_ROK

    def _replace_pending(self, number: str, content: Content, account: str, now: float) -> None:
        for held in self._messages.alike(number, content.source, content.body.service_type, account):
            self._world.stats.replaced += 1
            self._delete(held, now)
