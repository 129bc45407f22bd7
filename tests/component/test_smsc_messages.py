"""The simulated SMSC: what a message goes through, and what a citizen reads."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fakes.esme import NUMBER, SENDER, START, HandEsme, Stage, message_of

from gateway.domain.delivery import SegmentState
from gateway.domain.errors import NotFoundError
from gateway.rehearsal.smsc.delivery import receipt
from gateway.smpp import hot
from gateway.smpp.codec import decode, encode
from gateway.smpp.pdu import (
    Address,
    CancelSm,
    Command,
    DataMessage,
    Message,
    MessageResp,
    MessageState,
    Pdu,
    QuerySm,
    QuerySmResp,
    ReplaceSm,
    Status,
    Tag,
)
from gateway.smpp.receipt import ParsedReceipt, parse_receipt
from gateway.smpp.text import LongMessages, compose, decode_message, read_concatenation, to_wire

LONG = "Vermist: jongen van vijf jaar, blond haar, rode jas, [Weesp] €. " * 6
STRANGE = "Vermist 🚸 jongen, roze jas – bel 112 of 0800-0011 als u hem ziet. " * 4
SLOW = "[messages]\ndelivery_ms = 10000\n"


def submit_text(esme: HandEsme, text: str, how: LongMessages, reference: int = 7, **fields: Any) -> int:
    parts = to_wire(compose(text, long_messages=how), how, reference)
    for part in parts:
        wire = {"esm_class": part.esm_class, "data_coding": part.data_coding, "tlvs": part.tlvs}
        esme.submit(text=part.short_message, **{**wire, **fields})
    return len(parts)


def receipt_of(delivery: Pdu) -> ParsedReceipt:
    found = parse_receipt(message_of(delivery), delivery.tlvs, START + timedelta(hours=1))
    assert found is not None
    return found


# ---------------------------------------------------------------- what citizens read


def test_a_submit_is_answered_delivered_and_reported() -> None:
    stage = Stage("[messages]\ndelivery_ms = 2000")
    esme = stage.esme()
    message_id = esme.accepted(text=b"Kijk uit naar een jongen")
    assert stage.texts() == []
    stage.wait(2)
    assert stage.texts() == ["Kijk uit naar een jongen"]
    (delivery,) = esme.deliveries()
    assert receipt_of(delivery)[:2] == (message_id, MessageState.DELIVERED)
    assert message_of(delivery).source.value == NUMBER
    assert message_of(delivery).destination == SENDER
    assert stage.told("receipts_acked") == 1


@pytest.mark.parametrize("how", list(LongMessages))
@pytest.mark.parametrize("text", [LONG, STRANGE], ids=["gsm7", "ucs2"])
def test_a_long_text_reads_whole_however_it_is_sent(how: LongMessages, text: str) -> None:
    stage = Stage()
    esme = stage.esme()
    parts = submit_text(esme, text, how)
    assert stage.texts() == [text]
    (arrived,) = stage.centre.inbox("+" + NUMBER)
    assert len(arrived.contents) == parts
    assert len(esme.deliveries()) == parts


def test_parts_in_any_order_and_of_two_messages_do_not_mix() -> None:
    stage = Stage()
    esme = stage.esme()
    one = to_wire(compose(LONG), LongMessages.UDH, 1)
    two = to_wire(compose(LONG.upper()), LongMessages.UDH, 2)
    for part in (one[1], two[2], one[2], two[0], two[1], *one[3:], *two[3:], one[0]):
        esme.submit(text=part.short_message, esm_class=part.esm_class, data_coding=part.data_coding)
    assert stage.texts() == [LONG.upper(), LONG]


def test_a_message_of_which_a_part_fails_is_never_read() -> None:
    stage = Stage("[messages]\nrefuse = 8\nrefuse_times = 1")
    esme = stage.esme()
    submit_text(esme, LONG, LongMessages.UDH)
    assert esme.statuses()[:2] == [8, 0]
    assert stage.texts() == []


def test_a_euro_that_is_cut_between_parts_is_not_read_as_a_euro() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit(text=b"\x05\x00\x03\x01\x02\x01kost\x1b", esm_class=0x40)
    esme.submit(text=b"\x05\x00\x03\x01\x02\x02\x65 veel", esm_class=0x40)
    (text,) = stage.texts()
    assert "€" not in text


@pytest.mark.parametrize(
    ("alphabet", "octets", "reads"),
    [("gsm7", b"\x00\x1b\x65", "@€"), ("latin1", b"\xebn\xe9", "ëné"), ("ascii", b"plain", "plain")],
)
def test_data_coding_0_means_what_the_carrier_says(alphabet: str, octets: bytes, reads: str) -> None:
    stage = Stage(f'[messages]\nalphabet = "{alphabet}"')
    stage.esme().submit(text=octets)
    assert stage.texts() == [reads]


def test_a_replace_type_takes_the_place_of_the_earlier_message_from_the_same_sender() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit(text=b"een rode jas", protocol_id=0x41)
    esme.submit(text=b"een andere zaak", protocol_id=0x42)
    esme.submit(text=b"van een ander", protocol_id=0x41, source=Address("Politie", 5, 0))
    esme.submit(text=b"een blauwe jas", protocol_id=0x41)
    assert stage.texts() == ["een andere zaak", "van een ander", "een blauwe jas"]


@pytest.mark.parametrize(("coding", "flash"), [(0x10, True), (0x18, True), (0xF0, True), (0x00, False), (0x11, False)])
def test_a_flash_message_is_known_by_its_class(coding: int, flash: bool) -> None:
    stage = Stage()
    stage.esme().submit(text=b"\0a\0b", data_coding=coding)
    assert stage.centre.inbox(NUMBER)[0].as_dict()["flash"] is flash


def test_a_handset_keeps_the_newest_messages_only() -> None:
    stage = Stage("[limits]\ninbox = 3")
    esme = stage.esme()
    for number in range(5):
        esme.submit(text=b"%d" % number)
    assert stage.texts() == ["2", "3", "4"]


def test_data_sm_is_a_message_too() -> None:
    stage = Stage()
    esme = stage.esme()
    body = DataMessage(SENDER, Address(NUMBER, 1, 1), registered_delivery=1)
    esme.send(Command.DATA_SM, body, {Tag.MESSAGE_PAYLOAD: b"per data sm"})
    answer, delivery = esme.read()
    assert (answer.command, answer.status) == (Command.DATA_SM_RESP, 0)
    assert isinstance(answer.body, MessageResp)
    assert receipt_of(delivery).message_id == answer.body.message_id
    assert stage.texts() == ["per data sm"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"number": ""}, Status.ESME_RINVDSTADR),
        ({"validity_period": "soon"}, Status.ESME_RINVEXPIRY),
        ({"schedule_delivery_time": "991399000000000+"}, Status.ESME_RINVSCHED),
    ],
)
def test_a_submit_that_makes_no_sense_gets_the_status_that_says_so(fields: dict[str, Any], status: int) -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit(**fields)
    assert esme.statuses() == [status]
    assert stage.told("accepted") == 0


def test_the_same_submits_read_one_by_one_and_all_at_once_end_alike() -> None:
    message = Message(SENDER, Address("", 1, 1), b"Kijk uit", registered_delivery=1)
    template = hot.SubmitTemplate(message)
    numbers = [b"316000%05d" % n for n in range(300)]
    stream = template.pack_many(100, numbers)
    whole, drip = Stage("first_id = 1000"), Stage("first_id = 1000")
    one, other = whole.esme(), drip.esme()
    one.send_raw(stream)
    for at in range(0, len(stream), 37):
        other.send_raw(stream[at : at + 37])
    assert one.answers() == other.answers()
    assert whole.told("distinct_destinations") == drip.told("distinct_destinations") == 300


# ---------------------------------------------------------------- receipts


@pytest.mark.parametrize(
    ("word", "state", "segment"),
    [
        ("DELIVRD", MessageState.DELIVERED, SegmentState.DELIVERED),
        ("UNDELIV", MessageState.UNDELIVERABLE, SegmentState.FAILED),
        ("EXPIRED", MessageState.EXPIRED, SegmentState.FAILED),
        ("REJECTD", MessageState.REJECTED, SegmentState.FAILED),
        ("ACCEPTD", MessageState.ACCEPTED, SegmentState.ENROUTE),
        ("UNKNOWN", MessageState.UNKNOWN, SegmentState.ENROUTE),
        ("DELETED", MessageState.DELETED, SegmentState.FAILED),
    ],
)
@pytest.mark.parametrize("form", ["text", "tlv", "both"])
def test_every_end_is_reported_in_every_form(word: str, state: MessageState, segment: SegmentState, form: str) -> None:
    stage = Stage(f'[messages]\nfinal = "{word}"\nreceipt_form = "{form}"\nerror = "069"')
    esme = stage.esme()
    message_id = esme.accepted()
    (delivery,) = esme.deliveries()
    found = receipt_of(delivery)
    assert (found.message_id, found.state, found.segment) == (message_id, state, segment)
    assert bool(message_of(delivery).short_message) is (form != "tlv")
    assert (Tag.MESSAGE_STATE in delivery.tlvs) is (form != "text")
    assert stage.texts() == (["Kijk uit"] if word == "DELIVRD" else [])
    if segment is SegmentState.FAILED:
        assert found.error in ("069", "69")


def test_a_receipt_is_octet_for_octet_what_the_codec_makes_of_it() -> None:
    stage = Stage(SLOW)
    stage.esme().submit(text="Weesp: één jongen €".encode("latin-1", "replace"), data_coding=3)
    (held,) = stage.centre._traffic._messages.unfinished()
    for knobs in ({}, {"receipt_form": "text"}, {"receipt_form": "tlv"}, {"receipt_esm_class": False}):
        changed = replace(held, knobs=held.knobs.model_copy(update=knobs))
        for state in (MessageState.DELIVERED, MessageState.ENROUTE, MessageState.UNDELIVERABLE):
            raw = receipt(changed, state, START, ZoneInfo("Europe/Amsterdam"))
            assert encode(decode(raw)) == raw


def test_a_receipts_text_is_the_one_that_everybody_reads() -> None:
    stage = Stage('time_zone = "Europe/Amsterdam"\n[messages]\ndelivery_ms = 90000')
    esme = stage.esme()
    message_id = esme.accepted(text="Vermist: één jongen van vijf".encode("latin-1"), data_coding=3)
    stage.wait(90)
    (delivery,) = esme.deliveries()
    assert (
        message_of(delivery).short_message
        == (
            f"id:{message_id} sub:001 dlvrd:001 submit date:1605041230 done date:1605041231"
            " stat:DELIVRD err:000 text:Vermist: ??n jongen "
        ).encode()
    )


@pytest.mark.parametrize(
    ("own", "told", "response", "receipt_id"),
    [
        ("decimal", "same", "3735928559", "3735928559"),
        ("decimal", "hex", "3735928559", "deadbeef"),
        ("hex", "decimal", "deadbeef", "3735928559"),
        ("hex_upper", "hex", "DEADBEEF", "deadbeef"),
        ("padded", "decimal", "00000000003735928559", "3735928559"),
        ("decimal", "padded", "3735928559", "00000000003735928559"),
        ("hex_padded", "same", "00000000DEADBEEF", "00000000DEADBEEF"),
    ],
)
def test_message_ids_take_every_form(own: str, told: str, response: str, receipt_id: str) -> None:
    stage = Stage(f'first_id = 0xDEADBEEF\n[messages]\nid_form = "{own}"\nreceipt_id_form = "{told}"')
    esme = stage.esme()
    assert esme.accepted() == response
    assert receipt_of(esme.deliveries()[0]).message_id == receipt_id


def test_uuids_are_told_as_they_are() -> None:
    stage = Stage('[messages]\nid_form = "uuid"')
    esme = stage.esme()
    message_id = esme.accepted()
    assert len(message_id) == 36
    assert receipt_of(esme.deliveries()[0]).message_id == message_id


@pytest.mark.parametrize(
    ("asked", "final", "receipts"),
    [(0, "DELIVRD", 0), (1, "DELIVRD", 1), (1, "UNDELIV", 1), (2, "DELIVRD", 0), (2, "UNDELIV", 1), (3, "DELIVRD", 1)],
)
def test_only_those_receipts_come_that_were_asked_for(asked: int, final: str, receipts: int) -> None:
    esme = Stage(f'[messages]\nfinal = "{final}"').esme()
    esme.submit(registered_delivery=asked)
    assert len(esme.deliveries()) == receipts


@pytest.mark.parametrize(("receipts", "asked", "come"), [("always", 0, 1), ("never", 1, 0)])
def test_receipts_may_come_unasked_or_not_at_all(receipts: str, asked: int, come: int) -> None:
    esme = Stage(f'[messages]\nreceipts = "{receipts}"').esme()
    esme.submit(registered_delivery=asked)
    assert len(esme.deliveries()) == come


def test_an_intermediate_receipt_comes_upon_acceptance() -> None:
    stage = Stage(SLOW)
    esme = stage.esme()
    message_id = esme.accepted(registered_delivery=0x11)
    (first,) = esme.deliveries()
    assert receipt_of(first)[:3] == (message_id, MessageState.ENROUTE, SegmentState.ENROUTE)
    assert message_of(first).esm_class == 0x20
    stage.wait(10)
    assert receipt_of(esme.deliveries()[0]).state is MessageState.DELIVERED


def test_a_share_of_the_numbers_fails_and_the_same_ones_each_time() -> None:
    def failed() -> set[str]:
        stage = Stage("seed = 7\n[messages]\nfinal = { DELIVRD = 9, UNDELIV = 1 }")
        esme = stage.esme()
        for n in range(1000):
            esme.submit(number=f"3161000{n:04}", registered_delivery=2)
        return {message_of(delivery).source.value for delivery in esme.deliveries()}

    first = failed()
    assert 70 <= len(first) <= 130
    assert failed() == first


def test_a_message_that_cannot_be_delivered_within_its_validity_expires_at_its_end() -> None:
    stage = Stage(SLOW)
    esme = stage.esme()
    esme.submit(validity_period="000000000004000R")
    stage.wait(3.9)
    assert esme.deliveries() == []
    stage.wait(0.1)
    assert receipt_of(esme.deliveries()[0]).state is MessageState.EXPIRED
    assert stage.texts() == []


def test_a_scheduled_message_waits_for_its_time() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit(schedule_delivery_time="160504103030000+")
    stage.wait(29)
    assert stage.texts() == []
    stage.wait(1)
    assert stage.texts() == ["Kijk uit"]


# ---------------------------------------------------------------- query, cancel, replace


def test_query_tells_where_a_message_is() -> None:
    stage = Stage('[messages]\ndelivery_ms = 5000\nfinal = "UNDELIV"\nerror = "069"')
    esme = stage.esme()
    message_id = esme.accepted()
    asked = QuerySm(message_id, SENDER)
    assert esme.ask(Command.QUERY_SM, asked).body == QuerySmResp(message_id, "", MessageState.ENROUTE, 0)
    stage.wait(5)
    esme.deliveries()
    told = QuerySmResp(message_id, "160504103005000+", MessageState.UNDELIVERABLE, 69)
    assert esme.ask(Command.QUERY_SM, asked).body == told
    for stranger in (QuerySm("unknown", SENDER), QuerySm(message_id, Address("31699999999", 1, 1))):
        assert esme.ask(Command.QUERY_SM, stranger).status == Status.ESME_RINVMSGID


def test_another_account_cannot_ask_for_a_message() -> None:
    stage = Stage(SLOW)
    message_id = stage.esme().accepted()
    other = stage.esme(system_id="other")
    assert other.ask(Command.QUERY_SM, QuerySm(message_id)).status == Status.ESME_RINVMSGID
    assert other.ask(Command.CANCEL_SM, CancelSm(message_id)).status == Status.ESME_RCANCELFAIL


def test_a_cancelled_message_never_arrives() -> None:
    stage = Stage(SLOW)
    esme = stage.esme()
    message_id = esme.accepted()
    assert esme.ask(Command.CANCEL_SM, CancelSm(message_id, SENDER)).status == 0
    assert esme.ask(Command.CANCEL_SM, CancelSm(message_id, SENDER)).status == Status.ESME_RCANCELFAIL
    stage.wait(20)
    assert stage.texts() == []
    assert stage.told("cancelled") == 1
    assert stage.told("pending") == 0


def test_cancel_without_an_id_takes_all_of_a_sender_to_a_number() -> None:
    stage = Stage(SLOW)
    esme = stage.esme()
    for _ in range(3):
        esme.submit()
    esme.submit(source=Address("31600000999", 1, 1), text=b"blijft")
    esme.submit(number="31687654321")
    esme.read()
    asked = CancelSm("", SENDER, Address(NUMBER, 1, 1))
    assert esme.ask(Command.CANCEL_SM, asked).status == 0
    stage.wait(20)
    assert stage.texts() == ["blijft"]
    assert stage.texts("31687654321") == ["Kijk uit"]


def test_replace_sm_changes_what_is_read_while_it_can() -> None:
    stage = Stage(SLOW)
    esme = stage.esme()
    message_id = esme.accepted()
    change = ReplaceSm(message_id, SENDER, short_message=b"Hij is terecht", registered_delivery=1)
    assert esme.ask(Command.REPLACE_SM, change).status == 0
    stage.wait(10)
    assert stage.texts() == ["Hij is terecht"]
    assert len(esme.deliveries()) == 1
    assert esme.ask(Command.REPLACE_SM, change).status == Status.ESME_RREPLACEFAIL


def test_replace_if_present_takes_the_place_of_what_is_still_on_its_way() -> None:
    stage = Stage(SLOW)
    esme = stage.esme()
    first = esme.accepted(text=b"rode jas")
    second = esme.accepted(text=b"blauwe jas", replace_if_present_flag=1)
    (deleted,) = esme.deliveries()
    assert receipt_of(deleted)[:2] == (first, MessageState.DELETED)
    stage.wait(10)
    assert stage.texts() == ["blauwe jas"]
    assert [receipt_of(delivery).message_id for delivery in esme.deliveries()] == [second]


# ---------------------------------------------------------------- citizens' replies


def test_a_citizen_answers_the_sender_of_the_last_message() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit(registered_delivery=0)
    assert stage.centre.reply("+" + NUMBER, "Ik zie hem bij de brug", stage.now) == 1
    (delivery,) = esme.deliveries()
    message = message_of(delivery)
    assert (message.source, message.destination) == (Address(NUMBER, 1, 1), SENDER)
    assert decode_message(message, delivery.tlvs) == "Ik zie hem bij de brug"
    assert parse_receipt(message, delivery.tlvs, START) is None
    assert (stage.told("replies_sent"), stage.told("replies_acked")) == (1, 1)


@pytest.mark.parametrize("long", list(LongMessages))
def test_a_long_reply_comes_in_parts(long: LongMessages) -> None:
    stage = Stage(f'[links]\nreply_long = "{long}"')
    esme = stage.esme()
    parts = stage.centre.reply(NUMBER, STRANGE, stage.now, to="+31600000112")
    deliveries = esme.deliveries()
    assert len(deliveries) == parts
    assert parts == 1 if long is LongMessages.PAYLOAD else parts > 3
    if long is not LongMessages.PAYLOAD:
        places = [read_concatenation(message_of(d), d.tlvs) for d in deliveries]
        assert [place and place[1:] for place in places] == [(parts, n) for n in range(1, parts + 1)]
    assert "".join(decode_message(message_of(d), d.tlvs) for d in deliveries) == STRANGE


def test_scripted_replies_come_after_a_message_with_their_words() -> None:
    stage = Stage(f"""
        [[reply]]
        sender = "+{NUMBER}"
        contains = "vermist"
        after_s = 5
        text = "Ik zie hem"
    """)
    esme = stage.esme()
    esme.submit(text=b"Iets anders", registered_delivery=0)
    stage.wait(10)
    assert esme.deliveries() == []
    esme.submit(text=b"Vermist: jongen", registered_delivery=0)
    esme.submit(text=b"Vermist: jongen", registered_delivery=0)
    stage.wait(4.9)
    assert esme.deliveries() == []
    stage.wait(0.1)
    assert [message_of(d).short_message for d in esme.deliveries()] == [b"Ik zie hem"]
    stage.wait(10)
    assert esme.deliveries() == []


def test_a_citizen_may_write_unasked() -> None:
    stage = Stage("""
        [[reply]]
        unasked = true
        sender = "31698765432"
        to = "31600000112"
        after_s = 3
        text = "Wat is er aan de hand?"
    """)
    esme = stage.esme("receiver")
    stage.wait(3)
    assert len(esme.deliveries()) == 1


@pytest.mark.parametrize("source", [None, Address("Burgernet", 5, 0)], ids=["nothing", "a name"])
def test_nobody_can_answer_nothing_or_a_name(source: Address | None) -> None:
    stage = Stage()
    esme = stage.esme()
    if source is not None:
        esme.submit(source=source)
    with pytest.raises(NotFoundError):
        stage.centre.reply(NUMBER, "Wie is dit?", stage.now)


# ---------------------------------------------------------------- the log, the counts, the limits


def test_the_log_has_a_line_for_each_message_however_many_parts() -> None:
    lines: list[str] = []
    stage = Stage("[messages]\ndelivery_ms = 1500", write_log=lines.append)
    esme = stage.esme()
    esme.submit(text=b"kort")
    parts = submit_text(esme, LONG, LongMessages.UDH)
    esme.submit(text=b"\x05\x00\x03\x63\x02\x01half", esm_class=0x40)
    ids = [message_id for _, _, message_id in esme.answers()]
    stage.wait(2)
    stage.centre.finish()
    short, long, half = (json.loads(line) for line in lines)
    assert short == {
        "at": START.isoformat(),
        "done_at": (START + timedelta(seconds=1.5)).isoformat(),
        "account": "burgernet",
        "from": SENDER.value,
        "to": NUMBER,
        "text": "kort",
        "parts": 1,
        "parts_missing": 0,
        "state": "DELIVRD",
        "ids": ids[:1],
        "flash": False,
    }
    assert (long["text"], long["parts"], long["ids"]) == (LONG, parts, ids[1:-1])
    assert (half["text"], half["parts_missing"]) == ("half", 1)


def test_duplicates_are_counted_by_text_whatever_their_reference() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit()
    esme.submit(number="31687654321")
    assert stage.told("duplicates") == 0
    esme.submit()
    assert stage.told("duplicates") == 1
    parts = submit_text(esme, LONG, LongMessages.UDH, reference=1)
    submit_text(esme, LONG, LongMessages.UDH, reference=2)
    assert stage.told("duplicates") == 1 + parts


def test_a_full_centre_refuses_until_there_is_room() -> None:
    stage = Stage("[limits]\npending = 2\n" + SLOW)
    esme = stage.esme()
    for n in range(3):
        esme.submit(number=f"3161234567{n}")
    assert esme.statuses() == [0, 0, Status.ESME_RMSGQFUL]
    stage.wait(10)
    esme.submit()
    assert esme.statuses() == [0]


def test_ended_messages_are_forgotten_when_there_are_too_many() -> None:
    stage = Stage("[limits]\nkept = 5")
    esme = stage.esme()
    first = esme.accepted()
    for _ in range(10):
        last = esme.accepted()
    esme.deliveries()
    assert esme.ask(Command.QUERY_SM, QuerySm(first)).status == Status.ESME_RINVMSGID
    assert esme.ask(Command.QUERY_SM, QuerySm(last)).status == 0


def test_reset_begins_anew_and_leaves_the_connection() -> None:
    stage = Stage(SLOW)
    esme = stage.esme()
    esme.submit()
    stage.centre.reset()
    stage.wait(20)
    assert stage.texts() == []
    assert stage.told("submits") == 0
    assert [p.command for p in esme.read()] == [Command.SUBMIT_SM_RESP]
    esme.accepted()
