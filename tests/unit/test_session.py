"""The ESME session: what it sends, what it makes of what comes, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from gateway.smpp import session as smpp
from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.errors import LocalProtocolError
from gateway.smpp.hot import SubmitTemplate
from gateway.smpp.pdu import (
    Address,
    AlertNotification,
    Bind,
    BindResp,
    Body,
    CancelSm,
    Command,
    DataMessage,
    Message,
    MessageResp,
    Pdu,
    Status,
    Tag,
    Tlvs,
)
from gateway.smpp.session import (
    Answered,
    BindRefused,
    Bound,
    Delivered,
    Ended,
    Noticed,
    Profile,
    Replied,
    Session,
    State,
    Unanswered,
)

PROFILE = Profile(Bind("burgernet", "geheim"), window=4)
TEMPLATE = SubmitTemplate(Message(source=Address("Burgernet", 5, 0), destination=Address("", 1, 1), short_message=b"!"))


def pdu(command: int, sequence: int, *, status: int = 0, body: Body | None = None, tlvs: Tlvs | None = None) -> bytes:
    return encode(Pdu(command, status, sequence, body, tlvs or {}))


def answer(sequence: int, message_id: str = "", status: int = 0, tlvs: Tlvs | None = None) -> bytes:
    body = None if status else MessageResp(message_id or f"id{sequence}")
    return pdu(Command.SUBMIT_SM_RESP, sequence, status=status, body=body, tlvs=tlvs)


def deliver(sequence: int, text: bytes = b"ja") -> bytes:
    return pdu(Command.DELIVER_SM, sequence, body=Message(Address("31612345678", 1, 1), Address("112"), text))


def sent(session: Session[Any]) -> list[Pdu]:
    """What the session wants to be written."""
    return [decode(raw) for raw in Framer().feed(session.data_to_send())]


def bound(profile: Profile = PROFILE, now: float = 0.0) -> Session[str]:
    """A session that was bound at ``now``; the bind took sequence number 1."""
    session: Session[str] = Session(profile)
    session.bind(now)
    session.data_to_send()
    session.receive_data(pdu(profile.command | 0x80000000, 1, body=BindResp("KPN")), now)
    assert session.state is State.BOUND
    return session


def submit(session: Session[str], tokens: Sequence[str], now: float = 0.0) -> list[int]:
    """Send a message for each token; returns their sequence numbers."""
    session.submit(TEMPLATE, tokens, [b"31612345678"] * len(tokens), now)
    return [one.sequence for one in sent(session)]


# ---------------------------------------------------------------- bind


@pytest.mark.parametrize("command", [Command.BIND_TRANSCEIVER, Command.BIND_TRANSMITTER, Command.BIND_RECEIVER])
def test_bind_is_sent_with_the_account_and_accepted(command: Command) -> None:
    session: Session[str] = Session(replace(PROFILE, command=command))
    session.bind(0.0)
    (request,) = sent(session)
    assert (request.command, request.sequence) == (command, 1)
    assert request.body == Bind("burgernet", "geheim")
    events = session.receive_data(pdu(command | 0x80000000, 1, body=BindResp("KPN SMSC")), 0.1)
    assert events == [Bound("KPN SMSC")]
    assert session.peer == "KPN SMSC"


def test_refused_bind_ends_the_session() -> None:
    session: Session[str] = Session(PROFILE)
    session.bind(0.0)
    refused, ended = session.receive_data(pdu(Command.BIND_TRANSCEIVER_RESP, 1, status=Status.ESME_RINVPASWD), 0.1)
    assert refused == BindRefused(Status.ESME_RINVPASWD)
    assert isinstance(ended, Ended)
    assert "ESME_RINVPASWD" in ended.reason
    assert session.state is State.CLOSED


def test_bind_that_is_answered_by_generic_nack_is_refused() -> None:
    # A carrier of SMPP 3.3 does not know bind_transceiver (3.4 section 4.3: generic_nack, ESME_RINVCMDID).
    session: Session[str] = Session(PROFILE)
    session.bind(0.0)
    refused, ended = session.receive_data(pdu(Command.GENERIC_NACK, 1, status=Status.ESME_RINVCMDID), 0.1)
    assert refused == BindRefused(Status.ESME_RINVCMDID)
    assert isinstance(ended, Ended)


def test_unanswered_bind_is_given_up_at_its_deadline() -> None:
    session: Session[str] = Session(PROFILE)
    session.bind(100.0)
    assert session.next_timer() == 110.0
    assert session.handle_timer(109.9) == []
    refused, ended = session.handle_timer(110.0)
    assert refused == BindRefused(None)
    assert isinstance(ended, Ended)
    assert session.next_timer() is None


def test_second_bind_answer_is_noticed_and_changes_nothing() -> None:
    session = bound()
    (event,) = session.receive_data(pdu(Command.BIND_TRANSCEIVER_RESP, 1, status=Status.ESME_RBINDFAIL), 0.2)
    assert isinstance(event, Noticed)
    assert session.state is State.BOUND


def test_password_is_not_in_the_repr() -> None:
    assert "geheim" not in repr(PROFILE)


def test_nothing_can_be_asked_before_the_bind() -> None:
    session: Session[str] = Session(PROFILE)
    assert session.room == 0
    with pytest.raises(LocalProtocolError):
        session.submit(TEMPLATE, ["a"], [b"31612345678"], 0.0)
    with pytest.raises(LocalProtocolError):
        session.request(Command.CANCEL_SM, CancelSm("1"), 0.0)
    session.bind(0.0)
    with pytest.raises(LocalProtocolError):
        session.bind(0.0)


def test_receiver_has_no_room_for_submits() -> None:
    assert bound(replace(PROFILE, command=Command.BIND_RECEIVER)).room == 0


# ---------------------------------------------------------------- window


def test_window_is_never_exceeded() -> None:
    session = bound()
    assert session.room == 4
    submit(session, ["a", "b", "c"])
    assert (session.room, session.in_flight) == (1, 3)
    with pytest.raises(LocalProtocolError):
        session.submit(TEMPLATE, ["d", "e"], [b"31612345678"] * 2, 0.0)
    assert session.data_to_send() == b""
    assert session.in_flight == 3
    submit(session, ["d"])
    assert session.room == 0


def test_answer_makes_room() -> None:
    session = bound()
    numbers = submit(session, ["a", "b", "c", "d"])
    session.receive_data(answer(numbers[1]), 0.1)
    assert session.room == 1


def test_answers_out_of_order_find_their_tokens() -> None:
    session = bound()
    first, second, third = submit(session, ["a", "b", "c"])
    (event,) = session.receive_data(answer(third) + answer(first) + answer(second, status=Status.ESME_RINVDSTADR), 0.1)
    assert event == Answered([("c", 0, f"id{third}"), ("a", 0, f"id{first}"), ("b", Status.ESME_RINVDSTADR, "")])


def test_template_that_cannot_be_packed_leaves_the_window_as_it_was() -> None:
    session = bound()
    with pytest.raises(LocalProtocolError):
        session.submit(TEMPLATE, ["a"], [b"3" * 21], 0.0)
    assert session.in_flight == 0
    assert session.connection_lost() == []


def test_answer_to_nothing_is_noticed() -> None:
    session = bound()
    (event,) = session.receive_data(answer(77), 0.1)
    assert isinstance(event, Noticed)


def test_duplicate_answer_is_noticed_and_returns_no_token() -> None:
    session = bound()
    (number,) = submit(session, ["a"])
    session.receive_data(answer(number), 0.1)
    (event,) = session.receive_data(answer(number), 0.2)
    assert isinstance(event, Noticed)
    answered, noticed = session.receive_data(answer(submit(session, ["b"])[0]) + answer(number), 0.3)
    assert answered == Answered([("b", 0, f"id{number + 1}")])
    assert isinstance(noticed, Noticed)


def test_answer_with_parameters_is_an_answer_and_tells_congestion() -> None:
    session = bound()
    (number,) = submit(session, ["a"])
    (event,) = session.receive_data(answer(number, "7", tlvs={Tag.CONGESTION_STATE: b"\x5a"}), 0.1)
    assert event == Answered([("a", 0, "7")], 90)


def test_answer_without_a_body_is_an_answer() -> None:
    session = bound()
    first, second = submit(session, ["a", "b"])
    header_only = b"\0\0\0\x10\x80\0\0\x04\0\0\0\0" + first.to_bytes(4, "big")
    events = session.receive_data(header_only + answer(second, status=Status.ESME_RTHROTTLED), 0.1)
    assert events == [Answered([("a", 0, ""), ("b", Status.ESME_RTHROTTLED, "")])]


@pytest.mark.parametrize(
    ("body", "message_id"),
    [(b"abc", "abc"), (b"abc\0\x04\x27\0\x09\x02", "abc"), (b"x" * 300, ""), (b"\xff\xfe", "\xff\xfe")],
)
def test_accepting_answer_that_makes_no_sense_otherwise_still_accepts(body: bytes, message_id: str) -> None:
    # What was accepted and taken for a refusal would be sent again: a citizen would get it twice.
    session = bound()
    (number,) = submit(session, ["a"])
    raw = (16 + len(body)).to_bytes(4, "big") + b"\x80\0\0\x04\0\0\0\0" + number.to_bytes(4, "big") + body
    events = session.receive_data(raw, 0.1)
    assert Answered([("a", 0, message_id)]) in events
    assert session.in_flight == 0


def test_refusal_that_makes_no_sense_otherwise_keeps_its_status() -> None:
    session = bound()
    (number,) = submit(session, ["a"])
    raw = b"\0\0\0\x13\x80\0\0\x04\0\0\0\x0b" + number.to_bytes(4, "big") + b"abc"
    assert session.receive_data(raw, 0.1) == [Answered([("a", Status.ESME_RINVDSTADR, "")])]


@pytest.mark.parametrize(("status", "told"), [(Status.ESME_RINVCMDLEN, Status.ESME_RINVCMDLEN), (0, 0xFF)])
def test_generic_nack_is_the_answer_to_a_submit(status: int, told: int) -> None:
    session = bound()
    (number,) = submit(session, ["a"])
    assert session.receive_data(pdu(Command.GENERIC_NACK, number, status=status), 0.1) == [Answered([("a", told, "")])]
    assert session.in_flight == 0


def test_generic_nack_for_nothing_of_ours_is_noticed() -> None:
    session = bound()
    (event,) = session.receive_data(pdu(Command.GENERIC_NACK, 0, status=Status.ESME_RINVCMDID), 0.1)
    assert isinstance(event, Noticed)
    assert "ESME_RINVCMDID" in event.what


# ---------------------------------------------------------------- answers that do not come


def test_unanswered_submits_come_back_at_their_deadline() -> None:
    session = bound()
    submit(session, ["a", "b"], now=1.0)
    submit(session, ["c"], now=2.0)
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 55.0)
    assert session.next_timer() == 61.0
    assert session.handle_timer(61.0) == [Unanswered(["a", "b"])]
    assert session.in_flight == 1
    assert session.handle_timer(62.0) == [Unanswered(["c"])]
    assert session.room == 4


def test_late_answer_is_still_returned_once() -> None:
    session = bound()
    (number,) = submit(session, ["a"], now=1.0)
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 60.0)
    assert session.handle_timer(61.0) == [Unanswered(["a"])]
    assert session.receive_data(answer(number), 62.0) == [Answered([("a", 0, f"id{number}")])]
    (event,) = session.receive_data(answer(number), 63.0)
    assert isinstance(event, Noticed)
    assert session.connection_lost() == []


def test_memory_of_late_answers_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "LATE_ANSWERS", 2)
    session = bound()
    numbers = submit(session, ["a", "b", "c"], now=0.0)
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 59.0)
    session.handle_timer(60.0)
    assert len(session._late) == 2
    (event,) = session.receive_data(answer(numbers[0]), 61.0)
    assert isinstance(event, Noticed)
    assert session.receive_data(answer(numbers[2]), 61.0) == [Answered([("c", 0, f"id{numbers[2]}")])]


def test_deadline_of_an_answered_submit_is_not_waited_for() -> None:
    session = bound()
    first = submit(session, ["a"], now=0.0)
    submit(session, ["b"], now=15.0)
    session.receive_data(answer(first[0]), 50.0)
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 59.0)
    assert session.handle_timer(60.0) == []
    assert session.next_timer() == 75.0


def test_lost_connection_returns_the_window_once() -> None:
    session = bound()
    numbers = submit(session, ["a", "b", "c"])
    session.receive_data(answer(numbers[1]), 0.1)
    assert session.connection_lost() == ["a", "c"]
    assert session.state is State.CLOSED
    assert session.connection_lost() == []
    assert session.receive_data(answer(numbers[0]), 0.2) == []


# ---------------------------------------------------------------- sequence numbers


def test_sequence_numbers_wrap_before_the_largest() -> None:
    session = bound()
    session._sequence = smpp.MAX_SEQUENCE - 2
    assert submit(session, ["a", "b"]) == [0x7FFFFFFE, 0x7FFFFFFF]
    assert submit(session, ["c"]) == [1]
    (event,) = session.receive_data(answer(1, "x") + answer(0x7FFFFFFF, "y") + answer(0x7FFFFFFE, "z"), 0.1)
    assert event == Answered([("c", 0, "x"), ("b", 0, "y"), ("a", 0, "z")])


def test_run_of_submits_never_crosses_the_wrap() -> None:
    session = bound()
    session._sequence = smpp.MAX_SEQUENCE - 1
    assert submit(session, ["a", "b", "c"], now=0.0) == [1, 2, 3]
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 59.0)
    assert session.handle_timer(60.0) == [Unanswered(["a", "b", "c"])]


def test_deadlines_hold_over_the_wrap() -> None:
    session = bound()
    session._sequence = smpp.MAX_SEQUENCE - 1
    assert submit(session, ["a"], now=0.0) == [0x7FFFFFFF]
    assert submit(session, ["b"], now=5.0) == [1]
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 59.0)
    assert session.handle_timer(60.0) == [Unanswered(["a"])]
    assert session.handle_timer(65.0) == [Unanswered(["b"])]


# ---------------------------------------------------------------- alive?


def test_peer_that_asks_whether_we_are_there_is_answered() -> None:
    session = bound()
    assert session.receive_data(pdu(Command.ENQUIRE_LINK, 0x90000001), 1.0) == []
    (reply,) = sent(session)
    assert (reply.command, reply.status, reply.sequence) == (Command.ENQUIRE_LINK_RESP, 0, 0x90000001)


def test_silence_is_asked_about_and_an_answer_settles_it() -> None:
    session = bound()
    assert session.next_timer() == 20.0
    assert session.handle_timer(19.9) == []
    assert session.data_to_send() == b""
    session.handle_timer(20.0)
    (question,) = sent(session)
    assert question.command == Command.ENQUIRE_LINK
    assert session.receive_data(pdu(Command.ENQUIRE_LINK_RESP, question.sequence), 21.0) == []
    assert session.next_timer() == 41.0


def test_two_misses_end_the_session() -> None:
    session = bound()
    assert session.handle_timer(20.0) == []
    assert session.handle_timer(40.0) == []
    assert [one.command for one in sent(session)] == [Command.ENQUIRE_LINK] * 2
    (ended,) = session.handle_timer(60.0)
    assert isinstance(ended, Ended)
    assert not ended.by_peer
    assert session.next_timer() is None


def test_anything_from_the_peer_ends_the_count_of_misses() -> None:
    session = bound()
    session.handle_timer(20.0)
    session.handle_timer(40.0)
    session.receive_data(deliver(5), 59.0)
    assert session.handle_timer(60.0) == []
    assert session.handle_timer(79.0) == []
    assert session.handle_timer(99.0) == []
    assert isinstance(session.handle_timer(119.0)[0], Ended)


def test_a_link_in_use_is_not_asked_about() -> None:
    session = bound()
    for second in range(1, 100):
        session.receive_data(deliver(second), float(second))
        assert session.handle_timer(second + 0.5) == []
    assert session.data_to_send() == b""


# ---------------------------------------------------------------- the end


def test_our_unbind_waits_for_its_answer() -> None:
    session = bound()
    session.unbind(5.0)
    (request,) = sent(session)
    assert request.command == Command.UNBIND
    assert session.room == 0
    (ended,) = session.receive_data(pdu(Command.UNBIND_RESP, request.sequence), 5.1)
    assert isinstance(ended, Ended)
    assert session.state is State.CLOSED


def test_our_unbind_is_not_waited_for_for_ever() -> None:
    session = bound()
    session.unbind(5.0)
    assert session.next_timer() == 10.0
    assert session.handle_timer(9.9) == []
    assert isinstance(session.handle_timer(10.0)[0], Ended)


def test_answers_and_messages_are_taken_while_we_unbind() -> None:
    session = bound()
    (number,) = submit(session, ["a"])
    session.unbind(1.0)
    message = deliver(8)
    answered, delivered = session.receive_data(answer(number) + message, 1.1)
    assert answered == Answered([("a", 0, f"id{number}")])
    assert delivered == Delivered([message])
    sent(session)
    session.acknowledge([message])
    assert [one.command for one in sent(session)] == [Command.DELIVER_SM_RESP]


def test_their_unbind_is_answered_and_ends_the_session() -> None:
    session = bound()
    submit(session, ["a"])
    (ended,) = session.receive_data(pdu(Command.UNBIND, 44), 1.0)
    assert isinstance(ended, Ended)
    assert ended.by_peer
    (reply,) = sent(session)
    assert (reply.command, reply.sequence) == (Command.UNBIND_RESP, 44)
    assert session.connection_lost() == ["a"]


def test_unbinding_what_has_ended_changes_nothing() -> None:
    session = bound()
    session.receive_data(pdu(Command.UNBIND, 44), 1.0)
    sent(session)
    session.unbind(2.0)
    assert session.state is State.CLOSED
    assert session.data_to_send() == b""


def test_unbind_before_the_bind_is_answered_just_closes() -> None:
    session: Session[str] = Session(PROFILE)
    session.bind(0.0)
    session.unbind(0.1)
    assert session.state is State.CLOSED


def test_message_before_their_unbind_comes_out_before_the_end() -> None:
    session = bound()
    message = deliver(8)
    delivered, ended = session.receive_data(message + pdu(Command.UNBIND, 9) + deliver(10), 1.0)
    assert delivered == Delivered([message])
    assert isinstance(ended, Ended)


# ---------------------------------------------------------------- messages to us


def test_messages_come_whole_and_are_acknowledged_on_demand() -> None:
    session = bound()
    first, second = deliver(7, b"een"), deliver(0x80000001, b"twee")
    assert session.receive_data(first + second, 0.1) == [Delivered([first, second])]
    assert session.data_to_send() == b""
    session.acknowledge([second, first])
    replies = sent(session)
    assert [(one.command, one.status, one.sequence) for one in replies] == [
        (Command.DELIVER_SM_RESP, 0, 0x80000001),
        (Command.DELIVER_SM_RESP, 0, 7),
    ]


def test_message_can_be_refused() -> None:
    session = bound()
    message = deliver(7)
    session.receive_data(message, 0.1)
    session.acknowledge([message], Status.ESME_RX_T_APPN)
    assert [one.status for one in sent(session)] == [Status.ESME_RX_T_APPN]


def test_data_sm_is_a_message_and_gets_its_own_response() -> None:
    session = bound()
    body = DataMessage(Address("31612345678", 1, 1), Address("112"))
    message = pdu(Command.DATA_SM, 3, body=body, tlvs={Tag.MESSAGE_PAYLOAD: b"ja"})
    assert session.receive_data(message, 0.1) == [Delivered([message])]
    session.acknowledge([message])
    (reply,) = sent(session)
    assert (reply.command, reply.status, reply.sequence) == (Command.DATA_SM_RESP, 0, 3)


@pytest.mark.parametrize("binding", [False, True])
def test_message_before_the_bind_is_refused(binding: bool) -> None:
    session: Session[str] = Session(PROFILE)
    if binding:
        session.bind(0.0)
    sent(session)
    assert session.receive_data(deliver(7), 0.1) == []
    (reply,) = sent(session)
    assert (reply.command, reply.status, reply.sequence) == (Command.DELIVER_SM_RESP, Status.ESME_RINVBNDSTS, 7)


def test_nothing_is_acknowledged_on_a_session_that_has_ended() -> None:
    session = bound()
    message = deliver(7)
    session.receive_data(message, 0.1)
    session.connection_lost()
    session.acknowledge([message])
    assert session.data_to_send() == b""


# ---------------------------------------------------------------- other requests


def test_request_gets_its_answer() -> None:
    session = bound()
    sequence = session.request(Command.CANCEL_SM, CancelSm("id7"), 1.0)
    (request,) = sent(session)
    assert (request.command, request.sequence) == (Command.CANCEL_SM, sequence)
    (event,) = session.receive_data(pdu(Command.CANCEL_SM_RESP, sequence), 1.1)
    assert isinstance(event, Replied)
    assert event.sequence == sequence
    assert event.pdu is not None
    assert event.pdu.command == Command.CANCEL_SM_RESP


def test_generic_nack_answers_a_request() -> None:
    session = bound()
    sequence = session.request(Command.CANCEL_SM, CancelSm("id7"), 1.0)
    (event,) = session.receive_data(pdu(Command.GENERIC_NACK, sequence, status=Status.ESME_RINVCMDID), 1.1)
    assert isinstance(event, Replied)


def test_request_without_an_answer_says_so_at_its_deadline() -> None:
    session = bound()
    sequence = session.request(Command.CANCEL_SM, CancelSm("id7"), 1.0)
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 60.0)
    assert session.handle_timer(61.0) == [Replied(sequence, None)]


# ---------------------------------------------------------------- what nobody should send


def test_unknown_command_is_refused_and_the_session_goes_on() -> None:
    session = bound()
    (event,) = session.receive_data(b"\0\0\0\x10\0\0\x02\x00\0\0\0\0\0\0\0\x05", 0.1)
    assert isinstance(event, Noticed)
    (reply,) = sent(session)
    assert (reply.command, reply.status, reply.sequence) == (Command.GENERIC_NACK, Status.ESME_RINVCMDID, 5)
    assert session.state is State.BOUND


def test_answer_to_no_question_is_noticed_and_not_answered() -> None:
    session = bound()
    (event,) = session.receive_data(b"\0\0\0\x10\x80\0\x02\x00\0\0\0\0\0\0\0\x05", 0.1)
    assert isinstance(event, Noticed)
    assert session.data_to_send() == b""


def test_alert_notification_needs_no_answer() -> None:
    session = bound()
    assert session.receive_data(pdu(Command.ALERT_NOTIFICATION, 5, body=AlertNotification()), 0.1) == []
    assert session.data_to_send() == b""


@pytest.mark.parametrize("length", [0, 15, 70_001, 0xFFFFFFFF])
def test_impossible_length_ends_the_session(length: int) -> None:
    session = bound()
    submit(session, ["a"])
    (ended,) = session.receive_data(length.to_bytes(4, "big") + b"\0" * 12, 0.1)
    assert isinstance(ended, Ended)
    (nack,) = sent(session)
    assert (nack.command, nack.status) == (Command.GENERIC_NACK, Status.ESME_RINVCMDLEN)
    assert session.connection_lost() == ["a"]


def test_good_pdus_before_an_impossible_length_count() -> None:
    session = bound()
    first, second = submit(session, ["a", "b"])
    message = deliver(7)
    events = session.receive_data(answer(first) + message + answer(second) + b"\xff" * 16, 0.1)
    assert events[:2] == [Answered([("a", 0, f"id{first}"), ("b", 0, f"id{second}")]), Delivered([message])]
    assert isinstance(events[2], Ended)
    assert len(events) == 3
    assert session.receive_data(answer(first), 0.2) == []


def test_truncated_pdu_waits_for_its_end() -> None:
    session = bound()
    (number,) = submit(session, ["a"])
    raw = answer(number, "a long message id")
    for octet in raw[:-1]:
        assert session.receive_data(bytes([octet]), 0.1) == []
    assert session.receive_data(raw[-1:], 0.1) == [Answered([("a", 0, "a long message id")])]


def test_body_that_makes_no_sense_is_refused_and_the_session_goes_on() -> None:
    session = bound()
    raw = b"\0\0\0\x12\0\0\0\x15\0\0\0\0\0\0\0\x05ab"  # enquire_link with half a parameter
    (event,) = session.receive_data(raw, 0.1)
    assert isinstance(event, Noticed)
    (reply,) = sent(session)
    assert (reply.command, reply.sequence) == (Command.GENERIC_NACK, 5)
    assert session.state is State.BOUND


def test_clock_that_jumps_back_neither_ends_nor_expires_anything() -> None:
    session = bound(now=1000.0)
    submit(session, ["a"], now=1000.0)
    session.receive_data(pdu(Command.ENQUIRE_LINK, 9), 5.0)
    assert session.handle_timer(6.0) == []
    assert session.in_flight == 1
