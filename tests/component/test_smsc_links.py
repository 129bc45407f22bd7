"""The simulated SMSC: binds, states, timers and the window of deliveries."""

from __future__ import annotations

import pytest
from fakes.esme import SENDER, HandEsme, Stage
from hypothesis import given
from hypothesis import strategies as st

from gateway.rehearsal.scenario import LinkKnobs
from gateway.rehearsal.smsc.session import MOVES, SmscSession, State
from gateway.smpp.codec import encode
from gateway.smpp.errors import LocalProtocolError
from gateway.smpp.hot import SubmitTemplate
from gateway.smpp.pdu import (
    Address,
    Bind,
    BindResp,
    Command,
    DataMessage,
    Message,
    MessageResp,
    Outbind,
    Pdu,
    QuerySm,
    Status,
    Tag,
)
from gateway.smpp.session import Answered, Bound, Delivered, Ended, Profile, Session
from gateway.smpp.session import State as EsmeState

ACCOUNT = """
[[account]]
system_id = "burgernet"
password = "geheim"
max_binds = 2
kinds = ["transceiver", "receiver"]
"""


# ---------------------------------------------------------------- binds


@pytest.mark.parametrize(
    ("kind", "system_id", "password", "status"),
    [
        ("transceiver", "burgernet", "geheim", Status.ESME_ROK),
        ("receiver", "burgernet", "geheim", Status.ESME_ROK),
        ("transmitter", "burgernet", "geheim", Status.ESME_RBINDFAIL),
        ("transceiver", "burgernet", "anders", Status.ESME_RINVPASWD),
        ("transceiver", "burgernet", "", Status.ESME_RINVPASWD),
        ("transceiver", "iemand", "geheim", Status.ESME_RINVSYSID),
    ],
)
def test_a_bind_is_judged_by_its_account(kind: str, system_id: str, password: str, status: int) -> None:
    stage = Stage(ACCOUNT)
    esme = stage.connect()
    assert esme.bind(kind, system_id, password) == status
    assert not esme.gone
    assert stage.told("bound") == (0 if status else 1)


def test_a_refused_peer_may_try_again_on_the_same_connection() -> None:
    esme = Stage(ACCOUNT).connect()
    assert esme.bind(password="anders") == Status.ESME_RINVPASWD
    assert esme.bind() == 0


def test_without_accounts_anybody_may_bind() -> None:
    esme = Stage().connect()
    assert esme.bind("transmitter", "wie dan ook", "") == 0


def test_the_bind_response_names_the_smsc_and_its_version() -> None:
    esme = Stage('system_id = "alpha"').connect()
    esme.send(Command.BIND_TRANSCEIVER, Bind("burgernet", "geheim"))
    (answer,) = esme.read()
    assert answer.body == BindResp("alpha")
    assert answer.tlvs == {Tag.SC_INTERFACE_VERSION: b"\x34"}


def test_a_bind_too_many_is_already_bound_until_one_goes() -> None:
    stage = Stage(ACCOUNT)
    first, _ = stage.esme(), stage.esme()
    third = stage.connect()
    assert third.bind() == Status.ESME_RALYBND
    first.send(Command.UNBIND)
    first.lose()
    assert third.bind() == 0


def test_a_broken_connection_still_counts_as_bound_for_a_while() -> None:
    stage = Stage(ACCOUNT + "[links]\nghost_s = 30")
    stage.esme()
    stage.esme().lose()
    again = stage.connect()
    assert again.bind() == Status.ESME_RALYBND
    stage.wait(29)
    assert again.bind() == Status.ESME_RALYBND
    stage.wait(1)
    assert stage.connect().bind() == 0


def test_a_second_bind_on_a_bound_connection_is_refused() -> None:
    esme = Stage().esme()
    assert esme.bind() == Status.ESME_RALYBND
    esme.accepted()


def test_so_many_binds_are_refused_first() -> None:
    esme = Stage("[links]\nrefuse_binds = 2\nrefuse_binds_status = 0x64").connect()
    assert [esme.bind() for _ in range(3)] == [0x64, 0x64, 0]


def test_too_many_binds_a_minute_are_throttled() -> None:
    stage = Stage("[links]\nbinds_per_minute = 3")
    assert [stage.connect().bind() for _ in range(4)] == [0, 0, 0, Status.ESME_RTHROTTLED]
    stage.wait(20)
    assert stage.connect().bind() == 0


