"""The simulated SMSC on Twisted's sockets and timers, without either: a reactor and transports in memory."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from fakes.esme import NUMBER, SENDER
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone, ConnectionRefusedError
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from gateway.rehearsal.smsc import Smsc, parse_scenario
from gateway.rehearsal.smsc.control import MAX_LINE, Control, ControlFactory, ControlLink
from gateway.rehearsal.smsc.link import CLOSE_TIMEOUT_S, SmscLink
from gateway.rehearsal.smsc.run import message_log
from gateway.settings.loading import SettingsError
from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.pdu import Address, Bind, Command, Message, Outbind, Pdu

PEER = IPv4Address("TCP", "127.0.0.1", 40000)


class Wire(StringTransport):
    """A transport in memory that knows no Nagle."""

    def setTcpNoDelay(self, enabled: bool) -> None:
        self.prompt = enabled


class Desk:
    """An SMSC on a reactor in memory, and one connection to it."""

    def __init__(self, scenario: str = "") -> None:
        self.reactor = MemoryReactorClock()
        self.smsc = Smsc(parse_scenario(scenario), self.reactor)
        self.smsc.start()

    def connect(self) -> SmscLink:
        link = self.smsc.factory.buildProtocol(PEER)
        link.makeConnection(Wire())
        return link

    def bound(self) -> SmscLink:
        link = self.connect()
        send(link, Command.BIND_TRANSCEIVER, Bind("burgernet", "geheim"))
        assert [pdu.status for pdu in read(link)] == [0]
        return link


def send(link: SmscLink, command: Command, body: Any = None) -> None:
    link.dataReceived(encode(Pdu(command, sequence=1, body=body)))


def submit(link: SmscLink, text: bytes = b"Kijk uit") -> None:
    send(link, Command.SUBMIT_SM, Message(SENDER, Address(NUMBER, 1, 1), text, registered_delivery=1))


def wire_of(link: SmscLink) -> Wire:
    assert isinstance(link.transport, Wire)
    return link.transport


def read(link: SmscLink) -> list[Pdu]:
    raws = Framer().feed(wire_of(link).value())
    wire_of(link).clear()
    return [decode(raw) for raw in raws]


def done() -> Failure:
    return Failure(ConnectionDone())


# ---------------------------------------------------------------- connections


def test_answers_leave_at_once_and_receipts_at_their_time() -> None:
    desk = Desk("[messages]\ndelivery_ms = 2000")
    link = desk.bound()
    assert wire_of(link).prompt
    submit(link)
    assert [pdu.command for pdu in read(link)] == [Command.SUBMIT_SM_RESP]
    desk.reactor.advance(1.9)
    assert read(link) == []
    desk.reactor.advance(0.2)
    assert [pdu.command for pdu in read(link)] == [Command.DELIVER_SM]
    assert desk.smsc.texts("+" + NUMBER) == ["Kijk uit"]


def test_one_connections_submit_makes_another_one_speak() -> None:
    desk = Desk('[messages]\nreceipt_bind = "other"')
    one, other = desk.bound(), desk.bound()
    submit(one)
    assert [pdu.command for pdu in read(one)] == [Command.SUBMIT_SM_RESP]
    assert [pdu.command for pdu in read(other)] == [Command.DELIVER_SM]


def test_a_slow_reader_pauses_after_what_it_read() -> None:
    desk = Desk("[links]\nread_bytes_per_s = 100")
    link = desk.connect()
    link.dataReceived(bytes.fromhex("00000010000000150000000000000001") * 5)
    assert wire_of(link).producerState == "paused"
    desk.reactor.advance(0.79)
    assert wire_of(link).producerState == "paused"
    desk.reactor.advance(0.02)
    assert wire_of(link).producerState == "producing"


def test_a_peer_that_does_not_read_is_not_read_from() -> None:
    desk = Desk()
    link = desk.bound()
    producer = wire_of(link).producer
    producer.pauseProducing()
    assert wire_of(link).producerState == "paused"
    producer.resumeProducing()
    assert wire_of(link).producerState == "producing"


def test_a_closed_connection_is_cut_when_the_peer_does_not_follow() -> None:
    desk = Desk()
    link = desk.bound()
    send(link, Command.UNBIND)
    assert [pdu.command for pdu in read(link)] == [Command.UNBIND_RESP]
    assert wire_of(link).disconnecting
    assert wire_of(link).producer is None
    assert not wire_of(link).disconnected
    desk.reactor.advance(CLOSE_TIMEOUT_S)
    assert wire_of(link).disconnected


def test_nothing_is_left_in_the_reactor_when_all_is_closed() -> None:
    desk = Desk("[links]\nread_bytes_per_s = 10\nenquire_link_s = 20\n[messages]\ndelivery_ms = 5000")
    link, other = desk.bound(), desk.bound()
    submit(link)
    send(other, Command.UNBIND)
    closing = Deferred.fromCoroutine(desk.smsc.close())
    assert wire_of(link).disconnecting
    link.connectionLost(done())
    assert not closing.called
    other.connectionLost(done())
    assert closing.called
    assert desk.reactor.getDelayedCalls() == []


def test_a_connection_too_many_is_cut() -> None:
    desk = Desk("[limits]\nconnections = 1")
    first = desk.connect()
    second = desk.connect()
    assert wire_of(second).disconnected
    second.connectionLost(done())
    first.connectionLost(done())
    assert not wire_of(desk.connect()).disconnected


def test_a_session_that_does_not_bind_is_ended_by_its_timer() -> None:
    desk = Desk("[links]\nsession_init_s = 3")
    link = desk.connect()
    desk.reactor.advance(3)
    assert wire_of(link).disconnecting


def test_an_outbind_connects_and_asks() -> None:
    desk = Desk('[[account]]\nsystem_id = "burgernet"\npassword = "geheim"')
    desk.smsc.outbind("127.0.0.1", 2776, "burgernet")
    ((host, port, factory, *_),) = desk.reactor.tcpClients
    assert (host, port) == ("127.0.0.1", 2776)
    link = factory.buildProtocol(PEER)
    link.makeConnection(Wire())
    assert [pdu.body for pdu in read(link)] == [Outbind("rehearsal", "geheim")]


def test_an_outbind_that_finds_nobody_is_noticed() -> None:
    desk = Desk()
    desk.smsc.outbind("127.0.0.1", 2776, "burgernet")
    factory = desk.reactor.tcpClients[0][2]
    factory.clientConnectionFailed(desk.reactor.connectors[0], Failure(ConnectionRefusedError()))
    assert desk.smsc.report()["notices"] == 1


# ---------------------------------------------------------------- the control port


def control(desk: Desk, **request: Any) -> Any:
    answer = Control(desk.smsc).handle(request)
    json.dumps(answer)
    assert answer["ok"], answer
    return answer["result"]


def test_the_control_port_commands_what_the_scenario_can() -> None:
    desk = Desk()
    link = desk.bound()
    control(desk, do="set", messages={"id_form": "hex"}, number=[{"pattern": "31687*", "refuse": "ESME_RSYSERR"}])
    submit(link)
    (read_message,) = control(desk, do="inbox", number="+" + NUMBER)
    assert (read_message["text"], read_message["parts"], read_message["from"]) == ("Kijk uit", 1, SENDER.value)
    read(link)
    assert control(desk, do="reply", number=NUMBER, text="Ik zie hem") == {"parts": 1}
    assert [pdu.command for pdu in read(link)] == [Command.DELIVER_SM]
    stats = control(desk, do="stats")
    assert (stats["accepted"], stats["replies_sent"], stats["bound"]) == (1, 1, 1)
    assert control(desk, do="nack") == {"connections": 1}
    assert [pdu.command for pdu in read(link)] == [Command.GENERIC_NACK]
    assert control(desk, do="reset") == {"connections": 0}
    assert control(desk, do="stats")["accepted"] == 0
    assert control(desk, do="drop", account="somebody else") == {"connections": 0}
    assert control(desk, do="abort") == {"connections": 1}
    assert wire_of(link).disconnected


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({}, "must be"),
        ({"do": 5}, "do: must be a text"),
        ({"do": "explode"}, "must be drop"),
        ({"do": "inbox"}, "number: must be a text"),
        ({"do": "reply", "number": NUMBER, "text": "x"}, "got no message"),
        ({"do": "reply", "number": NUMBER}, "text: must be a text"),
        ({"do": "set", "messages": 5}, "messages: must be an object"),
        ({"do": "set", "number": ["x"]}, "number: must be a list of objects"),
        ({"do": "set", "messages": {"latency_ms": "x"}}, "messages.latency_ms"),
        ({"do": "outbind", "account": "a"}, "port: must be a port"),
    ],
)
def test_a_request_that_makes_no_sense_is_told_so(request_: dict[str, Any], words: str) -> None:
    answer = Control(Desk().smsc).handle(request_)
    assert answer["ok"] is False
    assert words in str(answer["error"])


def test_lines_of_json_are_answered_by_lines_of_json() -> None:
    link = ControlFactory(Desk().smsc).buildProtocol(PEER)
    assert isinstance(link, ControlLink)
    transport = StringTransport()
    link.makeConnection(transport)
    link.dataReceived(b'{"do": "stats"}\n{"do": "inb')
    link.dataReceived(b'ox", "number": "316"}\r\n')
    stats, inbox = (json.loads(line) for line in transport.value().splitlines())
    assert stats["result"]["submits"] == 0
    assert inbox == {"ok": True, "result": []}


@pytest.mark.parametrize(
    "line", [b"POST / HTTP/1.1\r", b"[1]", b"[" * 10_000, b"\xff\xfe", b"x" * (MAX_LINE + 1)], ids=range(5)
)
def test_whoever_speaks_no_json_is_shown_the_door(line: bytes) -> None:
    smsc = Desk().smsc
    link = ControlFactory(smsc).buildProtocol(PEER)
    assert link is not None
    transport = StringTransport()
    link.makeConnection(transport)
    link.dataReceived(line + b"\n" + b'{"do": "reset"}\n')
    assert transport.disconnecting
    assert transport.value() == b""


def test_the_control_port_has_room_for_some_only() -> None:
    factory = ControlFactory(Desk().smsc)
    links = []
    while (link := factory.buildProtocol(PEER)) is not None and len(links) < 100:
        link.makeConnection(StringTransport())
        links.append(link)
    assert len(links) == 20
    links[0].connectionLost()
    assert factory.buildProtocol(PEER) is not None


# ---------------------------------------------------------------- the log


def test_only_its_owner_can_read_the_message_log(tmp_path: Path) -> None:
    path = tmp_path / "messages.jsonl"
    for line in ("één", "twee"):
        with message_log(path) as write:
            assert write is not None
            write(line)
    assert path.read_text(encoding="utf-8") == "één\ntwee\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_log_that_cannot_be_written_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be written"), message_log(tmp_path / "none" / "log"):
        pass
