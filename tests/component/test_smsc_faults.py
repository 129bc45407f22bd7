"""The simulated SMSC: the faults that it plays on command and by a scenario."""

from __future__ import annotations

from typing import get_args

import pytest
from fakes.esme import NUMBER, SENDER, Stage, message_of

from gateway.domain.errors import InvalidRequestError
from gateway.rehearsal.scenario import Change, Mischief
from gateway.settings.loading import SettingsError
from gateway.smpp.codec import Framer, decode
from gateway.smpp.errors import RemoteProtocolError
from gateway.smpp.pdu import Address, Command, Message, MessageResp, Status, Tag


def messages(count: int) -> list[Message]:
    return [Message(SENDER, Address(f"3160000{n:04}", 1, 1), b"Kijk uit", registered_delivery=1) for n in range(count)]


# ---------------------------------------------------------------- latency and order


def test_a_response_takes_its_time() -> None:
    stage = Stage("[messages]\nlatency_ms = 250")
    esme = stage.esme()
    esme.submit()
    stage.wait(0.249)
    assert esme.answers() == []
    stage.wait(0.001)
    assert len(esme.answers()) == 1
    assert len(esme.deliveries()) == 1


def test_latency_is_pipelined_so_that_a_window_of_submits_takes_no_longer_than_one() -> None:
    stage = Stage("[messages]\nlatency_ms = 100")
    esme = stage.esme()
    esme.submit_all(messages(50))
    stage.wait(0.1)
    assert len(esme.answers()) == 50
    assert stage.told("max_window") == 50


def test_jitter_keeps_the_order_unless_told_otherwise() -> None:
    orders = []
    for more in ("", "out_of_order = true"):
        stage = Stage(f"[messages]\nlatency_ms = 10\nlatency_jitter_ms = 50\n{more}")
        esme = stage.esme()
        esme.submit_all(messages(50))
        stage.wait(1)
        orders.append([sequence for sequence, _, _ in esme.answers()])
    assert orders[0] == sorted(orders[0])
    assert orders[1] != sorted(orders[1])
    assert sorted(orders[1]) == orders[0]


def test_a_receipt_may_come_before_the_response() -> None:
    stage = Stage("[messages]\nreceipt_before_response = true\nlatency_ms = 100\ndelivery_ms = 9000")
    esme = stage.esme()
    esme.submit()
    (delivery,) = esme.deliveries()
    assert esme.answers() == []
    stage.wait(0.1)
    ((_, _, message_id),) = esme.answers()
    assert f"id:{message_id} ".encode() in message_of(delivery).short_message


def test_a_receipt_may_come_before_the_response_even_without_latency() -> None:
    esme = Stage("[messages]\nreceipt_before_response = true").esme()
    esme.submit()
    assert [p.command for p in esme.read()] == [Command.DELIVER_SM, Command.SUBMIT_SM_RESP]


def test_a_receipt_may_be_late() -> None:
    stage = Stage("[messages]\nreceipt_delay_ms = 60000")
    esme = stage.esme()
    esme.submit()
    stage.wait(59)
    assert stage.texts() == ["Kijk uit"]
    assert esme.deliveries() == []
    stage.wait(1)
    assert len(esme.deliveries()) == 1


# ---------------------------------------------------------------- refusals


def test_a_throttle_accepts_its_rate_and_refuses_the_rest() -> None:
    stage = Stage("[messages]\nthrottle_per_s = 100")
    esme = stage.esme()
    statuses: list[int] = []
    for _ in range(100):
        esme.submit_all(messages(20))
        statuses += esme.statuses()
        stage.wait(0.1)
    assert set(statuses) == {0, Status.ESME_RTHROTTLED}
    assert 990 <= statuses.count(0) <= 1010
    assert stage.told("throttled") == statuses.count(Status.ESME_RTHROTTLED)


def test_one_number_may_be_slow_while_the_others_go_on() -> None:
    stage = Stage("""
        [[number]]
        pattern = "+3160000000*"
        throttle_per_s = 1
        throttle_status = "ESME_RMSGQFUL"
    """)
    esme = stage.esme()
    esme.submit_all(messages(20))
    assert esme.statuses() == [0] + [Status.ESME_RMSGQFUL] * 9 + [0] * 10


