"""The simulated SMSC before an ESME that is not ours: smpplib's own client, over loopback sockets."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest
import smpplib.client
import smpplib.consts
import smpplib.exceptions
import smpplib.gsm
import smpplib.smpp
from twisted.internet import reactor  # noqa: TID251 - the tests' own start
from twisted.internet.threads import deferToThread

from gateway.rehearsal.smsc import Smsc, parse_scenario

NUMBER = "31612345678"
ACCOUNT = '[[account]]\nsystem_id = "burgernet"\npassword = "geheim"\n'


def client_of(port: int) -> smpplib.client.Client:
    client = smpplib.client.Client("127.0.0.1", port, timeout=10, allow_unknown_opt_params=True)
    client.logger.setLevel(logging.CRITICAL)
    client.connect()
    return client


class Correspondent:
    """smpplib's client, bound; it notes what it hears."""

    def __init__(self, port: int, kind: str = "transceiver") -> None:
        self.sent: list[Any] = []
        self.received: list[Any] = []
        self.client = client_of(port)
        self.client.set_message_sent_handler(lambda pdu: self.sent.append(pdu))
        self.client.set_message_received_handler(lambda pdu: self.received.append(pdu))
        self.client.set_error_pdu_handler(lambda pdu: self.sent.append(pdu))
        getattr(self.client, f"bind_{kind}")(system_id="burgernet", password="geheim")

    def __enter__(self) -> Correspondent:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.unbind()
        self.client.state = smpplib.consts.SMPP_CLIENT_STATE_OPEN  # it warns of a state that it does not keep itself
        self.client.disconnect()

    def send(self, text: str, number: str = NUMBER, **fields: Any) -> int:
        """Send with smpplib's own splitter; returns how many parts."""
        parts, coding, esm_class = smpplib.gsm.make_parts(text)
        for part in parts:
            self.client.send_message(
                source_addr_ton=smpplib.consts.SMPP_TON_INTL,
                source_addr="31600000112",
                dest_addr_ton=smpplib.consts.SMPP_TON_INTL,
                destination_addr=number,
                short_message=part,
                data_coding=coding,
                esm_class=esm_class,
                registered_delivery=True,
                **fields,
            )
        return len(parts)

    def hear(self, enough: Callable[[], bool]) -> None:
        """Read until it is enough."""
        while not enough():
            self.client.read_once(auto_send_enquire_link=False)


async def talk(scenario: str, conversation: Callable[[int], Any]) -> tuple[Any, Smsc]:
    """Hold a conversation in a thread; returns what it gives, and the closed SMSC."""
    smsc = Smsc(parse_scenario(scenario), reactor)
    port = smsc.listen()
    try:
        return await deferToThread(conversation, port), smsc
    finally:
        await smsc.close()


@pytest.mark.parametrize(
    "text", ["Kijk uit naar een jongen", "Vermist: jongen van vijf jaar, rode jas. " * 9, "Één ♥ " * 40]
)
async def test_what_smpplib_sends_is_read_by_the_citizen_and_reported(text: str) -> None:
    def conversation(port: int) -> tuple[int, list[Any], list[Any]]:
        with Correspondent(port) as esme:
            parts = esme.send(text)
            esme.hear(lambda: len(esme.sent) == len(esme.received) == parts)
            return parts, esme.sent, esme.received

    (parts, sent, received), smsc = await talk(ACCOUNT, conversation)
    assert smsc.texts(NUMBER) == [text]
    assert [pdu.status for pdu in sent] == [0] * parts
    ids = [pdu.message_id.decode() for pdu in sent]
    assert [pdu.receipted_message_id.decode().rstrip("\0") for pdu in received] == ids
    assert {pdu.message_state for pdu in received} == {smpplib.consts.SMPP_MESSAGE_STATE_DELIVERED}
    assert {pdu.esm_class for pdu in received} == {0x04}
    assert smsc.report()["receipts_acked"] == parts
    assert smsc.report()["bound"] == 0


async def test_an_emoji_that_smpplib_cuts_in_two_is_seen_to_be_cut() -> None:
    text = "x" * 66 + "🚸" + "x" * 30

    def conversation(port: int) -> None:
        with Correspondent(port) as esme:
            parts = esme.send(text)
            esme.hear(lambda: len(esme.sent) == len(esme.received) == parts)

    _, smsc = await talk("", conversation)
    assert smsc.texts(NUMBER) == [text.replace("🚸", "\ufffd\ufffd")]


