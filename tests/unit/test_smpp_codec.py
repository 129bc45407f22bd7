"""The codec: framing, reading what peers really send, refusing to write what does not fit."""

from __future__ import annotations

import pytest
import smpplib.command
import smpplib.command_codes
import smpplib.consts
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.smpp import pdu
from gateway.smpp.codec import MAX_PDU, Framer, decode, encode, tlv_int, tlv_text
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import Address, Command, Message, MessageResp, Pdu, Status, Tag

OCTET = st.integers(0, 255)


def strings(most: int) -> st.SearchStrategy[str]:
    """What fits a C-octet string of so many characters."""
    return st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=most)


ADDRESSES = st.builds(Address, strings(20), OCTET, OCTET)
BODIES = {
    Command.BIND_TRANSCEIVER: st.builds(
        pdu.Bind, strings(15), strings(8), strings(12), OCTET, OCTET, OCTET, strings(40)
    ),
    Command.BIND_TRANSCEIVER_RESP: st.builds(pdu.BindResp, strings(15)),
    Command.OUTBIND: st.builds(pdu.Outbind, strings(15), strings(8)),
    Command.SUBMIT_SM: st.builds(
        Message,
        ADDRESSES,
        ADDRESSES,
        st.binary(max_size=254),
        OCTET,
        OCTET,
        OCTET,
        strings(16),
        strings(16),
        OCTET,
        OCTET,
        OCTET,
        OCTET,
        strings(5),
    ),
    Command.SUBMIT_SM_RESP: st.builds(MessageResp, strings(64)),
    Command.DATA_SM: st.builds(pdu.DataMessage, ADDRESSES, ADDRESSES, OCTET, OCTET, OCTET, strings(5)),
    Command.QUERY_SM: st.builds(pdu.QuerySm, strings(64).filter(bool), ADDRESSES),
    Command.QUERY_SM_RESP: st.builds(pdu.QuerySmResp, strings(64), strings(16), OCTET, OCTET),
    Command.CANCEL_SM: st.builds(pdu.CancelSm, strings(64), ADDRESSES, ADDRESSES, strings(5)),
    Command.REPLACE_SM: st.builds(
        pdu.ReplaceSm, strings(64), ADDRESSES, strings(16), strings(16), OCTET, OCTET, st.binary(max_size=254)
    ),
    Command.ALERT_NOTIFICATION: st.builds(pdu.AlertNotification, ADDRESSES, ADDRESSES),
}
SAME_BODY = {
    Command.BIND_RECEIVER: Command.BIND_TRANSCEIVER,
    Command.BIND_TRANSMITTER: Command.BIND_TRANSCEIVER,
    Command.BIND_RECEIVER_RESP: Command.BIND_TRANSCEIVER_RESP,
    Command.BIND_TRANSMITTER_RESP: Command.BIND_TRANSCEIVER_RESP,
    Command.DELIVER_SM: Command.SUBMIT_SM,
    Command.DELIVER_SM_RESP: Command.SUBMIT_SM_RESP,
    Command.DATA_SM_RESP: Command.SUBMIT_SM_RESP,
}
BODILESS = (
    Command.GENERIC_NACK,
    Command.UNBIND,
    Command.UNBIND_RESP,
    Command.ENQUIRE_LINK,
    Command.ENQUIRE_LINK_RESP,
    Command.CANCEL_SM_RESP,
    Command.REPLACE_SM_RESP,
)
NOT_SPOKEN = (Command.SUBMIT_MULTI, Command.SUBMIT_MULTI_RESP)
TLVS = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=40), max_size=4)


@st.composite
def pdus(draw: st.DrawFn) -> Pdu:
    command = draw(st.sampled_from([c for c in Command if c not in NOT_SPOKEN]))
    body = None if command in BODILESS else draw(BODIES[SAME_BODY.get(command, command)])
    return Pdu(command, draw(st.integers(0, 0xFFFFFFFF)), draw(st.integers(0, 0x7FFFFFFF)), body, draw(TLVS))


def without_raw(message: Pdu) -> tuple[object, ...]:
    return message.command, message.status, message.sequence, message.body, dict(message.tlvs)


# ---------------------------------------------------------------- there and back