@pytest.mark.parametrize("status", ["ESME_RMSGQFUL", "RX_P_APPN", "0x415", "11"])
def test_a_number_may_get_any_status(status: str) -> None:
    value = status if not status.isdecimal() else int(status)
    stage = Stage(f'[[number]]\npattern = "{NUMBER}"\nrefuse = {value!r}'.replace("'", '"'))
    esme = stage.esme()
    esme.submit()
    esme.submit(number="31687654321")
    refused, accepted = esme.statuses()
    assert refused == {"ESME_RMSGQFUL": 0x14, "RX_P_APPN": 0x65, "0x415": 0x415, "11": 11}[status]
    assert accepted == 0


def test_a_share_is_refused() -> None:
    esme = Stage('[messages]\nrefuse = "ESME_RSYSERR"\nrefuse_share = 0.25').esme()
    esme.submit_all(messages(1000))
    assert 200 <= esme.statuses().count(Status.ESME_RSYSERR) <= 300


def test_each_number_may_be_refused_some_times_and_then_accepted() -> None:
    stage = Stage('[messages]\nrefuse = "ESME_RSYSERR"\nrefuse_times = 2')
    esme = stage.esme()
    for _ in range(4):
        esme.submit()
    esme.submit(number="31687654321")
    assert esme.statuses() == [8, 8, 0, 0, 8]
    assert stage.told("refused") == {"ESME_RSYSERR": 3}


def test_a_number_whose_queue_is_full_is_refused_alone() -> None:
    stage = Stage("[messages]\nqueue_limit = 2\ndelivery_ms = 1000")
    esme = stage.esme()
    for _ in range(3):
        esme.submit()
    esme.submit(number="31687654321")
    assert esme.statuses() == [0, 0, Status.ESME_RMSGQFUL, 0]
    stage.wait(1)
    esme.submit()
    assert esme.statuses() == [0]


def test_a_refusal_has_no_body() -> None:
    esme = Stage("[messages]\nrefuse = 8").esme()
    esme.submit()
    (answer,) = esme.read()
    assert len(answer.raw) == 16


def test_congestion_is_told_as_it_is_set_or_as_the_throttle_has_it() -> None:
    esme = Stage("[messages]\ncongestion = 80").esme()
    esme.submit()
    assert esme.read()[0].tlvs == {Tag.CONGESTION_STATE: b"\x50"}
    stage = Stage('[messages]\ncongestion = "throttle"\nthrottle_per_s = 10\nthrottle_burst = 10')
    esme = stage.esme()
    esme.submit_all(messages(10))
    told = [p.tlvs[Tag.CONGESTION_STATE][0] for p in esme.read() if p.command == Command.SUBMIT_SM_RESP]
    assert told == [10, 20, 30, 40, 50, 60, 70, 80, 90, 100]


# ---------------------------------------------------------------- what does not come, or comes too often


def test_a_swallowed_response_does_not_keep_the_message_from_arriving() -> None:
    stage = Stage("[messages]\nswallow_share = 1")
    esme = stage.esme()
    esme.submit()
    assert esme.answers() == []
    assert len(esme.deliveries()) == 1
    assert stage.texts() == ["Kijk uit"]
    assert (stage.told("accepted"), stage.told("swallowed")) == (1, 1)


def test_a_lost_submit_leaves_no_trace_at_the_citizens() -> None:
    stage = Stage("[messages]\nlose_share = 1")
    esme = stage.esme()
    esme.submit()
    assert esme.read() == []
    assert stage.texts() == []
    assert (stage.told("accepted"), stage.told("lost")) == (0, 1)


def test_receipts_may_come_twice_or_never_or_for_strangers() -> None:
    for knob, count in (("duplicate_receipt_share", 2), ("lose_receipt_share", 0), ("unknown_receipt_share", 2)):
        esme = Stage(f"[messages]\n{knob} = 1").esme()
        message_id = esme.accepted()
        came = [message_of(delivery).short_message for delivery in esme.deliveries()]
        assert len(came) == count
        own = [text for text in came if f"id:{message_id} ".encode() in text]
        assert len(own) == (1 if knob == "unknown_receipt_share" else count)


def test_a_connection_drops_in_the_middle_of_a_window() -> None:
    stage = Stage("[links]\ndrop_after_submits = 5")
    esme = stage.esme()
    esme.submit_all(messages(8))
    assert len(esme.answers()) == 4
    assert esme.gone
    assert stage.told("accepted") == 5
    assert stage.texts("31600000004") == ["Kijk uit"]
    assert stage.texts("31600000005") == []


def test_answers_that_are_due_later_are_lost_with_the_connection() -> None:
    stage = Stage("[links]\ndrop_after_submits = 5\n[messages]\nlatency_ms = 100")
    esme = stage.esme()
    esme.submit_all(messages(5))
    esme.lose()
    stage.wait(1)
    assert esme.answers() == []
    assert stage.told("accepted") == 5


