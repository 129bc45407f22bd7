"""An SMPP 3.4 session seen from the SMSC: bytes and time in, events and bytes out. No I/O.

The session knows the protocol: states, sequence numbers, the window of deliver_sm, timers. What messages are worth is
the centre's business (``gateway.rehearsal.smsc.centre``): it gets :class:`Submitted` and its kin, and answers with
:meth:`SmscSession.send` and :meth:`SmscSession.respond`. Times are seconds of any clock that only goes forward.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.rehearsal.scenario import LinkKnobs
from gateway.rehearsal.smsc.delivery import Delivery
from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import RESPONSE_BIT, Bind, BindResp, Body, Command, MessageResp, Outbind, Pdu, Status, Tag, Tlvs

MAX_SEQUENCE = 0x7FFFFFFF  # section 3.2.1.4
SMPP_VERSION = b"\x34"
UNBIND_TIMEOUT_S = 5.0
MISSED_ENQUIRIES = 2


class State(Enum):
    """Session states (SMPP 3.4 section 2.2), as far as an SMSC tells them apart."""

    OPEN = "open"  # connected; nobody has bound yet
    BINDING = "binding"  # a bind came and is being looked at
    BOUND = "bound"
    UNBINDING = "unbinding"  # we sent unbind
    CLOSED = "closed"  # the connection is gone or must go


MOVES: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.BINDING, State.CLOSED}),
    State.BINDING: frozenset({State.BOUND, State.OPEN, State.CLOSED}),
    State.BOUND: frozenset({State.UNBINDING, State.CLOSED}),
    State.UNBINDING: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}

BINDS = {
    Command.BIND_TRANSMITTER: "transmitter",
    Command.BIND_RECEIVER: "receiver",
    Command.BIND_TRANSCEIVER: "transceiver",
}
TRANSMIT = frozenset({Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER})
RECEIVE = frozenset({Command.BIND_RECEIVER, Command.BIND_TRANSCEIVER})
OPERATIONS = frozenset({Command.SUBMIT_SM, Command.DATA_SM, Command.QUERY_SM, Command.CANCEL_SM, Command.REPLACE_SM})
"""What a transmitter or transceiver may ask (section 2.3, table 2-1)."""

_SUBMIT_SM = int(Command.SUBMIT_SM).to_bytes(4, "big")

# ---------------------------------------------------------------- events


@dataclass(frozen=True, slots=True)
class BindAsked:
    """Somebody wants to bind; answer with :meth:`SmscSession.accept_bind` or :meth:`SmscSession.refuse_bind`."""

    command: Command
    bind: Bind
    sequence: int


@dataclass(frozen=True, slots=True)
class Submitted:
    """submit_sm that came in a row, as they came."""

    raws: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Asked:
    """data_sm, query_sm, cancel_sm or replace_sm."""

    pdu: Pdu


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """The answer to a delivery."""

    delivery: Delivery
    status: int


@dataclass(frozen=True, slots=True)
class Unacknowledged:
    """Deliveries that were not answered in time."""

    deliveries: Sequence[Delivery]


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something odd that the peer did, in words for an engineer; no number and no text of a message."""

    what: str


Event = BindAsked | Submitted | Asked | Acknowledged | Unacknowledged | Noticed


# ---------------------------------------------------------------- the session