def test_a_bind_may_take_its_time() -> None:
    stage = Stage("[links]\nbind_ms = 1500")
    esme = stage.connect()
    assert esme.bind() == -1
    esme.submit()
    assert esme.statuses() == [Status.ESME_RINVBNDSTS]
    stage.wait(1.5)
    assert [(p.command, p.status) for p in esme.read()] == [(Command.BIND_TRANSCEIVER_RESP, 0)]


def test_a_connection_that_does_not_bind_is_closed() -> None:
    stage = Stage("[links]\nsession_init_s = 10")
    esme, other = stage.connect(), stage.esme()
    stage.wait(10)
    assert esme.gone
    assert not other.gone


def test_there_is_a_limit_to_connections() -> None:
    stage = Stage("[limits]\nconnections = 2")
    stage.connect()
    second = stage.connect()
    assert stage.centre.connected(stage.now) is None
    second.lose()
    assert stage.centre.connected(stage.now) is not None


def test_an_outbind_is_followed_by_the_esmes_bind() -> None:
    stage = Stage(ACCOUNT)
    session = stage.centre.connected(stage.now, outbind="burgernet")
    assert session is not None
    esme = HandEsme(stage, session)
    (outbind,) = esme.read()
    assert (outbind.command, outbind.body) == (Command.OUTBIND, Outbind("rehearsal", "geheim"))
    assert esme.bind("receiver") == 0


# ---------------------------------------------------------------- states


def test_nothing_is_taken_before_a_bind() -> None:
    esme = Stage().connect()
    esme.submit()
    esme.send(Command.QUERY_SM, QuerySm("1"))
    assert [(p.command, p.status) for p in esme.read()] == [
        (Command.SUBMIT_SM_RESP, Status.ESME_RINVBNDSTS),
        (Command.QUERY_SM_RESP, Status.ESME_RINVBNDSTS),
    ]


def test_a_receiver_does_not_submit_and_a_transmitter_does_not_receive() -> None:
    stage = Stage()
    receiver = stage.esme("receiver")
    receiver.submit()
    assert receiver.statuses() == [Status.ESME_RINVBNDSTS]
    transmitter = stage.esme("transmitter")
    transmitter.accepted()
    assert transmitter.read() == []
    assert len(receiver.deliveries()) == 1


def test_an_unknown_command_gets_a_generic_nack() -> None:
    esme = Stage().esme()
    esme.send_raw(bytes.fromhex("00000010 00000999 00000000 0000002a"))
    (nack,) = esme.read()
    assert (nack.command, nack.status, nack.sequence) == (Command.GENERIC_NACK, Status.ESME_RINVCMDID, 42)
    esme.accepted()


def test_a_submit_that_ends_too_soon_is_refused_by_its_own_response() -> None:
    stage = Stage()
    esme = stage.esme()
    raw = encode(Pdu(Command.SUBMIT_SM, sequence=7, body=Message(SENDER, Address("316", 1, 1), b"Kijk uit")))
    for cut in (17, 20, 30, len(raw) - 3):
        esme.send_raw(cut.to_bytes(4, "big") + raw[4:cut])
    answers = esme.answers()
    assert [sequence for sequence, _, _ in answers] == [7] * 4
    assert all(status for _, status, _ in answers)
    assert stage.told("accepted") == 0


@pytest.mark.parametrize("length", [0, 15, 70_001, 0x7FFFFFFF])
def test_a_length_that_cannot_be_ends_the_connection_after_a_nack(length: int) -> None:
    esme = Stage().esme()
    esme.send_raw(length.to_bytes(4, "big") + bytes(12))
    (nack,) = esme.read()
    assert (nack.command, nack.status) == (Command.GENERIC_NACK, Status.ESME_RINVCMDLEN)
    assert esme.gone


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_no_octets_harm_the_centre(chunks: list[bytes]) -> None:
    stage = Stage()
    esme, other = stage.esme(), stage.esme()
    for chunk in chunks:
        esme.send_raw(chunk)
    other.accepted()