def test_the_drop_happens_as_often_as_it_is_told_to() -> None:
    stage = Stage("[links]\ndrop_after_submits = 2\ndrop_times = 2")
    for gone in (True, True, False):
        esme = stage.esme()
        esme.submit_all(messages(4))
        assert esme.gone is gone


# ---------------------------------------------------------------- mischief


def test_a_mischief_is_what_it_is_called() -> None:
    stage = Stage()
    faults: dict[str, object] = {}
    for kind in get_args(Mischief):
        esme = stage.esme()
        stage.centre.do(kind, stage.now)
        data = esme.session.data_to_send()
        try:
            raws = Framer().feed(data)
            pdu = decode(raws[0]) if raws else None
            faults[kind] = "cut" if pdu is None else (pdu.command, pdu.status)
        except RemoteProtocolError as error:
            faults[kind] = (error.fatal, error.status)
        assert esme.gone is (kind == "cut_off")
        esme.lose()
    assert faults == {
        "garbage": (True, Status.ESME_RINVCMDLEN),
        "truncated": (False, Status.ESME_RINVCMDLEN),
        "cut_off": "cut",
        "oversized": (True, Status.ESME_RINVCMDLEN),
        "unknown_pdu": (0x999, 0),
        "unknown_tlv": (Command.DELIVER_SM, 0),
        "bad_tlv": (False, Status.ESME_RINVOPTPARSTREAM),
        "stray_response": (Command.SUBMIT_SM_RESP, 0),
        "nack": (Command.GENERIC_NACK, Status.ESME_RINVCMDLEN),
    }


def test_mischief_and_drops_concern_the_account_that_is_named() -> None:
    stage = Stage()
    one, other = stage.esme(), stage.esme(system_id="other")
    assert stage.centre.do("drop", stage.now, account="other") == 1
    assert (one.gone, other.gone) == (False, True)


def test_an_aborted_connection_says_nothing_more() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit()
    stage.centre.do("abort", stage.now)
    assert esme.session.abort
    assert esme.session.data_to_send() == b""


def test_what_cannot_be_done_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="one of garbage"):
        Stage().centre.do("explode", 0.0)


# ---------------------------------------------------------------- events, and knobs that are turned


def test_events_happen_at_their_time_again_and_again() -> None:
    stage = Stage("""
        [[event]]
        after_s = 10
        every_s = 5
        do = "stray_response"
    """)
    esme = stage.esme()
    stage.wait(9)
    assert esme.read() == []
    stage.wait(11)
    assert [p.body for p in esme.read()] == [MessageResp("stray")] * 3


def test_an_event_happens_at_a_count_of_submits() -> None:
    stage = Stage("""
        [[event]]
        after_submits = 3
        do = "unbind"
    """)
    esme = stage.esme()
    for _ in range(3):
        esme.submit()
    assert [p.command for p in esme.read() if p.command == Command.UNBIND] == [Command.UNBIND]


def test_an_event_changes_the_knobs() -> None:
    stage = Stage(f"""
        [[event]]
        after_s = 60
        [event.set]
        messages = {{ latency_ms = 100 }}
        number = [ {{ pattern = "{NUMBER}", refuse = "ESME_RSYSERR" }} ]
    """)
    esme = stage.esme()
    esme.accepted()
    stage.wait(60)
    esme.submit()
    assert esme.answers() == []
    stage.wait(0.1)
    assert esme.statuses() == [Status.ESME_RSYSERR]


def test_knobs_turn_while_messages_are_on_their_way() -> None:
    stage = Stage("[messages]\ndelivery_ms = 1000")
    esme = stage.esme()
    esme.submit()
    stage.centre.change(Change(messages={"final": "UNDELIV"}, links={"deliver_window": 1}))
    esme.submit()
    esme.submit()
    stage.wait(1)
    assert stage.told("states") == {"DELIVRD": 1, "UNDELIV": 2}
    assert len(esme.deliveries(acknowledge=False)) == 1


def test_a_wrong_knob_changes_nothing() -> None:
    stage = Stage()
    with pytest.raises(SettingsError) as caught:
        stage.centre.change(Change(messages={"latency_ms": 5, "final": "LOST"}, links={}))
    assert [fault.path for fault in caught.value.faults] == ["messages.final.LOST"]
    with pytest.raises(SettingsError):
        stage.centre.change(Change(messages={"latency_ms": 5}, links={"deliver_window": 0}))
    assert stage.centre.scenario.messages.latency_ms == 0
    stage.esme().accepted()
