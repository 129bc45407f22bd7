"""An SMPP 3.4 session seen from the ESME: bytes and time in, events and bytes out. No I/O.

The caller owns the socket and the clock. It passes what arrives to :meth:`Session.receive_data` and acts on the events
that come back, writes :meth:`Session.data_to_send` out, and calls :meth:`Session.handle_timer` when
:meth:`Session.next_timer` is due. Times are seconds of any monotonic clock.

What a submit stands for is the caller's *token*; it comes back with the answer, or as unanswered, exactly once.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Generic, TypeVar

from gateway.smpp import codec, hot
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import (
    RESPONSE_BIT,
    Bind,
    BindResp,
    Body,
    Command,
    MessageResp,
    Pdu,
    Status,
    Tag,
    Tlvs,
    status_name,
)

Token = TypeVar("Token")

MAX_SEQUENCE = 0x7FFFFFFF  # section 3.2.1.4
LATE_ANSWERS = 10_000  # unanswered submits that are remembered, in case their answer comes after all


class State(Enum):
    """Session states (section 2.2), as far as an ESME tells them apart."""

    OPEN = "open"  # connected, not bound
    BINDING = "binding"  # bind sent, no answer yet
    BOUND = "bound"
    UNBINDING = "unbinding"  # unbind sent, no answer yet
    CLOSED = "closed"  # the connection is gone or must go


MOVES: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.BINDING, State.CLOSED}),
    State.BINDING: frozenset({State.BOUND, State.CLOSED}),
    State.BOUND: frozenset({State.UNBINDING, State.CLOSED}),
    State.UNBINDING: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}

_MESSAGES = frozenset(command.to_bytes(4, "big") for command in (Command.DELIVER_SM, Command.DATA_SM))
CAN_SUBMIT = frozenset({Command.BIND_TRANSMITTER, Command.BIND_TRANSCEIVER})


@dataclass(frozen=True, slots=True)
class Profile:
    """What a session needs to know of its carrier. Durations in seconds (docs: facts on session timers).

    Attributes:
        window: submits without an answer at any time.
        response_timeout_s: after this an answer is not waited for any longer; the submit is uncertain.
        enquire_link_s: silence after which we ask whether the peer is there; two unanswered ones end the session.
        max_pdu: octets of the largest PDU that we take.
    """

    bind: Bind
    command: Command = Command.BIND_TRANSCEIVER
    window: int = 10
    bind_timeout_s: float = 10.0
    response_timeout_s: float = 60.0
    enquire_link_s: float = 20.0
    unbind_timeout_s: float = 5.0
    max_pdu: int = 70_000


@dataclass(frozen=True, slots=True)
class Bound:
    """The peer accepted our bind."""

    system_id: str


@dataclass(frozen=True, slots=True)
class BindRefused:
    """The peer refused our bind, or did not answer it (status ``None``)."""

    status: int | None


@dataclass(frozen=True, slots=True)
class Answered(Generic[Token]):
    """Answers to submits, in the order in which they came: (token, command_status, message_id).

    Attributes:
        congestion: the last congestion_state seen (0 to 100; SMPP 5.0), or ``None``.
    """

    answers: Sequence[tuple[Token, int, str]]
    congestion: int | None = None


@dataclass(frozen=True, slots=True)
class Unanswered(Generic[Token]):
    """Submits whose answer did not come in time. A late answer still comes as :class:`Answered`."""

    tokens: Sequence[Token]


@dataclass(frozen=True, slots=True)
class Delivered:
    """Messages from the peer: whole deliver_sm and data_sm PDUs, not decoded, so that receipts can take a fast path.

    Each must be answered with :meth:`Session.acknowledge`, once what it says is stored.
    """

    messages: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Replied:
    """The answer to a request made with :meth:`Session.request`."""

    sequence: int
    pdu: Pdu | None  # None: no answer in time


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something odd that did not end the session, in words for a carrier's engineer."""

    what: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; the connection must be closed. What was in the window is in ``tokens``.

    Attributes:
        reason: in words for an operator.
        by_peer: whether the peer asked for it (unbind) and did so properly.
    """

    reason: str
    by_peer: bool = False


Event = Bound | BindRefused | Answered[Token] | Unanswered[Token] | Delivered | Replied | Noticed | Ended


@dataclass(slots=True)
class _Group:
    """Submits sent together: consecutive sequence numbers and one deadline."""

    deadline: float
    first: int
    count: int


class Session(Generic[Token]):
    """One bind. See the module for how to drive it.

    Raises:
        LocalProtocolError: from any request made in a state that does not allow it.
    """

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.state = State.OPEN
        self.peer = ""
        self._buffer = b""
        self._out: list[bytes] = []
        self._sequence = 0
        self._window: dict[int, Token] = {}
        self._groups: deque[_Group] = deque()
        self._late: OrderedDict[int, Token] = OrderedDict()
        self._requests: dict[int, float] = {}
        self._enquiries = 0
        self._heard_at = 0.0
        self._deadline: float | None = None  # of the bind or the unbind
        self._enquire_at = 0.0

    # ------------------------------------------------------------ what we ask

    @property
    def room(self) -> int:
        """How many submits the window takes now."""
        if self.state is not State.BOUND or self.profile.command not in CAN_SUBMIT:
            return 0
        return self.profile.window - len(self._window)

    @property
    def in_flight(self) -> int:
        """Submits without an answer."""
        return len(self._window)

    @property
    def asking(self) -> int:
        """Other requests (:meth:`request`) without an answer."""
        return len(self._requests)

    def bind(self, now: float) -> None:
        """Ask to be bound."""
        self._move(State.BINDING)
        self._heard_at = now
        self._deadline = now + self.profile.bind_timeout_s
        self._send(self.profile.command, self.profile.bind)

    def submit(
        self, template: hot.SubmitTemplate, tokens: Sequence[Token], destinations: Sequence[bytes], now: float
    ) -> None:
        """Send one message to many numbers.

        Args:
            template: the message, encoded.
            tokens: what each submit stands for; at most :attr:`room` of them.
            destinations: as they go into destination_addr, without the NUL.
            now: seconds.
        """
        count = len(tokens)
        if count > self.room:
            raise LocalProtocolError(f"{count} submits for a window with room for {self.room}")
        self._forget_answered()
        first = self._take_sequences(count)
        self._out.append(template.pack_many(first, destinations))  # may raise: then nothing is in the window
        self._window.update(zip(range(first, first + count), tokens, strict=True))
        self._groups.append(_Group(now + self.profile.response_timeout_s, first, count))

    def request(self, command: Command, body: Body, now: float, tlvs: Tlvs | None = None) -> int:
        """Send any other request (query_sm, cancel_sm, replace_sm); its answer comes as :class:`Replied`."""
        if self.state is not State.BOUND:
            raise LocalProtocolError(f"{command.name} while {self.state.value}")
        sequence = self._send(command, body, tlvs)
        self._requests[sequence] = now + self.profile.response_timeout_s
        return sequence

    def acknowledge(self, messages: Sequence[bytes], status: int = 0) -> None:
        """Answer messages that came as :class:`Delivered`; only after what they said is stored."""
        if self.state not in (State.BOUND, State.UNBINDING):
            return
        deliver = Command.DELIVER_SM.to_bytes(4, "big")
        self._out.append(
            hot.pack_deliver_resps([int.from_bytes(m[12:16], "big") for m in messages if m[4:8] == deliver], status)
        )
        for message in messages:
            if message[4:8] != deliver:
                sequence = int.from_bytes(message[12:16], "big")
                self._send(Command.DATA_SM_RESP, MessageResp(), status=status, sequence=sequence)

    def unbind(self, now: float) -> None:
        """Ask to end. Answers that are still due are waited for by the caller first."""
        if self.state is State.BOUND:
            self._move(State.UNBINDING)
            self._deadline = now + self.profile.unbind_timeout_s
            self._send(Command.UNBIND)
        elif self.state is not State.CLOSED:
            self._move(State.CLOSED)

    def connection_lost(self) -> list[Token]:
        """The connection is gone: returns what is in the window, each left without an answer."""
        if self.state is not State.CLOSED:
            self._move(State.CLOSED)
        lost = list(self._window.values())
        self._window.clear()
        self._groups.clear()
        return lost

    def data_to_send(self) -> bytes:
        """What is to be written now, once."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # ------------------------------------------------------------ what comes

    def receive_data(self, data: bytes, now: float) -> list[Event[Token]]:
        """Take what arrived; returns what it means, in order."""
        if self._closed():
            return []
        self._heard_at = now
        self._enquiries = 0
        events: list[Event[Token]] = []
        try:
            responses, others, self._buffer = hot.split_submit_responses(
                self._buffer + data if self._buffer else data, self.profile.max_pdu
            )
        except RemoteProtocolError as error:
            self._send(Command.GENERIC_NACK, status=error.status, sequence=error.sequence)
            return [self._end(f"the carrier's stream cannot be followed: {error}")]
        if responses:
            self._take_responses(responses, events)
        deliveries: list[bytes] = []
        for raw in others:
            self._take_pdu(raw, events, deliveries)
            if self._closed():
                break
        if deliveries:
            # After a bind that came with them, before an end that did: nothing comes after the end.
            events.insert(len(events) - self._closed(), Delivered(deliveries))
        if (responses or others) and len(self._buffer) >= codec.HEADER_SIZE and not self._closed():
            # What is left may begin with a length that cannot be: better known now than with the next read.
            rest, self._buffer = self._buffer, b""
            events += self.receive_data(rest, now)
        return events

    def _take_responses(self, responses: Sequence[tuple[int, int, str]], events: list[Event[Token]]) -> None:
        take = self._window.pop
        answers: list[tuple[Token, int, str]] = []
        unknown = 0
        for sequence, status, message_id in responses:
            token = take(sequence, None)
            if token is None:
                token = self._late.pop(sequence, None)
                if token is None:
                    unknown += 1
                    continue
            answers.append((token, status, message_id))
        if answers:
            events.append(Answered(answers))
        if unknown:
            events.append(Noticed(f"{unknown} answers to submits that we did not make, or that were answered before"))

    def _take_pdu(self, raw: bytes, events: list[Event[Token]], deliveries: list[bytes]) -> None:
        if raw[4:8] in _MESSAGES:
            self._take_message(raw, deliveries)
            return
        try:
            pdu = codec.decode(raw)
        except RemoteProtocolError as error:
            events.append(Noticed(f"a PDU could not be read: {error}"))
            command = int.from_bytes(raw[4:8], "big")
            if not command & RESPONSE_BIT:
                self._send(Command.GENERIC_NACK, status=error.status, sequence=error.sequence)
            elif command == Command.SUBMIT_SM_RESP:
                self._take_responses([_response_at_least(raw)], events)
            return
        handler = _HANDLERS.get(pdu.command)
        if handler is not None:
            handler(self, pdu, events, deliveries)
        elif pdu.command & RESPONSE_BIT:
            self._on_reply(pdu, events)
        else:
            events.append(Noticed(f"unknown command 0x{pdu.command:08X}"))
            self._send(Command.GENERIC_NACK, status=Status.ESME_RINVCMDID, sequence=pdu.sequence)

    def _take_message(self, raw: bytes, deliveries: list[bytes]) -> None:
        if self.state in (State.BOUND, State.UNBINDING):
            deliveries.append(raw)
        else:
            command = int.from_bytes(raw[4:8], "big") | RESPONSE_BIT
            sequence = int.from_bytes(raw[12:16], "big")
            self._send(command, MessageResp(), status=Status.ESME_RINVBNDSTS, sequence=sequence)

    def _on_bind_resp(self, pdu: Pdu, events: list[Event[Token]], _: list[bytes]) -> None:
        if self.state is not State.BINDING:
            events.append(Noticed("an answer to a bind that we did not ask for"))
            return
        self._deadline = None
        if pdu.status != Status.ESME_ROK:
            self._refuse_bind(pdu.status, events)
            return
        self._move(State.BOUND)
        self.peer = pdu.body.system_id if isinstance(pdu.body, BindResp) else ""
        events.append(Bound(self.peer))

    def _refuse_bind(self, status: int, events: list[Event[Token]]) -> None:
        events.append(BindRefused(status))
        events.append(self._end(f"bind refused: {status_name(status)}"))

    def _on_enquire_link(self, pdu: Pdu, events: list[Event[Token]], _: list[bytes]) -> None:
        self._send(Command.ENQUIRE_LINK_RESP, sequence=pdu.sequence)

    def _on_nothing(self, pdu: Pdu, events: list[Event[Token]], _: list[bytes]) -> None:
        """enquire_link_resp and alert_notification: that they came is all there is to know."""

    def _on_unbind(self, pdu: Pdu, events: list[Event[Token]], _: list[bytes]) -> None:
        self._send(Command.UNBIND_RESP, sequence=pdu.sequence)
        events.append(self._end("the carrier unbound us", by_peer=True))

    def _on_unbind_resp(self, pdu: Pdu, events: list[Event[Token]], _: list[bytes]) -> None:
        if self.state is State.UNBINDING:
            events.append(self._end("unbound"))

    def _on_submit_resp(self, pdu: Pdu, events: list[Event[Token]], _: list[bytes]) -> None:
        """A submit_sm_resp with optional parameters: the rare kind that the fast path hands on."""
        message_id = pdu.body.message_id if isinstance(pdu.body, MessageResp) else ""
        before = len(events)
        self._take_responses([(pdu.sequence, pdu.status, message_id)], events)
        congestion = pdu.tlvs.get(Tag.CONGESTION_STATE)
        if congestion and len(events) > before and isinstance(events[-1], Answered):
            events[-1] = Answered(events[-1].answers, min(congestion[-1], 100))

    def _on_nack(self, pdu: Pdu, events: list[Event[Token]], _: list[bytes]) -> None:
        """generic_nack: the peer could not read one of ours, or answers a command that it does not know (4.3)."""
        if self.state is State.BINDING:
            # A carrier of SMPP 3.3 does not know bind_transceiver.
            self._refuse_bind(pdu.status or int(Status.ESME_RUNKNOWNERR), events)
        elif pdu.sequence in self._window or pdu.sequence in self._late:
            self._take_responses([(pdu.sequence, pdu.status or Status.ESME_RUNKNOWNERR, "")], events)
        elif pdu.sequence in self._requests:
            self._on_reply(pdu, events)
        else:
            events.append(Noticed(f"generic_nack {status_name(pdu.status)} for sequence {pdu.sequence}"))

    def _on_reply(self, pdu: Pdu, events: list[Event[Token]]) -> None:
        if self._requests.pop(pdu.sequence, None) is not None:
            events.append(Replied(pdu.sequence, pdu))
        else:
            events.append(Noticed(f"an answer 0x{pdu.command:08X} to nothing that we asked"))

    # ------------------------------------------------------------ time

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is to be called next, if nothing else happens."""
        if self.state is State.CLOSED:
            return None
        if self.state is not State.BOUND:
            return self._deadline
        moments = [max(self._heard_at, self._enquire_at) + self.profile.enquire_link_s]
        if self._window:
            moments.append(self._groups[0].deadline)
        if self._requests:
            moments.append(min(self._requests.values()))
        return min(moments)

    def handle_timer(self, now: float) -> list[Event[Token]]:
        """Act on what is due: deadlines of answers, the peer's silence."""
        events: list[Event[Token]] = []
        if self._deadline is not None and now >= self._deadline:
            if self.state is State.BINDING:
                events.append(BindRefused(None))
                events.append(self._end("the carrier did not answer our bind"))
            elif self.state is State.UNBINDING:
                events.append(self._end("the carrier did not answer our unbind"))
            return events
        if self.state is not State.BOUND:
            return events
        self._expire_submits(now, events)
        for sequence in [s for s, deadline in self._requests.items() if now >= deadline]:
            del self._requests[sequence]
            events.append(Replied(sequence, None))
        if now >= max(self._heard_at, self._enquire_at) + self.profile.enquire_link_s:
            if self._enquiries >= 2:
                events.append(self._end("the carrier is silent: two enquire_links without an answer"))
            else:
                self._enquiries += 1
                self._enquire_at = now
                self._send(Command.ENQUIRE_LINK)
        return events

    def _forget_answered(self) -> None:
        """Drop the groups before the oldest unanswered submit: the window keeps the order of sending."""
        oldest = next(iter(self._window), None)
        groups = self._groups
        while groups and (oldest is None or not groups[0].first <= oldest < groups[0].first + groups[0].count):
            groups.popleft()

    def _expire_submits(self, now: float, events: list[Event[Token]]) -> None:
        unanswered: list[Token] = []
        self._forget_answered()
        while self._groups and now >= self._groups[0].deadline:
            group = self._groups.popleft()
            for sequence in range(group.first, group.first + group.count):
                token = self._window.pop(sequence, None)
                if token is not None:
                    unanswered.append(token)
                    self._late[sequence] = token
            self._forget_answered()
        while len(self._late) > LATE_ANSWERS:
            self._late.popitem(last=False)
        if unanswered:
            events.append(Unanswered(unanswered))

    # ------------------------------------------------------------ inside

    def _take_sequences(self, count: int) -> int:
        if self._sequence + count > MAX_SEQUENCE:
            self._sequence = 0
        first = self._sequence + 1
        self._sequence += count
        return first

    def _send(
        self,
        command: int,
        body: Body | None = None,
        tlvs: Tlvs | None = None,
        *,
        status: int = 0,
        sequence: int | None = None,
    ) -> int:
        number = self._take_sequences(1) if sequence is None else sequence
        self._out.append(codec.encode(Pdu(command, status, number, body, tlvs or {})))
        return number

    def _end(self, reason: str, *, by_peer: bool = False) -> Ended:
        self._move(State.CLOSED)
        return Ended(reason, by_peer)

    def _closed(self) -> bool:
        return self.state is State.CLOSED

    def _move(self, state: State) -> None:
        if state not in MOVES[self.state]:
            raise LocalProtocolError(f"a session cannot go from {self.state.value} to {state.value}")
        self.state = state