@given(st.sampled_from(sorted(Command)), st.binary(max_size=120))
def test_no_body_harms_the_centre(command: int, body: bytes) -> None:
    stage = Stage()
    esme = stage.esme()
    header = (16 + len(body)).to_bytes(4, "big") + int(command).to_bytes(4, "big") + bytes(7) + b"\x09"
    esme.send_raw(header + body)
    if not esme.gone:
        esme.read()
        esme.accepted()


def test_an_unbind_is_answered_and_ends_the_connection() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.send(Command.UNBIND)
    assert [p.command for p in esme.read()] == [Command.UNBIND_RESP]
    assert esme.gone


def test_the_centre_unbinds_and_waits_for_the_answer() -> None:
    stage = Stage()
    esme, silent = stage.esme(), stage.esme()
    assert stage.centre.do("unbind", stage.now) == 2
    assert [p.command for p in esme.read()] == [Command.UNBIND]
    esme.send_raw(encode(Pdu(Command.UNBIND_RESP, sequence=1)))
    assert esme.gone
    assert not silent.gone
    stage.wait(5)
    assert silent.gone


def test_an_unbound_session_cannot_be_bound_again() -> None:
    session = SmscSession("one", LinkKnobs(), 0.0)
    session.close()
    for state in State:
        assert state not in MOVES[State.CLOSED]
    with pytest.raises(LocalProtocolError):
        session._move(State.BOUND)


# ---------------------------------------------------------------- enquire_link


def test_an_enquiry_is_answered_before_and_after_the_bind() -> None:
    stage = Stage()
    for esme in (stage.connect(), stage.esme()):
        sequence = esme.send(Command.ENQUIRE_LINK)
        assert [(p.command, p.sequence) for p in esme.read()] == [(Command.ENQUIRE_LINK_RESP, sequence)]


def test_a_dead_smsc_answers_no_enquiry() -> None:
    esme = Stage("[links]\nanswer_enquire_link = false\nanswer_unbind = false").esme()
    esme.send(Command.ENQUIRE_LINK)
    esme.send(Command.UNBIND)
    assert esme.read() == []


def test_a_silent_esme_is_asked_twice_and_then_left() -> None:
    stage = Stage("[links]\nenquire_link_s = 20")
    esme = stage.esme()
    stage.wait(59)
    assert [p.command for p in esme.read()] == [Command.ENQUIRE_LINK] * 2
    assert not esme.gone
    stage.wait(1)
    assert esme.gone


def test_an_esme_that_answers_enquiries_stays() -> None:
    stage = Stage("[links]\nenquire_link_s = 20")
    esme = stage.esme()
    for _ in range(10):
        stage.wait(20)
        for asked in esme.read():
            esme.send_raw(encode(Pdu(Command.ENQUIRE_LINK_RESP, sequence=asked.sequence)))
    assert not esme.gone


# ---------------------------------------------------------------- deliveries


def test_deliveries_keep_to_their_window() -> None:
    stage = Stage("[links]\ndeliver_window = 3")
    esme = stage.esme()
    for n in range(8):
        esme.submit(number=f"3161234567{n}")
    first = esme.deliveries(acknowledge=False)
    assert len(first) == 3
    esme.acknowledge(first[1])
    assert len(esme.deliveries(acknowledge=False)) == 1
    for delivery in (first[0], first[2]):
        esme.acknowledge(delivery)
    assert len(esme.deliveries(acknowledge=False)) == 2
    assert stage.told("waiting_deliveries") == 5


def test_what_was_not_acknowledged_comes_again_on_the_next_bind() -> None:
    stage = Stage()
    esme = stage.esme()
    for _ in range(3):
        esme.submit()
    first, *rest = esme.deliveries(acknowledge=False)
    esme.acknowledge(first)
    esme.lose()
    assert stage.told("waiting_deliveries") == 2
    again = stage.esme().deliveries()
    assert [d.body for d in again] == [d.body for d in rest]
    assert stage.told("redelivered") == 2
    assert stage.told("receipts_acked") == 3


def test_a_delivery_that_is_not_answered_comes_again_some_times() -> None:
    stage = Stage("[links]\ndeliver_timeout_s = 10\nredeliver_s = 5\nredeliver_times = 2")
    esme = stage.esme()
    esme.submit()
    moments = []
    for second in range(100):
        moments += [second for _ in esme.deliveries(acknowledge=False)]
        stage.wait(1)
    assert moments == [0, 15, 30]
    assert stage.told("receipts_refused") == 1