@pytest.mark.parametrize(
    ("system_id", "password", "status"),
    [
        ("burgernet", "anders", smpplib.consts.SMPP_ESME_RINVPASWD),
        ("iemand", "geheim", smpplib.consts.SMPP_ESME_RINVSYSID),
    ],
)
async def test_smpplib_is_refused_as_it_understands(system_id: str, password: str, status: int) -> None:
    def conversation(port: int) -> int:
        client = client_of(port)
        with pytest.raises(smpplib.exceptions.PDUError) as caught:
            client.bind_transceiver(system_id=system_id, password=password)
        client.disconnect()
        return caught.value.args[1]

    refused, _ = await talk(ACCOUNT, conversation)
    assert refused == status


async def test_smpplib_understands_a_refused_submit() -> None:
    def conversation(port: int) -> list[Any]:
        with Correspondent(port) as esme:
            esme.send("Kijk uit")
            esme.hear(lambda: bool(esme.sent))
            return esme.sent

    (refused, *_), smsc = await talk('[messages]\nrefuse = "ESME_RTHROTTLED"', conversation)
    assert (refused.command, refused.status) == ("submit_sm_resp", smpplib.consts.SMPP_ESME_RTHROTTLED)
    assert smsc.texts(NUMBER) == []


async def test_smpplib_asks_and_gets_receipts_on_its_receiver() -> None:
    def conversation(port: int) -> tuple[list[Any], list[Any]]:
        with Correspondent(port, "receiver") as receiver, Correspondent(port, "transmitter") as transmitter:
            transmitter.send("Kijk uit")
            transmitter.hear(lambda: len(transmitter.sent) == 1)
            receiver.hear(lambda: len(receiver.received) == 1)
            return transmitter.sent, receiver.received

    (sent, received), _ = await talk(ACCOUNT, conversation)
    assert received[0].short_message.startswith(b"id:" + sent[0].message_id)


async def test_a_citizens_reply_reaches_smpplib() -> None:
    scenario = f'[[reply]]\nsender = "{NUMBER}"\ntext = "Ik zie hem, bij de [brug] €"\nafter_s = 0.05\n'

    def conversation(port: int) -> list[Any]:
        with Correspondent(port) as esme:
            esme.send("Kijk uit")
            esme.hear(lambda: len(esme.received) == 2)
            return esme.received

    received, smsc = await talk(scenario, conversation)
    reply = received[1]
    assert (reply.source_addr, reply.destination_addr) == (NUMBER.encode(), b"31600000112")
    assert reply.short_message == smpplib.gsm.gsm_encode("Ik zie hem, bij de [brug] €")
    assert smsc.report()["replies_acked"] == 1


async def test_an_enquiry_and_an_unbind_from_our_side_are_understood() -> None:
    def conversation(port: int) -> list[str]:
        client = client_of(port)
        client.bind_transceiver(system_id="burgernet", password="geheim")
        heard = []
        while "unbind" not in heard:
            pdu = client.read_pdu()
            heard.append(pdu.command)
            answer = smpplib.smpp.make_pdu(f"{pdu.command}_resp", client=client, sequence=pdu.sequence)
            answer.sequence = pdu.sequence
            client.send_pdu(answer)
        client.state = smpplib.consts.SMPP_CLIENT_STATE_OPEN
        assert client._socket.recv(1) == b""
        client.disconnect()
        return heard

    scenario = '[links]\nenquire_link_s = 0.1\n[[event]]\nafter_s = 0.25\ndo = "unbind"\n'
    heard, _ = await talk(scenario, conversation)
    assert heard[0] == "enquire_link"
    assert heard[-1] == "unbind"


async def test_a_connection_that_the_smsc_drops_is_gone_for_smpplib() -> None:
    def conversation(port: int) -> None:
        esme = Correspondent(port)
        esme.send("Kijk uit")
        with pytest.raises(smpplib.exceptions.ConnectionError):
            esme.hear(lambda: False)
        esme.client.state = smpplib.consts.SMPP_CLIENT_STATE_OPEN
        esme.client.disconnect()

    _, smsc = await talk("[links]\ndrop_after_submits = 1", conversation)
    assert smsc.texts(NUMBER) == ["Kijk uit"]


async def test_a_peer_that_does_not_read_is_not_read_from_either() -> None:
    enquiry = b"\0\0\0\x10\0\0\0\x15\0\0\0\0\0\0\0\1"

    def conversation(port: int) -> int:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as peer:
            peer.setblocking(False)
            sent = 0
            quiet_since = time.monotonic()
            while time.monotonic() - quiet_since < 0.3 and sent < 500_000_000:
                try:
                    sent += peer.send(enquiry * 4096)
                    quiet_since = time.monotonic()
                except BlockingIOError:
                    pass
            return sent

    sent, _ = await talk("", conversation)
    assert sent < 100_000_000
