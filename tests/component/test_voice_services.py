"""The shims to Asterisk: the manager service and FastAGI, on transports in memory."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from gateway.voice.fastagi import CallAgi, FastAgi, Line, Script
from gateway.voice.manager import ManagerService
from ivr.ami import AmiEvent, AmiProfile, AmiReply, NoReply, hangup

ENVIRONMENT = b"agi_network: yes\nagi_uniqueid: bn.1.aa\nagi_callerid: unknown\n\n"


class Endpoint:
    """Where a service connects; the test is Asterisk."""

    def __init__(self) -> None:
        self.transports: list[StringTransport] = []
        self.protocols: list[Any] = []

    def connect(self, factory: Factory) -> Deferred[Any]:
        protocol, transport = factory.buildProtocol(None), StringTransport()
        transport.setTcpNoDelay = lambda _: None  # type: ignore[attr-defined]
        self.transports.append(transport)
        self.protocols.append(protocol)
        protocol.makeConnection(transport)
        return succeed(protocol)


class Desk:
    """A service, and what it told."""

    def __init__(self) -> None:
        self.time, self.endpoint = Clock(), Endpoint()
        self.events: list[AmiEvent] = []
        self.ups = 0
        self.downs: list[str] = []
        self.service = ManagerService(
            AmiProfile("burgernet", "secret", md5=False),
            self.endpoint,  # type: ignore[arg-type]
            self.time,
            event=self.events.append,
            up=self._up,
            down=self.downs.append,
        )
        self.service.start()

    def _up(self) -> None:
        self.ups += 1

    def say(self, text: str) -> None:
        self.endpoint.protocols[-1].dataReceived(text.replace("\n", "\r\n").encode())

    def asked(self) -> str:
        transport = self.endpoint.transports[-1]
        text = transport.value().decode()
        transport.clear()
        return text

    def action_id(self) -> str:
        return next(line[10:] for line in self.asked().splitlines() if line.startswith("ActionID: "))

    def log_in(self) -> None:
        self.say("Asterisk Call Manager/11.0.0\n")
        self.say(f"Response: Success\nActionID: {self.action_id()}\nMessage: Authentication accepted\n\n")


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_service_is_up_once_asterisk_knows_us(desk: Desk) -> None:
    assert not desk.service.connected
    desk.log_in()
    assert (desk.service.connected, desk.ups) == (True, 1)


def test_request_comes_back_with_its_own_reply(desk: Desk) -> None:
    desk.log_in()
    first = Deferred.fromCoroutine(desk.service.request(hangup("bn.1.aa")))
    first_id = desk.action_id()
    second = Deferred.fromCoroutine(desk.service.request(hangup("bn.2.bb")))
    second_id = desk.action_id()
    results: list[Any] = []
    first.addCallback(results.append)
    second.addCallback(results.append)
    desk.say(f"Response: Error\nActionID: {second_id}\nMessage: No such channel\n\n")
    desk.say(f"Response: Success\nActionID: {first_id}\nMessage: Channel Hungup\n\n")
    assert [(one.success, one.message) for one in results] == [(False, "No such channel"), (True, "Channel Hungup")]


def test_request_without_a_connection_was_never_sent(desk: Desk) -> None:
    results: list[Any] = []
    Deferred.fromCoroutine(desk.service.request(hangup("bn.1.aa"))).addCallback(results.append)
    assert results == [NoReply("not connected to Asterisk", sent=False)]


def test_lost_connection_answers_what_is_open_and_is_made_again(desk: Desk) -> None:
    desk.log_in()
    results: list[AmiReply | NoReply] = []
    Deferred.fromCoroutine(desk.service.request(hangup("bn.1.aa"))).addCallback(results.append)
    desk.endpoint.protocols[-1].connectionLost(Failure(ConnectionLost()))
    assert isinstance(results[0], NoReply)
    assert len(desk.downs) == 1
    assert not desk.service.connected
    desk.time.advance(2.0)
    desk.log_in()
    assert (desk.service.connected, desk.ups, len(desk.endpoint.protocols)) == (True, 2, 2)


def test_events_are_handed_on(desk: Desk) -> None:
    desk.log_in()
    desk.say("Event: Hangup\nUniqueid: bn.1.aa\nCause: 16\n\n")
    assert [(event.name, event.headers["Cause"]) for event in desk.events] == [("Hangup", "16")]


# ---------------------------------------------------------------- FastAGI


def call(script: Script | None, host: str = "127.0.0.1") -> tuple[FastAgi, Line | None, StringTransport]:
    """A call that a script talks to."""
    factory = FastAgi(lambda env: script)
    line, transport = factory.buildProtocol(IPv4Address("TCP", host, 4573)), StringTransport()
    transport.setTcpNoDelay = lambda _: None  # type: ignore[attr-defined]
    if line is not None:
        line.makeConnection(transport)
        line.dataReceived(ENVIRONMENT)
    return factory, line, transport


def test_script_reads_top_to_bottom_while_other_calls_go_on() -> None:
    heard: list[tuple[str, int]] = []

    def script(agi: CallAgi) -> None:
        heard.append((agi.stream_file("/sounds/message", "12"), agi.endpos))
        agi.set_variable("BN_DONE", 'a"b')

    _, line, transport = call(script)
    assert line is not None
    assert transport.value() == b'STREAM FILE /sounds/message "12" 0\n'
    transport.clear()
    assert heard == []
    line.dataReceived(b"200 result=49 endpos=16000\n")
    assert heard == [("1", 16000)]
    assert transport.value() == b'SET VARIABLE "BN_DONE" "a\\"b"\n'
    line.dataReceived(b"200 result=1\n")
    assert transport.disconnecting


def test_hang_up_ends_the_script_and_keeps_how_far_the_file_was() -> None:
    played: list[int] = []

    def script(agi: CallAgi) -> None:
        try:
            agi.stream_file("/sounds/message", "")
        finally:
            played.append(agi.endpos)

    _, line, transport = call(script)
    assert line is not None
    line.dataReceived(b"HANGUP\n200 result=-1 endpos=4000\n")
    assert (played, transport.disconnecting) == ([4000], True)


def test_lost_connection_ends_the_script() -> None:
    ended: list[bool] = []

    def script(agi: CallAgi) -> None:
        try:
            agi.wait_for_digit(1000)
        finally:
            ended.append(True)

    factory, line, _ = call(script)
    assert line is not None
    line.connectionLost(Failure(ConnectionLost()))
    assert ended == [True]
    assert factory.lines == {}


def test_script_may_wait_for_a_deferred() -> None:
    waiting: Deferred[str] = Deferred()
    got: list[str] = []
    _, _, transport = call(lambda agi: got.append(agi.wait(waiting)))
    assert got == []
    waiting.callback("an answer")
    assert (got, transport.disconnecting) == (["an answer"], True)


def test_line_break_in_a_value_is_never_a_second_command() -> None:
    _, _, transport = call(lambda agi: agi.set_variable("X", "a\nHANGUP"))
    assert transport.value() == b""
    assert transport.disconnecting


def test_call_that_nobody_knows_is_left_to_the_dialplan() -> None:
    _, _, transport = call(None)
    assert (transport.value(), transport.disconnecting) == (b"", True)


def test_connection_from_elsewhere_is_refused() -> None:
    _, line, _ = call(lambda agi: None, host="192.0.2.1")
    assert line is None


def test_what_is_played_can_be_cut() -> None:
    cut: list[tuple[str, bool]] = []

    def script(agi: CallAgi) -> None:
        cut.append((agi.stream_file("/sounds/message", ""), agi.was_cut))

    factory, line, transport = call(script)
    assert line is not None
    transport.clear()
    factory.lines["bn.1.aa"].cut()
    assert transport.value() == b"NOOP\n"
    line.dataReceived(b"200 result=0\n")
    assert cut == [("", True)]