@given(pdus())
def test_what_is_encoded_is_decoded_to_the_same(message: Pdu) -> None:
    raw = encode(message)
    read = decode(raw)
    assert without_raw(read) == without_raw(message)
    assert read.raw == raw
    assert int.from_bytes(raw[:4], "big") == len(raw)


@given(BODIES[Command.SUBMIT_SM], st.integers(0, 0x7FFFFFFF))
def test_smpplib_reads_our_submit_sm_as_we_mean_it(body: Message, sequence: int) -> None:
    read = smpplib.command.SubmitSM("submit_sm", sequence=0)
    read.parse(encode(Pdu(Command.SUBMIT_SM, 0, sequence, body)))
    assert (read.command, read.sequence) == ("submit_sm", sequence)
    assert read.destination_addr == body.destination.value.encode("latin-1")
    assert (read.dest_addr_ton, read.dest_addr_npi) == (body.destination.ton, body.destination.npi)
    assert (read.short_message or b"") == body.short_message
    assert read.data_coding == body.data_coding


def test_a_submit_sm_has_the_octets_of_the_specification() -> None:
    body = Message(
        Address("Burgernet", 5, 0),
        Address("31612345678", 1, 1),
        b"Let op",
        esm_class=0x40,
        priority_flag=1,
        validity_period="000000003000000R",
        registered_delivery=1,
        data_coding=8,
    )
    raw = encode(Pdu(Command.SUBMIT_SM, 0, 7, body, {Tag.SAR_TOTAL_SEGMENTS: b"\x02"}))
    expected = (
        b"\0\x05\0Burgernet\0\x01\x0131612345678\0\x40\0\x01\0"
        b"000000003000000R\0\x01\0\x08\0\x06Let op\x02\x0e\0\x01\x02"
    )
    assert raw == (16 + len(expected)).to_bytes(4, "big") + b"\0\0\0\x04\0\0\0\0\0\0\0\x07" + expected


def test_commands_and_statuses_are_those_of_smpplib() -> None:
    assert {c.name.lower(): c.value for c in Command} == smpplib.command_codes.commands
    ours = {status.name: status.value for status in Status}
    theirs = {
        name.removeprefix("SMPP_"): value
        for name, value in vars(smpplib.consts).items()
        if name.startswith("SMPP_ESME_")
    }
    assert {name: value for name, value in ours.items() if theirs.get(name, value) != value} == {}


# ---------------------------------------------------------------- framing


@given(st.lists(pdus(), max_size=6), st.data())
def test_any_cut_of_the_stream_gives_the_same_pdus(messages: list[Pdu], data: st.DataObject) -> None:
    whole = [encode(message) for message in messages]
    stream = b"".join(whole)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    framer = Framer()
    framed = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        framed += framer.feed(stream[start:end])
    assert framed == whole


def test_octet_by_octet_gives_whole_pdus() -> None:
    raw = encode(Pdu(Command.ENQUIRE_LINK, 0, 1))
    framer = Framer()
    assert [framed for octet in raw * 2 for framed in framer.feed(bytes([octet]))] == [raw, raw]


@pytest.mark.parametrize("length", [0, 4, 15, MAX_PDU + 1, 0x48545450, 0xFFFFFFFF])
def test_an_impossible_length_ends_the_stream(length: int) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        Framer().feed(length.to_bytes(4, "big"))
    assert caught.value.fatal
    assert caught.value.status == Status.ESME_RINVCMDLEN


def test_pdus_before_an_impossible_length_are_not_lost() -> None:
    raw = encode(Pdu(Command.ENQUIRE_LINK, 0, 1))
    framer = Framer()
    assert framer.feed(raw + raw + b"GET / HTTP/1.1\r\n") == [raw, raw]
    assert framer.fault is not None
    with pytest.raises(RemoteProtocolError):
        framer.feed(raw)


def test_a_pdu_of_the_largest_size_is_taken() -> None:
    raw = encode(Pdu(Command.DATA_SM, 0, 1, pdu.DataMessage(), {Tag.MESSAGE_PAYLOAD: b"x" * 0xFFFF}))
    framer = Framer()
    assert framer.feed(raw[:40_000]) == []
    assert framer.feed(raw[40_000:]) == [raw]


