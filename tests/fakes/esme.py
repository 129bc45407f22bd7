"""An ESME by hand, joined in memory to a simulated message centre, on a clock that is moved by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.rehearsal.scenario_file import parse_scenario
from gateway.rehearsal.smsc.centre import MessageCentre
from gateway.rehearsal.smsc.session import SmscSession, State
from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.pdu import (
    Address,
    Bind,
    Body,
    Command,
    Message,
    MessageResp,
    Pdu,
    Tlvs,
)

START = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)
SENDER = Address("31600000112", 1, 1)
NUMBER = "31612345678"


class Stage:
    """A message centre that plays a scenario, and the time."""

    def __init__(self, scenario: str = "", **more: Any) -> None:
        self.now = 0.0
        self.centre = MessageCentre(parse_scenario(scenario), lambda: START + timedelta(seconds=self.now), **more)
        self.centre.start(0.0)

    def connect(self) -> HandEsme:
        """A connection; nothing is bound yet."""
        session = self.centre.connected(self.now)
        assert session is not None
        return HandEsme(self, session)

    def esme(self, kind: str = "transceiver", system_id: str = "burgernet", password: str = "geheim") -> HandEsme:
        """A connection that is bound."""
        esme = self.connect()
        assert esme.bind(kind, system_id, password) == 0
        return esme

    def wait(self, seconds: float) -> None:
        """Let time go by, each timer at its moment."""
        end = self.now + seconds
        while (due := self.centre.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.centre.handle_timer(self.now)
        self.now = end

    def texts(self, number: str = NUMBER) -> list[str]:
        """What that citizen can read."""
        return [arrived.text for arrived in self.centre.inbox(number)]

    def told(self, key: str) -> Any:
        """A figure of the report."""
        return self.centre.report()[key]


class HandEsme:
    """One connection of an ESME that does nothing by itself but answer deliveries, if told to."""

    def __init__(self, stage: Stage, session: SmscSession) -> None:
        self.stage = stage
        self.session = session
        self._framer = Framer()
        self._sequence = 0
        self._unread: list[Pdu] = []

    @property
    def gone(self) -> bool:
        """Whether the centre has closed the connection."""
        return self.session.state is State.CLOSED

    # ------------------------------------------------------------ sending

    def send_raw(self, data: bytes) -> None:
        """Octets as they are."""
        self.stage.centre.receive(self.session, data, self.stage.now)

    def send(self, command: int, body: Body | None = None, tlvs: Tlvs | None = None, sequence: int = 0) -> int:
        """A PDU; returns its sequence number."""
        if not sequence:
            self._sequence += 1
            sequence = self._sequence
        self.send_raw(encode(Pdu(command, sequence=sequence, body=body, tlvs=tlvs or {})))
        return sequence

    def bind(self, kind: str = "transceiver", system_id: str = "burgernet", password: str = "geheim") -> int:
        """The status of the answer to a bind; -1 while there is none."""
        command = Command[f"BIND_{kind.upper()}"]
        return self._status(self.send(command, Bind(system_id, password)))

    def submit(self, number: str = NUMBER, text: bytes = b"Kijk uit", tlvs: Tlvs | None = None, **fields: Any) -> int:
        """A submit_sm; returns its sequence number."""
        message = Message(SENDER, Address(number, 1, 1), text, registered_delivery=1)
        return self.send(Command.SUBMIT_SM, replace(message, **fields), tlvs)

    def submit_all(self, messages: Sequence[Message]) -> None:
        """submit_sm in one read of the centre's."""
        raws = []
        for message in messages:
            self._sequence += 1
            raws.append(encode(Pdu(Command.SUBMIT_SM, sequence=self._sequence, body=message)))
        self.send_raw(b"".join(raws))

    def ask(self, command: Command, body: Body) -> Pdu:
        """The answer to a request."""
        sequence = self.send(command, body)
        return next(pdu for pdu in self.read() if pdu.sequence == sequence)

    def acknowledge(self, delivery: Pdu, status: int = 0) -> None:
        """Answer a deliver_sm."""
        body = MessageResp() if not status else None
        self.send_raw(encode(Pdu(Command.DELIVER_SM_RESP, status, delivery.sequence, body)))

    def lose(self) -> None:
        """The connection breaks."""
        self.stage.centre.lost(self.session, self.stage.now)

    # ------------------------------------------------------------ reading

    def read(self) -> list[Pdu]:
        """What came since the last look."""
        came = [decode(raw) for raw in self._framer.feed(self.session.data_to_send())]
        found, self._unread = self._unread + came, []
        return found

    def answers(self) -> list[tuple[int, int, str]]:
        """(sequence, status, message id) of submit_sm_resp that came; other PDUs stay unread."""
        found = self._take(lambda pdu: pdu.command == Command.SUBMIT_SM_RESP)
        return [(p.sequence, p.status, p.body.message_id if isinstance(p.body, MessageResp) else "") for p in found]

    def statuses(self) -> list[int]:
        """Of submit_sm_resp that came, in their order."""
        return [status for _, status, _ in self.answers()]

    def accepted(self, **submit: Any) -> str:
        """The message id of a submit that is accepted at once."""
        sequence = self.submit(**submit)
        ((answered, status, message_id),) = self.answers()
        assert (answered, status) == (sequence, 0)
        return message_id

    def deliveries(self, *, acknowledge: bool = True) -> list[Pdu]:
        """deliver_sm that came; other PDUs stay unread."""
        found = self._take(lambda pdu: pdu.command == Command.DELIVER_SM)
        for delivery in found if acknowledge else ():
            self.acknowledge(delivery)
        return found

    def _take(self, wanted: Callable[[Pdu], bool]) -> list[Pdu]:
        pdus = self.read()
        self._unread = [pdu for pdu in pdus if not wanted(pdu)]
        return [pdu for pdu in pdus if wanted(pdu)]

    def _status(self, sequence: int) -> int:
        found = self._take(lambda pdu: pdu.sequence == sequence and pdu.command & 0x80000000 != 0)
        return found[0].status if found else -1


def message_of(delivery: Pdu) -> Message:
    """The body of a deliver_sm."""
    assert isinstance(delivery.body, Message)
    return delivery.body
