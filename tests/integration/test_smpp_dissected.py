"""Our PDUs, read by somebody else: tshark dissects what codec and fast path write, and finds nothing malformed."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gateway.smpp import hot, text
from gateway.smpp.codec import encode
from gateway.smpp.pdu import (
    Address,
    Bind,
    BindResp,
    CancelSm,
    Command,
    DataMessage,
    Message,
    MessageResp,
    Outbind,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    Status,
    Tag,
)

PORT = 2775
SOURCE, DESTINATION = Address("31600000112", 1, 1), Address("31612345678", 1, 1)


def dissect(folder: Path, pdus: Sequence[bytes]) -> list[dict[str, Any]]:
    """The SMPP layer of each PDU as tshark reads it; a TCP segment each."""
    path = folder / "pdus.pcap"
    # libpcap's format, link type 101: IP without a link layer.
    out = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101)]
    sequence = 1
    for pdu in pdus:
        tcp = struct.pack(">HHIIBBHHH", 40_000, PORT, sequence, 1, 5 << 4, 0x18, 65_535, 0, 0) + pdu
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        frame = ip + tcp
        out.append(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
        sequence += len(pdu)
    path.write_bytes(b"".join(out))
    command = ["tshark", "-r", str(path), "-d", f"tcp.port=={PORT},smpp", "-T", "json", "--no-duplicate-keys"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    layers = [packet["_source"]["layers"] for packet in json.loads(done.stdout)]
    assert len(layers) == len(pdus)
    assert "_ws.malformed" not in done.stdout
    return [layer["smpp"] for layer in layers]


def fields(layer: Any) -> dict[str, Any]:
    """Every field of a layer by its name, however deep; of several the first."""
    found: dict[str, Any] = {}
    stack = [layer]
    while stack:
        for name, value in stack.pop().items():
            stack += [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, dict)]
            found.setdefault(name, value)
    return found


EVERY_KIND = {
    "bind_transceiver": Pdu(Command.BIND_TRANSCEIVER, 0, 1, Bind("burgernet", "geheim", "alert")),
    "bind_transceiver_resp": Pdu(
        Command.BIND_TRANSCEIVER_RESP, 0, 1, BindResp("smsc"), {Tag.SC_INTERFACE_VERSION: b"\x34"}
    ),
    "bind_transmitter": Pdu(Command.BIND_TRANSMITTER, 0, 2, Bind("burgernet", "geheim", "")),
    "bind_receiver": Pdu(Command.BIND_RECEIVER, 0, 3, Bind("burgernet", "geheim", "")),
    "outbind": Pdu(Command.OUTBIND, 0, 4, Outbind("telco", "geheim")),
    "unbind": Pdu(Command.UNBIND, 0, 5),
    "unbind_resp": Pdu(Command.UNBIND_RESP, 0, 5),
    "enquire_link": Pdu(Command.ENQUIRE_LINK, 0, 6),
    "enquire_link_resp": Pdu(Command.ENQUIRE_LINK_RESP, 0, 6),
    "generic_nack": Pdu(Command.GENERIC_NACK, Status.ESME_RINVCMDID, 7),
    "submit_sm": Pdu(Command.SUBMIT_SM, 0, 8, Message(SOURCE, DESTINATION, b"hoi", registered_delivery=1)),
    "submit_sm_resp": Pdu(Command.SUBMIT_SM_RESP, 0, 8, MessageResp("0a1b2c")),
    "submit_sm_resp refused": Pdu(Command.SUBMIT_SM_RESP, Status.ESME_RTHROTTLED, 9),
    "deliver_sm": Pdu(Command.DELIVER_SM, 0, 10, Message(DESTINATION, SOURCE, b"id:1 stat:DELIVRD", esm_class=4)),
    "deliver_sm_resp": Pdu(Command.DELIVER_SM_RESP, 0, 10, MessageResp()),
    "data_sm": Pdu(Command.DATA_SM, 0, 11, DataMessage(SOURCE, DESTINATION), {Tag.MESSAGE_PAYLOAD: b"hoi"}),
    "query_sm": Pdu(Command.QUERY_SM, 0, 12, QuerySm("42", SOURCE)),
    "query_sm_resp": Pdu(Command.QUERY_SM_RESP, 0, 12, QuerySmResp("42", "260504103000000+", 2, 0)),
    "cancel_sm": Pdu(Command.CANCEL_SM, 0, 13, CancelSm("42", SOURCE, DESTINATION)),
    "cancel_sm_resp": Pdu(Command.CANCEL_SM_RESP, 0, 13),
    "replace_sm": Pdu(Command.REPLACE_SM, 0, 14, ReplaceSm("42", SOURCE, short_message=b"nieuw")),
    "replace_sm_resp": Pdu(Command.REPLACE_SM_RESP, 0, 14),
}


def test_every_kind_of_pdu_is_read_by_tshark_as_it_was_meant(tmp_path: Path) -> None:
    layers = dissect(tmp_path, [encode(pdu) for pdu in EVERY_KIND.values()])
    for (name, pdu), layer in zip(EVERY_KIND.items(), layers, strict=True):
        read = fields(layer)
        assert int(read["smpp.command_id"], 16) == pdu.command, name
        assert int(read["smpp.sequence_number"]) == pdu.sequence, name
        assert int(read["smpp.command_length"]) == len(encode(pdu)), name
        if "smpp.command_status" in read:
            assert int(read["smpp.command_status"], 16) == pdu.status, name


LONG = "Vermist in Weesp: jongen van vijf jaar, blond haar, rode jas. " * 4


@pytest.mark.parametrize("way", list(text.LongMessages))
@pytest.mark.parametrize("message", [LONG, LONG.replace("rode", "rode ✆")], ids=["gsm7", "ucs2"])
def test_every_way_of_a_long_message_is_read_by_tshark_as_it_was_meant(
    tmp_path: Path, way: text.LongMessages, message: str
) -> None:
    composed = text.compose(message, long_messages=way)
    parts = text.to_wire(composed, way, 0x1234)
    pdus = []
    for number, part in enumerate(parts, 1):
        about = Message(
            source=SOURCE,
            short_message=part.short_message,
            esm_class=part.esm_class,
            data_coding=part.data_coding,
            destination=Address("", 1, 1),
            registered_delivery=1,
        )
        pdus.append(hot.SubmitTemplate(about, part.tlvs).pack(number, b"31612345678"))
    for number, (layer, part) in enumerate(zip(dissect(tmp_path, pdus), parts, strict=True), 1):
        read = fields(layer)
        assert read["smpp.destination_addr"] == "31612345678"
        assert read["smpp.source_addr"] == "31600000112"
        assert int(read["smpp.data_coding"], 16) == part.data_coding
        assert int(read["smpp.sm_length"]) == len(part.short_message)
        if way in (text.LongMessages.UDH, text.LongMessages.UDH16):
            assert int(read["smpp.esm.submit.features"], 16) == 1, "the header's bit"
        if way is text.LongMessages.SAR:
            assert int(read["smpp.sar_msg_ref_num"]) == 0x34, "eight bits: carriers make an 8-bit header of it"
            assert (int(read["smpp.sar_total_segments"]), int(read["smpp.sar_segment_seqnum"])) == (len(parts), number)
        if way is text.LongMessages.PAYLOAD:
            assert bytes.fromhex(read["smpp.message_payload"].replace(":", "")) == part.tlvs[Tag.MESSAGE_PAYLOAD]


def test_many_submits_in_one_write_are_read_one_by_one(tmp_path: Path) -> None:
    numbers = [b"3161%07d" % i for i in range(50)]
    template = hot.SubmitTemplate(Message(SOURCE, Address("", 1, 1), b"hoi"))
    stream = template.pack_many(1, numbers)
    size = len(stream) // len(numbers)
    layers = dissect(tmp_path, [stream[at : at + size] for at in range(0, len(stream), size)])
    assert [fields(layer)["smpp.destination_addr"].encode() for layer in layers] == numbers
    assert [int(fields(layer)["smpp.sequence_number"]) for layer in layers] == list(range(1, 51))
