"""Carriers that connect to us: outbind, and binds of their own, from peers that are not ours."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.smpp
from fakes.line import Line, pause, until
from twisted.internet import reactor  # noqa: TID251 - the tests' own start
from twisted.internet.threads import deferToThread

from gateway.rehearsal.smsc import Smsc, parse_scenario
from gateway.storage.database import Database

NUMBER = "+31612345678"
SENDER = "+31600000112"
RECEIPT = "id:{} sub:001 dlvrd:001 submit date:2605041030 done date:2605041031 stat:DELIVRD err:000 text:"


def settings(port: int, smsc_port: int = 9, *, outbind: bool = False, **listener: Any) -> dict[str, Any]:
    peer = {"system_id": "telco", "password": "geheim", **listener.pop("peer", {})}
    carrier = {"name": "telco", "host": "127.0.0.1", "port": smsc_port, "system_id": "burgernet", "password": "geheim"}
    return {
        "carrier": [{**carrier, "sender": SENDER, "outbind": outbind}],
        "smpp_listener": {"listen": f"127.0.0.1:{port}", "peer": [peer], **listener},
    }


class Carrier:
    """The carrier's side: smpplib's client, which is not ours, bound to our listener."""

    def __init__(self, port: int, password: str = "geheim", bind: str = "transceiver") -> None:
        self.client = smpplib.client.Client("127.0.0.1", port, timeout=10, allow_unknown_opt_params=True)
        self.client.logger.setLevel(logging.CRITICAL)
        self.client.connect()
        self.answers: list[Any] = []
        self.client.set_message_sent_handler(lambda pdu: self.answers.append(pdu))
        self.client.set_error_pdu_handler(lambda pdu: self.answers.append(pdu))
        try:
            getattr(self.client, f"bind_{bind}")(system_id="telco", password=password)
        except Exception:
            self.client._socket.close()
            raise

    def deliver(self, text: str, *, source: str = NUMBER, receipt: bool = False) -> Any:
        """A deliver_sm; gives the answer, a raw PDU."""
        pdu = smpplib.smpp.make_pdu(
            "deliver_sm",
            client=self.client,
            source_addr=source.lstrip("+"),
            source_addr_ton=1,
            source_addr_npi=1,
            destination_addr=SENDER.lstrip("+"),
            dest_addr_ton=1,
            dest_addr_npi=1,
            esm_class=4 if receipt else 0,
            data_coding=0,
            short_message=text.encode("ascii"),
        )
        self.client._socket.sendall(pdu.generate())
        return self.read()

    def read(self) -> tuple[int, int, int]:
        """(command, status, sequence) of the next PDU."""
        header = b""
        while len(header) < 16:
            more = self.client._socket.recv(16 - len(header))
            assert more, "the listener closed the connection"
            header += more
        length = int.from_bytes(header[:4], "big")
        rest = length - 16
        while rest:
            rest -= len(self.client._socket.recv(rest))
        return (
            int.from_bytes(header[4:8], "big"),
            int.from_bytes(header[8:12], "big"),
            int.from_bytes(header[12:16], "big"),
        )

    def close(self) -> None:
        self.client.unbind()
        self.client.state = smpplib.consts.SMPP_CLIENT_STATE_OPEN
        self.client.disconnect()


@pytest.fixture
def backend() -> str:
    """The listener is the same on either database."""
    return "sqlite"


async def with_line(
    database: Database, folder: Path, values: dict[str, Any], talk: Callable[[Line], Any], *, prepare: Any = None
) -> Line:
    line = Line(database, folder, values)
    await line.start()
    try:
        await talk(line)
    finally:
        await line.stop()
    return line


async def test_reply_over_the_carriers_own_bind_becomes_a_response_before_it_is_answered(
    running_database: Database, tmp_path: Path, free_port: int
) -> None:
    def converse() -> tuple[int, int]:
        carrier = Carrier(free_port)
        command, status, _ = carrier.deliver("Ik zie hem bij de sluis")
        carrier.close()
        return command, status

    async def talk(line: Line) -> None:
        assert await deferToThread(converse) == (0x80000005, 0)
        (found,) = line.responses()
        assert found.text == "Ik zie hem bij de sluis"

    await with_line(running_database, tmp_path, settings(free_port), talk)


async def test_receipt_over_the_carriers_own_bind_settles_what_our_bind_sent(
    running_database: Database, tmp_path: Path, free_port: int
) -> None:
    smsc = Smsc(parse_scenario('[messages]\nreceipts = "never"\n'), reactor)

    async def talk(line: Line) -> None:
        await line.bound()
        line.press(numbers=(NUMBER,))
        await line.all_are("submitted", 1)
        (sent,) = line.segments()

        def converse() -> tuple[int, int]:
            carrier = Carrier(free_port, bind="receiver")
            command, status, _ = carrier.deliver(RECEIPT.format(sent.message_id), receipt=True)
            carrier.client._socket.close()
            return command, status

        assert await deferToThread(converse) == (0x80000005, 0)
        assert line.states() == {"delivered": 1}

    try:
        await with_line(running_database, tmp_path, settings(free_port, smsc.listen()), talk)
    finally:
        await smsc.close()


async def test_submit_sm_of_a_system_that_takes_us_for_an_smsc_is_a_reply_too(
    running_database: Database, tmp_path: Path, free_port: int
) -> None:
    def converse() -> list[Any]:
        carrier = Carrier(free_port)
        carrier.client.send_message(
            source_addr=NUMBER.lstrip("+"), source_addr_ton=1, destination_addr="112", short_message=b"gezien"
        )
        carrier.client.read_once(auto_send_enquire_link=False)
        answers = list(carrier.answers)
        carrier.close()
        return answers

    async def talk(line: Line) -> None:
        (answer,) = await deferToThread(converse)
        assert answer.status == 0
        assert answer.message_id
        assert [found.text for found in line.responses()] == ["gezien"]

    await with_line(running_database, tmp_path, settings(free_port), talk)


@pytest.mark.parametrize(("password", "peer"), [("onzin", {}), ("geheim", {"allow": ["192.0.2.0/24"]})])
async def test_stranger_is_refused_late_and_the_connection_closed(
    running_database: Database, tmp_path: Path, free_port: int, password: str, peer: dict[str, Any]
) -> None:
    def converse() -> str:
        with pytest.raises(smpplib.exceptions.PDUError) as refused:
            Carrier(free_port, password=password)
        return str(refused.value)

    async def talk(line: Line) -> None:
        refusal = await deferToThread(converse)
        assert ("Invalid Password" if password == "onzin" else "Bind Failed") in refusal
        await until(lambda: not line.built.listener.connections)
        assert line.built.listener.refusal_delay_s("127.0.0.1") > 1.0, "the next one waits longer"

    await with_line(running_database, tmp_path, settings(free_port, peer=peer), talk)


async def test_more_binds_than_agreed_are_refused(running_database: Database, tmp_path: Path, free_port: int) -> None:
    def converse() -> str:
        first = Carrier(free_port)
        with pytest.raises(smpplib.exceptions.PDUError) as refused:
            Carrier(free_port)
        first.close()
        return str(refused.value)

    async def talk(line: Line) -> None:
        assert "Already" in await deferToThread(converse)

    await with_line(running_database, tmp_path, settings(free_port, peer={"max_binds": 1}), talk)


async def test_connections_that_ask_for_nothing_are_closed_and_others_get_in(
    running_database: Database, tmp_path: Path, free_port: int
) -> None:
    values = settings(free_port, max_connections=3, init_timeout_s=1.0)

    async def talk(line: Line) -> None:
        silent = [socket.create_connection(("127.0.0.1", free_port)) for _ in range(3)]
        await until(lambda: len(line.built.listener.connections) == 3)
        with socket.create_connection(("127.0.0.1", free_port)) as one_more:
            one_more.settimeout(10)
            assert await deferToThread(lambda: one_more.recv(1)) == b""
        await until(lambda: not line.built.listener.connections)
        for one in silent:
            one.close()
        carrier = await deferToThread(lambda: Carrier(free_port))
        await deferToThread(carrier.close)

    await with_line(running_database, tmp_path, values, talk)


async def test_garbage_and_oversized_pdus_end_the_connection_and_nothing_else(
    running_database: Database, tmp_path: Path, free_port: int
) -> None:
    def send(data: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", free_port)) as connection:
            connection.settimeout(10)
            connection.sendall(data)
            received = b""
            while more := connection.recv(4096):
                received += more
            return received

    async def talk(line: Line) -> None:
        nack = (0x80000000).to_bytes(4, "big")
        assert (await deferToThread(send, b"GET / HTTP/1.1\r\n\r\n"))[4:8] == nack
        assert (await deferToThread(send, (2**31).to_bytes(4, "big") + b"\0" * 12))[4:8] == nack
        carrier = await deferToThread(lambda: Carrier(free_port))
        await deferToThread(carrier.close)

    await with_line(running_database, tmp_path, settings(free_port), talk)


async def test_after_an_outbind_we_bind_on_that_connection_and_send_over_it(
    running_database: Database, tmp_path: Path, free_port: int
) -> None:
    smsc = Smsc(parse_scenario('system_id = "telco"\n[[account]]\nsystem_id = "telco"\npassword = "geheim"\n'), reactor)
    smsc.start()
    values = settings(free_port, outbind=True)
    values["carrier"][0]["system_id"] = "telco"

    async def talk(line: Line) -> None:
        await pause(0.1)
        assert line.carrier().status().state == "connecting"
        smsc.outbind("127.0.0.1", free_port, "telco")
        await line.bound()
        line.press(3)
        await line.all_are("delivered", 3)
        smsc.drop_all()
        await until(lambda: line.carrier().status().state != "bound")
        while line.carrier().status().state != "bound":
            smsc.outbind("127.0.0.1", free_port, "telco")
            await pause(0.3)

    try:
        await with_line(running_database, tmp_path, values, talk)
    finally:
        await smsc.close()


async def test_outbind_with_a_wrong_password_binds_nothing(
    running_database: Database, tmp_path: Path, free_port: int
) -> None:
    smsc = Smsc(parse_scenario('system_id = "telco"\n[[account]]\nsystem_id = "telco"\npassword = "onzin"\n'), reactor)
    smsc.start()

    async def talk(line: Line) -> None:
        smsc.outbind("127.0.0.1", free_port, "telco")
        await until(lambda: line.built.listener.connections)
        await until(lambda: not line.built.listener.connections)
        assert line.carrier().status().state == "connecting"

    try:
        await with_line(running_database, tmp_path, settings(free_port, outbind=True), talk)
    finally:
        await smsc.close()
