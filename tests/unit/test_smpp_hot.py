"""The fast path: the same octets and the same values as the codec."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import hot
from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import Address, Command, Message, MessageResp, MessageState, Pdu, Status, Tag
from gateway.smpp.receipt import parse_receipt

NOW = datetime(2026, 5, 4, 12, 30, 20, tzinfo=UTC)
OCTET = st.integers(0, 255)
NAMES = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=16)
NUMBERS = st.from_regex(r"[0-9]{1,20}", fullmatch=True)
MESSAGES = st.builds(
    Message,
    source=st.builds(Address, NAMES, OCTET, OCTET),
    destination=st.builds(Address, NUMBERS, OCTET, OCTET),
    short_message=st.binary(max_size=254),
    esm_class=OCTET,
    validity_period=NAMES,
    registered_delivery=OCTET,
    data_coding=OCTET,
    service_type=NAMES.map(lambda name: name[:5]),
)
TLVS = st.dictionaries(st.integers(0, 0xFFFF), st.binary(max_size=20), max_size=3)


# ---------------------------------------------------------------- out


@given(MESSAGES, TLVS, st.integers(0, 0x7FFFFF00), st.lists(NUMBERS, max_size=8))
def test_a_template_packs_what_the_codec_encodes(
    message: Message, tlvs: dict[int, bytes], first: int, numbers: list[str]
) -> None:
    template = hot.SubmitTemplate(message, tlvs)
    expected = [
        encode(
            Pdu(
                Command.SUBMIT_SM,
                0,
                first + index,
                replace(message, destination=replace(message.destination, value=number)),
                tlvs,
            )
        )
        for index, number in enumerate(numbers)
    ]
    octets = [number.encode() for number in numbers]
    assert template.pack_many(first, octets) == b"".join(expected)
    assert [template.pack(first + index, number) for index, number in enumerate(octets)] == expected


def test_a_template_refuses_what_does_not_fit() -> None:
    template = hot.SubmitTemplate(Message())
    for first, destination in ((1, b"3" * 21), (1, b"31\x006"), (hot.MAX_SEQUENCE + 1, b"316"), (-1, b"316")):
        with pytest.raises(LocalProtocolError):
            template.pack(first, destination)
    with pytest.raises(LocalProtocolError):
        template.pack_many(hot.MAX_SEQUENCE, [b"316", b"317"])
    with pytest.raises(LocalProtocolError):
        hot.SubmitTemplate(Message(short_message=b"x" * 255))


@given(st.lists(st.integers(0, 0xFFFFFFFF), max_size=5), st.sampled_from([0, 0x08, 0x64]))
def test_deliver_resps_are_those_of_the_codec(sequences: list[int], status: int) -> None:
    expected = [encode(Pdu(Command.DELIVER_SM_RESP, status, sequence, MessageResp())) for sequence in sequences]
    assert hot.pack_deliver_resps(sequences, status) == b"".join(expected)


# ---------------------------------------------------------------- in

RESPONSES = st.builds(
    lambda status, sequence, message_id, tlvs: encode(
        Pdu(Command.SUBMIT_SM_RESP, status, sequence, MessageResp(message_id), tlvs)
    ),
    st.sampled_from([0, 0x58, 0xFFFFFFFF]),
    st.integers(0, 0xFFFFFFFF),
    st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=64),
    st.just({}) | TLVS,
)
GARBAGE = st.builds(
    lambda command, status, body: b"".join(
        [
            (16 + len(body)).to_bytes(4, "big"),
            command.to_bytes(4, "big"),
            status.to_bytes(4, "big"),
            b"\0\0\0\x07",
            body,
        ]
    ),
    st.sampled_from([int(Command.SUBMIT_SM_RESP), int(Command.DELIVER_SM), int(Command.ENQUIRE_LINK)]),
    st.sampled_from([0, 8]),
    st.binary(max_size=30),
)


@given(st.lists(RESPONSES | GARBAGE, max_size=10), st.binary(max_size=15))
def test_a_stream_splits_into_responses_and_everything_else(stream: list[bytes], cut: bytes) -> None:
    rest = (len(cut) + 16).to_bytes(4, "big") + cut if cut else b""
    responses, others, left = hot.split_submit_responses(b"".join(stream) + rest)
    assert left == rest
    plain = []
    for raw in stream:
        if raw in others:
            continue
        read = decode(raw)
        assert read.command == Command.SUBMIT_SM_RESP
        assert not read.tlvs
        message_id = read.body.message_id if isinstance(read.body, MessageResp) else ""  # a refusal has no body
        plain.append((read.sequence, read.status, message_id))
    assert responses == plain
    assert [raw for raw in stream if raw in others] == others


@given(RESPONSES | GARBAGE)
def test_one_response_reads_as_the_codec_reads_it(raw: bytes) -> None:
    try:
        read = decode(raw)
    except RemoteProtocolError:
        with pytest.raises(RemoteProtocolError):
            hot.read_submit_resp(raw)
        return
    if read.command != Command.SUBMIT_SM_RESP:
        with pytest.raises(RemoteProtocolError):
            hot.read_submit_resp(raw)
        return
    message_id = read.body.message_id if isinstance(read.body, MessageResp) else ""
    assert hot.read_submit_resp(raw) == (read.sequence, read.status, message_id)


@given(st.lists(RESPONSES | GARBAGE, min_size=1, max_size=6), st.data())
def test_any_cut_of_the_stream_gives_the_same(stream: list[bytes], data: st.DataObject) -> None:
    octets = b"".join(stream)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(octets)), max_size=4)))
    responses: list[tuple[int, int, str]] = []
    others: list[bytes] = []
    rest = b""
    for start, end in zip([0, *cuts], [*cuts, len(octets)], strict=True):
        found, unusual, rest = hot.split_submit_responses(rest + octets[start:end])
        responses += found
        others += unusual
    whole_responses, whole_others, _ = hot.split_submit_responses(octets)
    assert (responses, others, rest) == (whole_responses, whole_others, b"")
    assert len(responses) + len(others) == len(Framer().feed(octets))


def test_an_impossible_length_is_found_after_the_good_ones() -> None:
    good = encode(Pdu(Command.SUBMIT_SM_RESP, 0, 1, MessageResp("a")))
    responses, _, rest = hot.split_submit_responses(good + b"\0\0\0\x07" + b"x" * 20)
    assert responses == [(1, 0, "a")]
    with pytest.raises(RemoteProtocolError) as caught:
        hot.split_submit_responses(rest)
    assert caught.value.fatal
    assert caught.value.status == Status.ESME_RINVCMDLEN


# ---------------------------------------------------------------- receipts

IDS = st.from_regex(r"[!-~]{1,70}", fullmatch=True)
WORDS = st.sampled_from(
    ["DELIVRD", "EXPIRED", "UNDELIV", "REJECTD", "ACCEPTD", "UNKNOWN", "DELIVERED", "WHATEVR", "err"]
)
DATES = st.sampled_from(["2605041229", "260504122959", "2605041230", "26050412300", "9999999999", "2602300000"])
TAILS = st.sampled_from(["", "hallo", "id:9 stat:EXPIRED", "x" * 60])


@st.composite
def receipts(draw: st.DrawFn) -> bytes:
    """A deliver_sm that looks like a receipt, mostly; with or without the parameters, which may say otherwise."""
    message_id = draw(IDS)
    text = (
        f"id:{message_id} sub:001 dlvrd:001 submit date:{draw(DATES)} done date:{draw(DATES)}"
        f" stat:{draw(WORDS)} err:{draw(st.sampled_from(['000', '1', 'x y']))} text:{draw(TAILS)}"
    )
    tlvs = {}
    if draw(st.booleans()):
        tlvs[int(Tag.RECEIPTED_MESSAGE_ID)] = draw(st.just(message_id) | IDS).encode() + draw(
            st.sampled_from([b"\0", b""])
        )
    if draw(st.booleans()):
        tlvs[int(Tag.MESSAGE_STATE)] = draw(st.sampled_from([b"\x02", b"\x05", b"\0\x02"]))
    body = Message(
        Address("31612345678", 1, 1),
        Address("Burgernet", 5, 0),
        text.encode()[:254],
        esm_class=draw(st.sampled_from([4, 4, 4, 0, 0x20, 0x44])),
        data_coding=draw(st.sampled_from([0, 0, 3, 8])),
    )
    return encode(Pdu(Command.DELIVER_SM, 0, draw(st.integers(0, 0xFFFFFFFF)), body, tlvs))


@given(receipts())
def test_the_fast_path_reads_a_receipt_as_the_slow_one_does(raw: bytes) -> None:
    read = decode(raw)
    assert isinstance(read.body, Message)
    slow = parse_receipt(read.body, read.tlvs, NOW)
    assert hot.read_receipt(raw, NOW) == (None if slow is None else (read.sequence, slow))


@pytest.mark.parametrize("tlvs", [{}, {Tag.RECEIPTED_MESSAGE_ID: b"42\0", Tag.MESSAGE_STATE: b"\x02"}])
def test_the_usual_receipt_takes_the_fast_path(tlvs: dict[int, bytes]) -> None:
    text = b"id:42 sub:001 dlvrd:001 submit date:2605041230 done date:2605041229 stat:DELIVRD err:000 text:"
    raw = encode(Pdu(Command.DELIVER_SM, 0, 7, Message(Address("316"), short_message=text, esm_class=4), tlvs))
    fast = hot._read_plain_receipt(raw, NOW, UTC)
    assert fast is not None
    assert fast == hot.read_receipt(raw, NOW)
    assert (fast[0], fast[1].message_id, fast[1].state) == (7, "42", MessageState.DELIVERED)


@given(st.binary(max_size=100))
def test_the_fast_path_refuses_what_the_codec_refuses(body: bytes) -> None:
    raw = (16 + len(body)).to_bytes(4, "big") + b"\0\0\0\x05\0\0\0\0\0\0\0\x01" + body
    for octets in (raw, body):
        try:
            decode(octets)
        except RemoteProtocolError:
            with pytest.raises(RemoteProtocolError):
                hot.read_receipt(octets, NOW)
        else:
            hot.read_receipt(octets, NOW)


def test_a_citizens_message_is_no_receipt() -> None:
    raw = encode(Pdu(Command.DELIVER_SM, 0, 1, Message(short_message=b"Ik zie hem bij de bakker, id: weet ik niet")))
    assert hot.read_receipt(raw, NOW) is None
    assert hot.read_receipt(encode(Pdu(Command.ENQUIRE_LINK, 0, 1)), NOW) is None