@pytest.mark.parametrize(
    ("status", "times"), [(Status.ESME_RX_T_APPN, 2), (Status.ESME_RMSGQFUL, 2), (Status.ESME_RX_P_APPN, 1)]
)
def test_a_temporary_refusal_is_tried_again_and_a_permanent_one_is_not(status: int, times: int) -> None:
    stage = Stage("[links]\nredeliver_s = 5")
    esme = stage.esme()
    esme.submit()
    (delivery,) = esme.deliveries(acknowledge=False)
    esme.acknowledge(delivery, status)
    stage.wait(5)
    assert 1 + len(esme.deliveries()) == times
    assert stage.told("receipts_acked") == times - 1
    assert stage.told("receipts_refused") == 2 - times


@pytest.mark.parametrize("bind", ["same", "other"])
def test_a_receipt_goes_to_the_bind_that_the_scenario_says(bind: str) -> None:
    stage = Stage(f'[messages]\nreceipt_bind = "{bind}"')
    one, two = stage.esme(), stage.esme()
    for _ in range(4):
        one.submit()
    counts = (len(one.deliveries()), len(two.deliveries()))
    assert counts == ((4, 0) if bind == "same" else (0, 4))


def test_receipts_for_another_bind_come_on_the_only_one_there_is() -> None:
    stage = Stage('[messages]\nreceipt_bind = "other"')
    esme = stage.esme()
    esme.submit()
    assert len(esme.deliveries()) == 1


def test_one_accounts_receipts_do_not_go_to_another() -> None:
    stage = Stage()
    one, other = stage.esme(), stage.esme(system_id="other")
    one.submit()
    assert other.deliveries() == []
    assert len(one.deliveries()) == 1


def test_deliveries_beyond_the_limit_are_dropped_and_counted() -> None:
    stage = Stage("[limits]\ndeliveries = 2")
    esme = stage.esme("transmitter")
    for _ in range(5):
        esme.submit()
    assert (stage.told("waiting_deliveries"), stage.told("deliveries_dropped")) == (2, 3)


def test_a_data_sm_resp_to_a_deliver_sm_is_taken_for_an_answer_and_a_stray_one_noticed() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.submit()
    (delivery,) = esme.deliveries(acknowledge=False)
    esme.send(Command.DELIVER_SM_RESP, MessageResp(), sequence=999)
    assert stage.told("notices") == 1
    esme.send(Command.GENERIC_NACK, sequence=delivery.sequence)
    assert stage.told("receipts_acked") == 1


def test_data_sm_without_a_payload_is_an_empty_message() -> None:
    stage = Stage()
    esme = stage.esme()
    esme.send(Command.DATA_SM, DataMessage(SENDER, Address("31612345678", 1, 1)))
    assert stage.texts() == [""]


# ---------------------------------------------------------------- our own ESME at the other end


def test_our_session_binds_submits_and_gets_its_receipts() -> None:
    stage = Stage()
    session = stage.centre.connected(0.0)
    assert session is not None
    ours: Session[str] = Session(Profile(bind=Bind("burgernet", "geheim"), window=10))
    events: list[object] = []

    def exchange() -> None:
        while True:
            stage.centre.receive(session, ours.data_to_send(), stage.now)
            answer = session.data_to_send()
            if not answer:
                return
            came = ours.receive_data(answer, stage.now)
            events.extend(came)
            for event in came:
                if isinstance(event, Delivered):
                    ours.acknowledge(event.messages)

    ours.bind(0.0)
    exchange()
    assert isinstance(events[0], Bound)
    template = SubmitTemplate(Message(SENDER, Address("", 1, 1), b"Kijk uit", registered_delivery=1))
    tokens = [f"token {n}" for n in range(10)]
    ours.submit(template, tokens, [b"3161234567%d" % n for n in range(10)], 0.0)
    exchange()
    answered = [token for event in events if isinstance(event, Answered) for token, status, _ in event.answers]
    assert answered == tokens
    assert stage.told("receipts_acked") == 10
    ours.unbind(0.0)
    exchange()
    assert ours.state is EsmeState.CLOSED
    assert isinstance(events[-1], Ended)