def _response_at_least(raw: bytes) -> tuple[int, int, str]:
    """What can be read of a submit_sm_resp whose body makes no sense.

    The status counts: an acceptance that was taken for a refusal would be sent again, and the citizen gets it twice.
    """
    message_id = raw[codec.HEADER_SIZE :].partition(b"\0")[0].decode("latin-1")
    status, sequence = int.from_bytes(raw[8:12], "big"), int.from_bytes(raw[12:16], "big")
    return sequence, status, message_id if len(message_id) < codec.MAX_FOREIGN_STRING else ""


_Handler = Callable[[Session[Any], Pdu, list[Any], list[bytes]], None]
_HANDLERS: Mapping[int, _Handler] = {
    Command.BIND_TRANSCEIVER_RESP: Session._on_bind_resp,
    Command.BIND_TRANSMITTER_RESP: Session._on_bind_resp,
    Command.BIND_RECEIVER_RESP: Session._on_bind_resp,
    Command.ENQUIRE_LINK: Session._on_enquire_link,
    Command.ENQUIRE_LINK_RESP: Session._on_nothing,
    Command.ALERT_NOTIFICATION: Session._on_nothing,
    Command.UNBIND: Session._on_unbind,
    Command.UNBIND_RESP: Session._on_unbind_resp,
    Command.SUBMIT_SM_RESP: Session._on_submit_resp,
    Command.GENERIC_NACK: Session._on_nack,
}