class SmscSession:
    """One connection.

    Attributes:
        name: for notices and the log: a running number.
        kind: how the peer is bound, once it is.
        system_id: as whom.
        parted: whether either side unbound and the other agreed.
        abort: with state ``CLOSED``: the connection goes at once; what is not written yet is lost.
        unanswered: submits taken and not answered yet.
        submits: submits since the start.
    """

    def __init__(self, name: str, links: LinkKnobs, now: float) -> None:
        self.name = name
        self.links = links
        self.state = State.OPEN
        self.kind: Command | None = None
        self.system_id = ""
        self.abort = False
        self.parted = False
        self.unanswered = 0
        self.submits = 0
        self.answers_due = 0.0
        self.outbox: deque[Delivery] = deque()
        self._framer = Framer(links.max_pdu)
        self._out: list[bytes] = []
        self._sequence = 0
        self._unacked: dict[int, tuple[Delivery, float]] = {}
        self._enquiries = 0
        self._heard_at = now
        self._asked_at = now
        self._deadline: float | None = now + links.session_init_s

    @property
    def receives(self) -> bool:
        """Whether deliveries may go this way."""
        return self.state is State.BOUND and self.kind in RECEIVE

    @property
    def queued(self) -> int:
        """Deliveries that wait or are not answered."""
        return len(self.outbox) + len(self._unacked)

    # ------------------------------------------------------------ what the centre wants

    def accept_bind(self, asked: BindAsked, own_id: str, now: float) -> None:
        """Bind the peer."""
        if self.state is not State.BINDING:
            return
        self._move(State.BOUND)
        self.kind = asked.command
        self.system_id = asked.bind.system_id
        self._deadline = None
        self._heard_at = self._asked_at = now
        # Section 5.3.2.25: sc_interface_version tells an ESME that we understand optional parameters.
        self._send(
            asked.command | RESPONSE_BIT,
            BindResp(own_id),
            {Tag.SC_INTERFACE_VERSION: SMPP_VERSION},
            sequence=asked.sequence,
        )

    def refuse_bind(self, asked: BindAsked, status: int) -> None:
        """Leave the peer unbound; it may try again on this connection until the session init timer ends it."""
        if self.state is State.BINDING:
            self._move(State.OPEN)
            self._send(asked.command | RESPONSE_BIT, status=status, sequence=asked.sequence)

    def outbind(self, body: Outbind) -> None:
        """Ask the peer, an ESME that we connected to, to bind (section 4.1.7)."""
        self._send(Command.OUTBIND, body)

    def send(self, data: bytes) -> None:
        """Write octets as they are: answers that are packed already, and mischief."""
        if self.state is not State.CLOSED:
            self._out.append(data)

    def respond(
        self, asked: Pdu, body: Body | None = None, status: int = Status.ESME_ROK, tlvs: Tlvs | None = None
    ) -> bytes:
        """The answer to a request, packed; to be given to :meth:`send` when its time has come."""
        return encode(Pdu(asked.command | RESPONSE_BIT, status, asked.sequence, body, tlvs or {}))

    def deliver(self, delivery: Delivery, now: float) -> None:
        """Send a receipt or a citizen's message as soon as the window has room."""
        self.outbox.append(delivery)
        self._fill_window(now)

    def unbind(self, now: float) -> None:
        """Ask the peer to end."""
        if self.state is State.BOUND:
            self._move(State.UNBINDING)
            self._deadline = now + UNBIND_TIMEOUT_S
            self._send(Command.UNBIND)
        else:
            self.close()

    def close(self, *, abort: bool = False) -> None:
        """End the connection, after what is to be written is written unless ``abort``."""
        self.abort = self.abort or abort
        if self.state is not State.CLOSED:
            self._move(State.CLOSED)

    def undelivered(self) -> list[Delivery]:
        """Deliveries that were not answered, oldest first; they are the caller's again."""
        left = [delivery for delivery, _ in self._unacked.values()]
        left.extend(self.outbox)
        self._unacked.clear()
        self.outbox.clear()
        return left

    def data_to_send(self) -> bytes:
        """What is to be written now, once."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return b"" if self.abort else data

    # ------------------------------------------------------------ what comes

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take what arrived; returns what it means, in order."""
        if self.state is State.CLOSED:
            return []
        self._heard_at = now
        self._enquiries = 0
        events: list[Event] = []
        try:
            raws = self._framer.feed(data)
        except RemoteProtocolError as error:
            self._give_up(error, events)
            return events
        self._take_all(raws, now, events)
        if self._framer.fault is not None:
            self._give_up(self._framer.fault, events)
        return events

    def _take_all(self, raws: Sequence[bytes], now: float, events: list[Event]) -> None:
        submits: list[bytes] = []
        may_submit = self.state is State.BOUND and self.kind in TRANSMIT
        for raw in raws:
            if may_submit and raw[4:8] == _SUBMIT_SM:
                submits.append(raw)
                continue
            if submits:
                events.append(Submitted(submits))
                submits = []
            self._take(raw, now, events)
            may_submit = self.state is State.BOUND and self.kind in TRANSMIT
            if self.state is State.CLOSED:
                return
        if submits:
            events.append(Submitted(submits))

    def _take(self, raw: bytes, now: float, events: list[Event]) -> None:
        try:
            pdu = decode(raw)
        except RemoteProtocolError as error:
            events.append(Noticed(f"{self.name}: {error}"))
            self._refuse(int.from_bytes(raw[4:8], "big"), error)
            return
        if pdu.command in BINDS:
            self._on_bind(pdu, events)
        elif pdu.command in OPERATIONS:
            self._on_operation(pdu, events)
        elif pdu.command & RESPONSE_BIT:
            self._on_response(pdu, now, events)
        elif pdu.command == Command.ENQUIRE_LINK:
            if self.links.answer_enquire_link:
                self._send(Command.ENQUIRE_LINK_RESP, sequence=pdu.sequence)
        elif pdu.command == Command.UNBIND:
            self._on_unbind(pdu)
        else:
            events.append(Noticed(f"{self.name}: command 0x{pdu.command:08X} is not spoken here"))
            self._send(Command.GENERIC_NACK, status=Status.ESME_RINVCMDID, sequence=pdu.sequence)

    def _refuse(self, command: int, error: RemoteProtocolError) -> None:
        """Answer a PDU that makes no sense, in its own response where there is one (section 4.3.1)."""
        if command & RESPONSE_BIT:
            return
        known = command in OPERATIONS or command in BINDS
        answer = command | RESPONSE_BIT if known else Command.GENERIC_NACK
        self._send(answer, status=error.status, sequence=error.sequence)

    def _give_up(self, error: RemoteProtocolError, events: list[Event]) -> None:
        if self.state is State.CLOSED:
            return
        events.append(Noticed(f"{self.name}: the stream cannot be followed: {error}"))
        self._send(Command.GENERIC_NACK, status=error.status, sequence=error.sequence)
        self.close()

    def _on_bind(self, pdu: Pdu, events: list[Event]) -> None:
        if self.state is not State.OPEN:
            status = Status.ESME_RALYBND if self.state is State.BOUND else Status.ESME_RINVBNDSTS
            self._send(pdu.command | RESPONSE_BIT, status=status, sequence=pdu.sequence)
        elif isinstance(pdu.body, Bind):
            self._move(State.BINDING)
            events.append(BindAsked(Command(pdu.command), pdu.body, pdu.sequence))

    def _on_operation(self, pdu: Pdu, events: list[Event]) -> None:
        if self.state is not State.BOUND or self.kind not in TRANSMIT:
            self._send(pdu.command | RESPONSE_BIT, status=Status.ESME_RINVBNDSTS, sequence=pdu.sequence)
        elif pdu.body is None:
            self._send(pdu.command | RESPONSE_BIT, status=Status.ESME_RINVCMDLEN, sequence=pdu.sequence)
        else:
            events.append(Asked(pdu))

    def _on_response(self, pdu: Pdu, now: float, events: list[Event]) -> None:
        if pdu.command in (Command.DELIVER_SM_RESP, Command.DATA_SM_RESP, Command.GENERIC_NACK):
            waiting = self._unacked.pop(pdu.sequence, None)
            if waiting is not None:
                events.append(Acknowledged(waiting[0], pdu.status))
                self._fill_window(now)
            elif pdu.command != Command.GENERIC_NACK:
                events.append(Noticed(f"{self.name}: an answer to a delivery that was not made"))
            else:
                events.append(Noticed(f"{self.name}: generic_nack 0x{pdu.status:08X}"))
        elif pdu.command == Command.UNBIND_RESP and self.state is State.UNBINDING:
            self.parted = True
            self.close()
        elif pdu.command not in (Command.ENQUIRE_LINK_RESP, Command.UNBIND_RESP):
            events.append(Noticed(f"{self.name}: an answer 0x{pdu.command:08X} to nothing that was asked"))

    def _on_unbind(self, pdu: Pdu) -> None:
        if self.links.answer_unbind:
            self._send(Command.UNBIND_RESP, sequence=pdu.sequence)
            self.parted = True
            self.close()

    # ------------------------------------------------------------ time

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is to be called next, if nothing else happens."""
        if self.state is State.CLOSED:
            return None
        due = self._deadline
        if self._unacked:
            _, deadline = next(iter(self._unacked.values()))
            due = deadline if due is None else min(due, deadline)
        if self.links.enquire_link_s is not None and self.state is State.BOUND:
            enquire = self._enquire_due(self.links.enquire_link_s)
            due = enquire if due is None else min(due, enquire)
        return due

    def handle_timer(self, now: float) -> list[Event]:
        """Act on what is due."""
        events: list[Event] = []
        if self.state is State.CLOSED:
            return events
        if self._deadline is not None and now >= self._deadline:
            waited = "unbind was not answered" if self.state is State.UNBINDING else "nobody bound in time"
            events.append(Noticed(f"{self.name}: {waited}"))
            self.close()
            return events
        self._expire_deliveries(now, events)
        interval = self.links.enquire_link_s
        if interval is not None and self.state is State.BOUND and now >= self._enquire_due(interval):
            self._enquire(now, events)
        return events

    def _enquire_due(self, interval: float) -> float:
        return max(self._heard_at, self._asked_at) + interval

    def _enquire(self, now: float, events: list[Event]) -> None:
        if self._enquiries >= MISSED_ENQUIRIES:
            events.append(Noticed(f"{self.name}: silent; {MISSED_ENQUIRIES} enquire_links were not answered"))
            self.close()
            return
        self._enquiries += 1
        self._asked_at = now
        self._send(Command.ENQUIRE_LINK)

    def _expire_deliveries(self, now: float, events: list[Event]) -> None:
        late = []
        while self._unacked:
            sequence, (delivery, deadline) = next(iter(self._unacked.items()))
            if deadline > now:
                break
            del self._unacked[sequence]
            late.append(delivery)
        if late:
            events.append(Unacknowledged(late))
            self._fill_window(now)

    # ------------------------------------------------------------ inside

    def _fill_window(self, now: float) -> None:
        window, timeout = self.links.deliver_window, self.links.deliver_timeout_s
        while self.outbox and self.receives and len(self._unacked) < window:
            delivery = self.outbox.popleft()
            sequence = self._next_sequence()
            self._unacked[sequence] = (delivery, now + timeout)
            self._out.append(delivery.packed(sequence))

    def _next_sequence(self) -> int:
        self._sequence = 1 if self._sequence >= MAX_SEQUENCE else self._sequence + 1
        return self._sequence

    def _send(
        self,
        command: int,
        body: Body | None = None,
        tlvs: Tlvs | None = None,
        *,
        status: int = Status.ESME_ROK,
        sequence: int | None = None,
    ) -> None:
        if body is None and command in _EMPTY_BODIES and not status:
            body = MessageResp()
        number = self._next_sequence() if sequence is None else sequence
        self._out.append(encode(Pdu(command, status, number, body, tlvs or {})))

    def _move(self, state: State) -> None:
        if state not in MOVES[self.state]:
            raise LocalProtocolError(f"a session cannot go from {self.state.value} to {state.value}")
        self.state = state


_EMPTY_BODIES = frozenset({Command.DELIVER_SM_RESP, Command.DATA_SM_RESP})
