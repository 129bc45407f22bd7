"""Receipts: what carriers really send, and what it means for a segment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivery import Reason, SegmentState
from gateway.smpp.pdu import DataMessage, Message, MessageState, Tag
from gateway.smpp.receipt import (
    OUTCOMES,
    IdForm,
    done_at,
    message_id_forms,
    normalise_message_id,
    parse_receipt,
    state_of_word,
)

NOW = datetime(2026, 5, 4, 12, 34, 56, tzinfo=UTC)
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
USUAL = "id:0123456789 sub:001 dlvrd:001 submit date:2605041230 done date:2605041231 stat:DELIVRD err:000 text:Let op"


def receipt(text: str, *, esm_class: int = 4, data_coding: int = 0) -> Message:
    octets = text.encode("utf-16-be" if data_coding == 8 else "latin-1")
    return Message(short_message=octets, esm_class=esm_class, data_coding=data_coding)


# ---------------------------------------------------------------- the text


def test_the_receipt_of_the_specification() -> None:
    parsed = parse_receipt(receipt(USUAL), {}, NOW)
    assert parsed is not None
    assert parsed.message_id == "0123456789"
    assert (parsed.state, parsed.segment, parsed.reason) == (MessageState.DELIVERED, SegmentState.DELIVERED, None)
    assert parsed.error == "000"
    assert parsed.done_at == datetime(2026, 5, 4, 12, 31, 59, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "message_id", "state", "error"),
    [
        ("stat:UNDELIV err:12 id:AbC-9 done date:260504123100", "AbC-9", MessageState.UNDELIVERABLE, "12"),
        ("ID:7 SUB:1 DLVRD:1 SUBMIT DATE:2605041230 DONE DATE:2605041231 STAT:delivrd ERR:0 TEXT:x", "7", 2, "0"),
        ("id:7 submit_date:2605041230 done_date:2605041231 stat:EXPIRED Text:id:8 stat:DELIVRD", "7", 3, ""),
        ("id: 7 stat: REJECTD err: 6", "7", MessageState.REJECTED, "6"),
        ("id:f81d4fae-7dec-11d0-a765-00a0c91e6bf6 stat:DELIVRD", "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", 2, ""),
        ("id:a:b/c+d=e stat:ACCEPTD", "a:b/c+d=e", MessageState.ACCEPTED, ""),
        ("id:7 stat:DELIVRD\0", "7", MessageState.DELIVERED, ""),
        ("id:7\r\nstat:DELIVRD\r\nerr:1\r\n", "7", MessageState.DELIVERED, "1"),
        ("id:7 stat:NONSENSE err:1", "7", MessageState.UNKNOWN, "1"),
        ("id:7 err:1", "7", MessageState.UNKNOWN, "1"),
        ("stat:DELIVRD", "", MessageState.DELIVERED, ""),
        ("", "", MessageState.UNKNOWN, ""),
        ("id:" + "9" * 250, "9" * 250, MessageState.UNKNOWN, ""),
    ],
)
def test_text_is_read_whatever_its_order_and_case(text: str, message_id: str, state: MessageState, error: str) -> None:
    parsed = parse_receipt(receipt(text), {}, NOW)
    assert parsed is not None
    assert (parsed.message_id, parsed.state, parsed.error) == (message_id, state, error)


def test_a_receipt_in_ucs2_in_a_payload_or_behind_a_header_is_read() -> None:
    for message, tlvs in (
        (receipt(USUAL, data_coding=8), {}),
        (Message(esm_class=4), {Tag.MESSAGE_PAYLOAD: USUAL.encode()}),
        (DataMessage(esm_class=4), {Tag.MESSAGE_PAYLOAD: USUAL.encode()}),
        (Message(short_message=b"\x05\x00\x03\x01\x01\x01" + USUAL.encode(), esm_class=0x44), {}),
    ):
        parsed = parse_receipt(message, tlvs, NOW)
        assert parsed is not None
        assert (parsed.message_id, parsed.state) == ("0123456789", MessageState.DELIVERED)


# ---------------------------------------------------------------- what is a receipt


@pytest.mark.parametrize(
    ("text", "esm_class", "tlvs", "expected"),
    [
        (USUAL, 0x04, {}, True),
        (USUAL, 0x20, {}, True),
        (USUAL, 0x00, {}, True),  # a carrier that sets no bit
        ("", 0x04, {}, True),
        ("", 0x00, {Tag.RECEIPTED_MESSAGE_ID: b"7\0"}, True),
        ("", 0x00, {Tag.MESSAGE_STATE: b"\x02"}, True),
        ("Ik zie hem", 0x00, {}, False),
        ("id:7", 0x00, {}, False),
        ("Mijn id: 7, stat: onbekend", 0x00, {}, False),
        ("Ik zie hem", 0x40, {}, False),
        ("Ik zie hem", 0x08, {}, False),  # an acknowledgement by the handset is no receipt of the carrier's
    ],
)
def test_a_receipt_is_told_from_a_citizens_message(
    text: str, esm_class: int, tlvs: dict[int, bytes], expected: bool
) -> None:
    assert (parse_receipt(receipt(text, esm_class=esm_class), tlvs, NOW) is not None) is expected


def test_parameters_are_believed_before_the_text() -> None:
    tlvs = {Tag.RECEIPTED_MESSAGE_ID: b"abc", Tag.MESSAGE_STATE: b"\x05", Tag.NETWORK_ERROR_CODE: b"\x03\x00\x0b"}
    parsed = parse_receipt(receipt(USUAL), tlvs, NOW)
    assert parsed is not None
    assert (parsed.message_id, parsed.state) == ("abc", MessageState.UNDELIVERABLE)
    assert parsed.error == "000"  # the text's, where there is one
    alone = parse_receipt(Message(), tlvs, NOW)
    assert alone is not None
    assert (alone.message_id, alone.state, alone.error, alone.done_at) == ("abc", 5, "11", NOW)


@pytest.mark.parametrize(
    ("tlvs", "message_id", "state"),
    [
        ({Tag.RECEIPTED_MESSAGE_ID: b""}, "0123456789", MessageState.DELIVERED),
        ({Tag.RECEIPTED_MESSAGE_ID: b"x" * 300}, "0123456789", MessageState.DELIVERED),
        ({Tag.RECEIPTED_MESSAGE_ID: b"a\0b\0"}, "a", MessageState.DELIVERED),
        ({Tag.MESSAGE_STATE: b"\x63"}, "0123456789", MessageState.DELIVERED),
        ({Tag.MESSAGE_STATE: b""}, "0123456789", MessageState.DELIVERED),
        ({Tag.MESSAGE_STATE: b"\0\0\0\x03"}, "0123456789", MessageState.EXPIRED),
    ],
)
def test_a_parameter_that_says_nothing_leaves_it_to_the_text(
    tlvs: dict[int, bytes], message_id: str, state: MessageState
) -> None:
    parsed = parse_receipt(receipt(USUAL), tlvs, NOW)
    assert parsed is not None
    assert (parsed.message_id, parsed.state) == (message_id, state)


# ---------------------------------------------------------------- what it means


@pytest.mark.parametrize(
    ("words", "segment", "reason"),
    [
        ("DELIVRD DELIVERED delivered", SegmentState.DELIVERED, None),
        ("ACCEPTD ACCEPTED ENROUTE EN_ROUTE SCHEDLD SCHEDULED BUFFERED", SegmentState.ENROUTE, None),
        ("UNKNOWN WHATEVER", SegmentState.ENROUTE, None),
        ("EXPIRED EXPIRD", SegmentState.FAILED, Reason.NOT_DELIVERED_IN_TIME),
        ("UNDELIV UNDELIVERABLE UNDELIVERED FAILED", SegmentState.FAILED, Reason.UNDELIVERABLE),
        ("REJECTD REJECTED SKIPPED", SegmentState.FAILED, Reason.REJECTED),
        ("DELETED", SegmentState.FAILED, Reason.DELETED),
    ],
)
def test_each_word_has_its_meaning(words: str, segment: SegmentState, reason: Reason | None) -> None:
    for word in words.split():
        parsed = parse_receipt(receipt(f"id:7 stat:{word}"), {}, NOW)
        assert parsed is not None
        assert (parsed.segment, parsed.reason) == (segment, reason), word


def test_a_state_by_its_number_in_the_text() -> None:
    assert [state_of_word(str(number)) for number in range(10)] == list(MessageState)


def test_every_state_has_a_meaning() -> None:
    assert OUTCOMES.keys() == set(MessageState)
    for segment, reason in OUTCOMES.values():
        assert (segment is SegmentState.FAILED) == (reason is not None)


@pytest.mark.parametrize(
    ("word", "segment"),
    [("UNDELIV", SegmentState.ENROUTE), ("ENROUTE", SegmentState.ENROUTE), ("DELIVRD", SegmentState.DELIVERED)],
)
def test_an_intermediate_notification_fails_nothing(word: str, segment: SegmentState) -> None:
    parsed = parse_receipt(receipt(f"id:7 stat:{word}", esm_class=0x20), {}, NOW)
    assert parsed is not None
    assert (parsed.segment, parsed.reason) == (segment, None)


# ---------------------------------------------------------------- when


@pytest.mark.parametrize(
    ("written", "zone", "moment"),
    [
        ("260504123100", UTC, "12:31:00"),
        ("2605041231", UTC, "12:31:59"),
        ("20260504123100", UTC, "12:31:00"),
        ("260504143100", AMSTERDAM, "12:31:00"),
        ("260504133100", timezone(timedelta(hours=1)), "12:31:00"),
        ("2605041234", UTC, "12:34:56"),  # the minute in which it came
        ("260504143100", UTC, "12:34:56"),  # in the future: the zone is wrong
        ("260304123100", UTC, "12:34:56"),  # two months ago
        ("0000000000", UTC, "12:34:56"),
        ("9913322561", UTC, "12:34:56"),
        ("00010101000000", timezone(timedelta(hours=14)), "12:34:56"),
        ("260504", UTC, "12:34:56"),
        ("26050412310", UTC, "12:34:56"),
        ("٢٦٠٥٠٤١٢٣١", UTC, "12:34:56"),
        ("", UTC, "12:34:56"),
    ],
)
def test_a_date_is_believed_where_it_can_be(written: str, zone: timezone, moment: str) -> None:
    assert done_at(written, NOW, zone).isoformat() == f"2026-05-04T{moment}+00:00"


def test_a_receipt_may_come_days_later() -> None:
    assert done_at("260430120000", NOW) == datetime(2026, 4, 30, 12, tzinfo=UTC)


@given(st.text(max_size=20) | st.from_regex(r"[0-9]{10,14}", fullmatch=True))
def test_no_time_lies_after_the_receipt_came(written: str) -> None:
    assert NOW - timedelta(days=31) <= done_at(written, NOW) <= NOW


# ---------------------------------------------------------------- ids


@pytest.mark.parametrize(
    ("raw", "form", "expected"),
    [
        ("00a1", IdForm.AS_IS, "00a1"),
        ("0012", IdForm.DECIMAL, "12"),
        ("0000", IdForm.DECIMAL, "0"),
        ("00A1", IdForm.HEX, "a1"),
        ("499602D2", IdForm.HEX_TO_DECIMAL, "1234567890"),
        ("0499602d2", IdForm.HEX_TO_DECIMAL, "1234567890"),
        ("1234567890", IdForm.DECIMAL_TO_HEX, "499602d2"),
        ("f81d4fae-7dec-11d0", IdForm.HEX_TO_DECIMAL, "f81d4fae-7dec-11d0"),
        ("a1", IdForm.DECIMAL, "a1"),
        ("", IdForm.HEX, ""),
        ("1_000", IdForm.DECIMAL, "1_000"),
        (" 12", IdForm.DECIMAL, " 12"),
        ("+12", IdForm.DECIMAL, "+12"),
        ("٣", IdForm.DECIMAL, "٣"),
        ("9" * 5000, IdForm.DECIMAL, "9" * 5000),
    ],
)
def test_ids_are_brought_to_one_form(raw: str, form: IdForm, expected: str) -> None:
    assert normalise_message_id(raw, form) == expected


@given(st.integers(0, 2**64 - 1))
def test_every_mix_of_hex_and_decimal_can_be_matched(number: int) -> None:
    decimal, padded, hexadecimal = str(number), f"{number:020d}", f"{number:016X}"
    assert normalise_message_id(hexadecimal, IdForm.HEX_TO_DECIMAL) == normalise_message_id(padded, IdForm.DECIMAL)
    assert normalise_message_id(padded, IdForm.DECIMAL_TO_HEX) == normalise_message_id(hexadecimal, IdForm.HEX)
    assert decimal in [reading for _, reading in message_id_forms(padded)]
    assert decimal in [reading for _, reading in message_id_forms(hexadecimal)]


def test_the_readings_of_an_id_begin_with_itself_and_do_not_repeat() -> None:
    assert message_id_forms("0010") == [
        (IdForm.AS_IS, "0010"),
        (IdForm.DECIMAL, "10"),
        (IdForm.HEX_TO_DECIMAL, "16"),
        (IdForm.DECIMAL_TO_HEX, "a"),
    ]
    assert message_id_forms("f81d-11d0") == [(IdForm.AS_IS, "f81d-11d0")]


# ---------------------------------------------------------------- anything


@given(
    st.binary(max_size=254) | st.text(st.sampled_from("id:stat erdon:text0123456789 \0"), max_size=120).map(str.encode),
    st.integers(0, 255),
    st.integers(0, 255),
    st.dictionaries(st.sampled_from([0x1E, 0x427, 0x423, 0x424]), st.binary(max_size=300)),
)
def test_nothing_that_comes_in_trips_the_reader(
    octets: bytes, esm_class: int, coding: int, tlvs: dict[int, bytes]
) -> None:
    message = Message(short_message=octets, esm_class=esm_class, data_coding=coding)
    parsed = parse_receipt(message, tlvs, NOW, AMSTERDAM)
    if parsed is not None:
        assert "\0" not in parsed.message_id + parsed.error  # PostgreSQL takes none
        assert len(parsed.message_id) <= 255
        (parsed.message_id + parsed.error).encode()
        assert parsed.done_at <= NOW
