"""An SMPP 3.4 session that a carrier opened to us: bytes and time in, events and bytes out. No I/O.

Two things may come first: ``outbind`` (section 4.1.7), after which *we* bind, on this very connection, and this session
is over; or a bind of the carrier's own, after which it brings messages. They come as deliver_sm, data_sm or, from
systems that take us for an SMSC, as submit_sm; what they say is the same. Times are seconds of any monotonic clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gateway.smpp.codec import MAX_PDU, Framer, decode, encode
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import (
    RESPONSE_BIT,
    Bind,
    BindResp,
    Body,
    Command,
    MessageResp,
    Outbind,
    Pdu,
    Status,
    Tag,
)
from gateway.smpp.session import Delivered, Ended, Noticed

SMPP_VERSION = b"\x34"
BINDS = frozenset({Command.BIND_TRANSMITTER, Command.BIND_RECEIVER, Command.BIND_TRANSCEIVER})
MAX_WAITING = 100
"""PDUs behind a bind that is not answered yet."""

_MESSAGES = frozenset({Command.DELIVER_SM, Command.DATA_SM, Command.SUBMIT_SM})


class State(Enum):
    """Session states (section 2.2)."""

    OPEN = "open"  # connected, nothing asked yet
    JUDGING = "judging"  # asked; the caller has not answered yet
    BOUND = "bound"
    CLOSED = "closed"  # the connection is gone, must go, or is another session's


MOVES: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.JUDGING, State.CLOSED}),
    State.JUDGING: frozenset({State.BOUND, State.CLOSED}),
    State.BOUND: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Limits:
    """Durations in seconds.

    Attributes:
        init_s: how long a connection may be silent before it asks for anything (session_init_timer, section 7.2).
        inactivity_s: how long a bound peer may be silent, our enquire_link included.
        enquire_link_s: silence after which we ask whether it is there.
        max_pdu: octets of the largest PDU that we take.
    """

    init_s: float = 10.0
    inactivity_s: float = 300.0
    enquire_link_s: float = 60.0
    max_pdu: int = MAX_PDU


@dataclass(frozen=True, slots=True)
class BindAsked:
    """A peer wants to bind: :meth:`ListeningSession.accept` or :meth:`ListeningSession.refuse` answers."""

    command: Command
    bind: Bind


@dataclass(frozen=True, slots=True)
class OutbindAsked:
    """A carrier asks us to bind here: :meth:`ListeningSession.hand_over` or :meth:`ListeningSession.refuse`."""

    outbind: Outbind


Event = BindAsked | OutbindAsked | Delivered | Noticed | Ended


class ListeningSession:
    """One connection that was made to us.

    Raises:
        LocalProtocolError: from any call that the state does not allow.
    """

    def __init__(self, limits: Limits, now: float) -> None:
        self.limits = limits
        self.state = State.OPEN
        self._framer = Framer(limits.max_pdu)
        self._out: list[bytes] = []
        self._heard_at = now
        self._enquired_at = now
        self._asked: Pdu | None = None
        self._waiting: list[bytes] = []  # came while we were judging
        self._sequence = 0
        self._taken = 0

    # ------------------------------------------------------------ what we answer

    def accept(self, system_id: str) -> list[Event]:
        """Take the bind; gives what came behind it."""
        asked = self._judged(State.BOUND)
        self._send(
            asked.command | RESPONSE_BIT,
            BindResp(system_id),
            sequence=asked.sequence,
            tlvs={Tag.SC_INTERFACE_VERSION: SMPP_VERSION},
        )
        waiting, self._waiting = self._waiting, []
        return self._take(waiting)

    def refuse(self, status: int) -> None:
        """Refuse bind or outbind; the connection must be closed. An outbind has no answer."""
        asked = self._judged(State.CLOSED)
        if asked.command != Command.OUTBIND:
            self._send(asked.command | RESPONSE_BIT, None, status=status, sequence=asked.sequence)

    def hand_over(self) -> bytes:
        """After an outbind: this session ends, the connection is for our own bind; returns what came already."""
        self._judged(State.CLOSED)
        return b"".join(self._waiting)

    def acknowledge(self, messages: Sequence[bytes], status: int = 0) -> None:
        """Answer messages that came as Delivered; only after what they said is stored."""
        if self.state is not State.BOUND:
            return
        for raw in messages:
            command, sequence = int.from_bytes(raw[4:8], "big"), int.from_bytes(raw[12:16], "big")
            message_id = ""
            if command == Command.SUBMIT_SM and not status:
                self._taken += 1
                message_id = str(self._taken)
            body = MessageResp(message_id) if not status or command == Command.DELIVER_SM else None
            self._send(command | RESPONSE_BIT, body, status=status, sequence=sequence)

    def unbind(self) -> None:
        """We go away; the connection must be closed."""
        if self.state is State.BOUND:
            self._send(Command.UNBIND)
        if self.state is not State.CLOSED:
            self._move(State.CLOSED)

    def data_to_send(self) -> bytes:
        """What is to be written now, once."""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # ------------------------------------------------------------ what comes

    def receive_data(self, data: bytes, now: float) -> list[Event]:
        """Take what arrived; returns what it means, in order."""
        if self.state is State.CLOSED:
            return []
        self._heard_at = now
        try:
            raws = self._framer.feed(data)
        except RemoteProtocolError as error:
            return [self._nack(error)]
        events = self._take(raws)
        if self._framer.fault is not None and self._state_is_open():
            events.append(self._nack(self._framer.fault))
        return events

    def _take(self, raws: Sequence[bytes]) -> list[Event]:
        events: list[Event] = []
        messages: list[bytes] = []
        for raw in raws:
            if self.state is State.JUDGING:
                if len(self._waiting) >= MAX_WAITING:
                    events.append(self._end("sent too much before it was bound"))
                    break
                self._waiting.append(raw)
            elif self.state is State.BOUND and int.from_bytes(raw[4:8], "big") in _MESSAGES:
                messages.append(raw)
            elif self._state_is_open():
                self._take_pdu(raw, events)
        if messages:
            # Before an end that came behind them.
            events.insert(len(events) - (self.state is State.CLOSED), Delivered(messages))
        return events

    def _take_pdu(self, raw: bytes, events: list[Event]) -> None:
        try:
            pdu = decode(raw)
        except RemoteProtocolError as error:
            events.append(Noticed(f"a PDU could not be read: {error}"))
            if not raw[4] & 0x80:
                self._send(Command.GENERIC_NACK, None, status=error.status, sequence=error.sequence)
            return
        if pdu.command == Command.ENQUIRE_LINK:
            self._send(Command.ENQUIRE_LINK_RESP, None, sequence=pdu.sequence)
        elif pdu.command == Command.UNBIND:
            self._send(Command.UNBIND_RESP, None, sequence=pdu.sequence)
            events.append(self._end("the carrier unbound", by_peer=True))
        elif self.state is State.OPEN and isinstance(pdu.body, Bind | Outbind):
            self._move(State.JUDGING)
            self._asked = pdu
            body = pdu.body
            events.append(OutbindAsked(body) if isinstance(body, Outbind) else BindAsked(Command(pdu.command), body))
        elif pdu.command & RESPONSE_BIT:
            return  # of our enquire_link
        elif pdu.command in BINDS or pdu.command == Command.OUTBIND:
            self._send(pdu.command | RESPONSE_BIT, None, status=Status.ESME_RALYBND, sequence=pdu.sequence)
        elif pdu.command in _MESSAGES or self.state is State.OPEN:
            status = Status.ESME_RINVBNDSTS
            self._send(pdu.command | RESPONSE_BIT, None, status=status, sequence=pdu.sequence)
        else:
            self._send(Command.GENERIC_NACK, None, status=Status.ESME_RINVCMDID, sequence=pdu.sequence)

    # ------------------------------------------------------------ time

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` is to be called next."""
        if self.state is State.OPEN:
            return self._heard_at + self.limits.init_s
        if self.state is State.BOUND:
            ask = max(self._heard_at, self._enquired_at) + self.limits.enquire_link_s
            return min(ask, self._heard_at + self.limits.inactivity_s)
        return None

    def handle_timer(self, now: float) -> list[Event]:
        """Ask a silent peer whether it is there; end what is silent for too long."""
        due = self.next_timer()
        if due is None or now < due:
            return []
        if self.state is State.OPEN:
            return [self._end("connected and asked for nothing")]
        if now >= self._heard_at + self.limits.inactivity_s:
            return [self._end("the carrier is silent")]
        self._enquired_at = now
        self._send(Command.ENQUIRE_LINK, None)
        return []

    # ------------------------------------------------------------ inside

    def _judged(self, state: State) -> Pdu:
        asked = self._asked
        if self.state is not State.JUDGING or asked is None:
            raise LocalProtocolError(f"nothing is asked while {self.state.value}")
        self._move(state)
        self._asked = None
        return asked

    def _state_is_open(self) -> bool:
        return self.state is not State.CLOSED

    def _nack(self, error: RemoteProtocolError) -> Ended:
        self._send(Command.GENERIC_NACK, None, status=error.status, sequence=error.sequence)
        return self._end(f"the stream cannot be followed: {error}")

    def _end(self, reason: str, *, by_peer: bool = False) -> Ended:
        self._move(State.CLOSED)
        return Ended(reason, by_peer)

    def _send(
        self,
        command: int,
        body: Body | None = None,
        *,
        status: int = 0,
        sequence: int | None = None,
        tlvs: Mapping[int, bytes] | None = None,
    ) -> None:
        if sequence is None:
            self._sequence += 1
            sequence = self._sequence
        self._out.append(encode(Pdu(command, status, sequence, body, tlvs or {})))

    def _move(self, state: State) -> None:
        if state not in MOVES[self.state]:
            raise LocalProtocolError(f"a session cannot go from {self.state.value} to {state.value}")
        self.state = state