# ---------------------------------------------------------------- what peers send


def refusal(raw: bytes) -> RemoteProtocolError | None:
    """How the decoder refuses; anything but a protocol error is a failure of the test."""
    try:
        decode(raw)
    except RemoteProtocolError as error:
        return error
    return None


@given(st.binary(max_size=120), st.sampled_from(list(Command)) | st.integers(0, 0xFFFFFFFF), st.sampled_from([0, 8]))
@example(b"\0" * 40, Command.SUBMIT_SM, 0)
def test_no_octets_raise_anything_but_a_protocol_error(body: bytes, command: int, status: int) -> None:
    header = b"".join(number.to_bytes(4, "big") for number in (16 + len(body), command, status, 77))
    for raw in (header + body, header[: len(body)], body):
        error = refusal(raw)
        if error is None:
            assert decode(raw).raw == raw
        else:
            assert not error.fatal
            assert error.status
            assert error.sequence == 77 or raw != header + body


@given(pdus(), st.data())
def test_a_pdu_cut_short_is_refused_with_its_sequence(message: Pdu, data: st.DataObject) -> None:
    raw = encode(message)
    if len(raw) <= 17:
        return
    cut = raw[: data.draw(st.integers(17, len(raw) - 1))]
    cut = len(cut).to_bytes(4, "big") + cut[4:]
    error = refusal(cut)
    if error is not None:
        assert error.sequence == message.sequence
        return
    read = decode(cut)  # the cut fell between two optional parameters, or into the body of an error
    assert dict(read.tlvs).items() <= dict(message.tlvs).items()
    assert read.body == message.body or (read.body is None and message.status)


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\0\0\0\x11\0\0\0\x04\0\0\0\0\0\0\0\x05a", Status.ESME_RINVCMDLEN),
        (b"\0\0\0\x12\0\0\0\x04\0\0\0\0\0\0\0\x05\0", Status.ESME_RINVCMDLEN),
        (b"\0\0\0\x12\0\0\0\x15\0\0\0\0\0\0\0\x05\x02\x0e", Status.ESME_RINVOPTPARSTREAM),
        (b"\0\0\0\x14\0\0\0\x15\0\0\0\0\0\0\0\x05\x02\x0e\0\x01", Status.ESME_RINVOPTPARSTREAM),
        (
            b"\0\0\0\x21\0\0\0\x04\0\0\0\0\0\0\0\x05" + b"\0" * 16 + b"\x01",
            Status.ESME_RINVMSGLEN,
        ),
        (
            b"\0\0\x01\x30\x80\0\0\x04\0\0\0\0\0\0\0\x05" + b"x" * 287 + b"\0",
            Status.ESME_RINVPARLEN,
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_status_that_says_why(raw: bytes, status: Status) -> None:
    with pytest.raises(RemoteProtocolError) as caught:
        decode(raw)
    assert caught.value.status == status
    assert caught.value.sequence in (0, 5)


@pytest.mark.parametrize("command", [Command.SUBMIT_SM_RESP, Command.BIND_TRANSCEIVER_RESP, Command.DELIVER_SM_RESP])
def test_a_response_may_come_without_its_body(command: Command) -> None:
    raw = b"\0\0\0\x10" + command.to_bytes(4, "big") + b"\0\0\0\x58\0\0\0\x09"
    assert decode(raw) == Pdu(command, 0x58, 9, raw=raw)


def test_an_error_counts_even_where_its_body_makes_no_sense() -> None:
    raw = b"\0\0\0\x12\x80\0\0\x04\0\0\0\x58\0\0\0\x09ab"
    assert decode(raw) == Pdu(Command.SUBMIT_SM_RESP, 0x58, 9, raw=raw)


@pytest.mark.parametrize("command", [*NOT_SPOKEN, 0x0000_0042, 0x0001_0203])
def test_an_unknown_command_comes_without_a_body(command: int) -> None:
    raw = b"\0\0\0\x13" + command.to_bytes(4, "big") + b"\0\0\0\0\0\0\0\x09\xff\xff\xff"
    assert decode(raw) == Pdu(command, 0, 9, raw=raw)


def test_parameters_of_odd_sizes_and_unknown_tags_are_kept() -> None:
    tlvs = {Tag.MESSAGE_STATE: b"\0\x02", 0x1403: b"vendor", Tag.RECEIPTED_MESSAGE_ID: b"abc"}
    read = decode(encode(Pdu(Command.DELIVER_SM, 0, 1, Message(), tlvs)))
    assert dict(read.tlvs) == tlvs
    assert tlv_int(read.tlvs[Tag.MESSAGE_STATE]) == 2
    assert tlv_text(read.tlvs[Tag.RECEIPTED_MESSAGE_ID]) == "abc"


def test_a_parameter_that_comes_twice_keeps_the_first() -> None:
    once = encode(Pdu(Command.ENQUIRE_LINK, 0, 1, None, {0x1400: b"1"}))
    raw = (len(once) + 5).to_bytes(4, "big") + once[4:] + b"\x14\0\0\x012"
    assert dict(decode(raw).tlvs) == {0x1400: b"1"}


@pytest.mark.parametrize(
    ("value", "text"), [(b"abc\0", "abc"), (b"abc", "abc"), (b"a\0\0", "a\0"), (b"", ""), (b"\xe9\0", "é")]
)
def test_a_string_parameter_loses_one_nul_and_nothing_else(value: bytes, text: str) -> None:
    assert tlv_text(value) == text


def test_a_peers_long_strings_and_255_octets_are_read() -> None:
    short = encode(Pdu(Command.SUBMIT_SM_RESP, 0, 1, MessageResp("x")))
    raw = (len(short) + 99).to_bytes(4, "big") + short[4:16] + b"y" * 100 + b"\0"
    assert decode(raw).body == MessageResp("y" * 100)
    empty = encode(Pdu(Command.DELIVER_SM, 0, 1, Message()))
    raw = (len(empty) + 255).to_bytes(4, "big") + empty[4:-1] + b"\xff" + b"z" * 255
    assert decode(raw).body == Message(short_message=b"z" * 255)


# ---------------------------------------------------------------- what we refuse to write


@pytest.mark.parametrize(
    "body",
    [
        Message(short_message=b"x" * 255),
        Message(source=Address("x" * 21)),
        Message(source=Address("€uro")),
        Message(source=Address("a\0b")),
        Message(destination=Address("316", 256, 1)),
        Message(esm_class=-1),
        Message(validity_period="x" * 17),
        Message(service_type="sixsix"),
        None,
        MessageResp("1"),
    ],
)
def test_what_does_not_fit_is_refused_not_cut(body: pdu.Body | None) -> None:
    with pytest.raises(LocalProtocolError):
        encode(Pdu(Command.SUBMIT_SM, 0, 1, body))


@pytest.mark.parametrize(
    "message",
    [
        Pdu(Command.BIND_TRANSCEIVER, 0, 1, pdu.Bind("burgernet", "nine char")),
        Pdu(Command.SUBMIT_SM_RESP, 0, 1, MessageResp("x" * 65)),
        Pdu(Command.SUBMIT_SM_RESP, 0, 1, None),
        Pdu(Command.ENQUIRE_LINK, 0, 1, MessageResp("")),
        Pdu(Command.ENQUIRE_LINK, 0, 1 << 32),
        Pdu(Command.ENQUIRE_LINK, -1, 1),
        Pdu(Command.ENQUIRE_LINK, 0, 1, None, {0x1400: b"x" * 65536}),
        Pdu(Command.ENQUIRE_LINK, 0, 1, None, {0x10000: b""}),
        Pdu(Command.SUBMIT_MULTI, 0, 1),
        Pdu(0x42, 0, 1),
    ],
)
def test_a_faulty_pdu_is_refused(message: Pdu) -> None:
    with pytest.raises(LocalProtocolError):
        encode(message)


def test_no_refusal_quotes_a_number_or_a_password() -> None:
    secrets = "31612345678901234567890"
    for message in (
        Pdu(Command.SUBMIT_SM, 0, 1, Message(destination=Address(secrets))),
        Pdu(Command.BIND_TRANSCEIVER, 0, 1, pdu.Bind("burgernet", secrets)),
    ):
        with pytest.raises(LocalProtocolError) as caught:
            encode(message)
        assert secrets not in str(caught.value)
