"""The session that a carrier opens to us: what may come first, what is answered how, what ends it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.smpp import listening as smpp
from gateway.smpp.codec import Framer, decode, encode
from gateway.smpp.errors import LocalProtocolError
from gateway.smpp.pdu import Bind, Command, Message, Outbind, Pdu, Status
from gateway.smpp.session import Delivered, Ended

BIND = encode(Pdu(Command.BIND_TRANSCEIVER, 0, 7, Bind("telco", "geheim", "")))
DELIVER = encode(Pdu(Command.DELIVER_SM, 0, 9, Message(short_message=b"hoi")))


def answers(session: smpp.ListeningSession) -> list[Pdu]:
    return [decode(raw) for raw in Framer().feed(session.data_to_send())]


def bound() -> smpp.ListeningSession:
    session = smpp.ListeningSession(smpp.Limits(), 0.0)
    session.receive_data(BIND, 0.0)
    session.accept("burgernet")
    session.data_to_send()
    return session


def test_bind_is_answered_when_it_is_judged_and_not_before() -> None:
    session = smpp.ListeningSession(smpp.Limits(), 0.0)
    (asked,) = session.receive_data(BIND, 0.0)
    assert isinstance(asked, smpp.BindAsked)
    assert (asked.bind.system_id, asked.bind.password) == ("telco", "geheim")
    assert answers(session) == []
    assert session.accept("burgernet") == []
    (answer,) = answers(session)
    assert (answer.command, answer.status, answer.sequence) == (Command.BIND_TRANSCEIVER_RESP, 0, 7)


def test_message_behind_a_bind_is_given_once_the_bind_is_accepted() -> None:
    session = smpp.ListeningSession(smpp.Limits(), 0.0)
    assert len(session.receive_data(BIND + DELIVER, 0.0)) == 1
    (delivered,) = session.accept("burgernet")
    assert delivered == Delivered([DELIVER])


def test_message_is_answered_when_it_is_acknowledged_and_not_before() -> None:
    session = bound()
    (delivered,) = session.receive_data(DELIVER, 1.0)
    assert answers(session) == []
    assert isinstance(delivered, Delivered)
    session.acknowledge(delivered.messages)
    (answer,) = answers(session)
    assert (answer.command, answer.status, answer.sequence) == (Command.DELIVER_SM_RESP, 0, 9)


def test_submit_sm_gets_a_message_id_of_its_own() -> None:
    session = bound()
    raws = [encode(Pdu(Command.SUBMIT_SM, 0, n, Message(short_message=b"hoi"))) for n in (1, 2)]
    session.receive_data(b"".join(raws), 1.0)
    session.acknowledge(raws)
    bodies: list[Any] = [pdu.body for pdu in answers(session)]
    assert len({body.message_id for body in bodies}) == 2
    assert all(body.message_id for body in bodies)


def test_message_before_a_bind_is_refused() -> None:
    session = smpp.ListeningSession(smpp.Limits(), 0.0)
    assert session.receive_data(DELIVER, 0.0) == []
    (answer,) = answers(session)
    assert (answer.command, answer.status) == (Command.DELIVER_SM_RESP, Status.ESME_RINVBNDSTS)


def test_second_bind_is_refused_and_the_first_stays() -> None:
    session = bound()
    session.receive_data(BIND, 1.0)
    (answer,) = answers(session)
    assert answer.status == Status.ESME_RALYBND
    assert session.state is smpp.State.BOUND


def test_outbind_hands_the_connection_over_with_what_came_behind_it() -> None:
    session = smpp.ListeningSession(smpp.Limits(), 0.0)
    (asked,) = session.receive_data(encode(Pdu(Command.OUTBIND, 0, 1, Outbind("telco", "geheim"))) + DELIVER, 0.0)
    assert asked == smpp.OutbindAsked(Outbind("telco", "geheim"))
    assert session.hand_over() == DELIVER
    assert session.receive_data(DELIVER, 0.0) == []


def test_peer_that_pushes_before_it_is_bound_is_ended() -> None:
    session = smpp.ListeningSession(smpp.Limits(), 0.0)
    session.receive_data(BIND, 0.0)
    events = session.receive_data(DELIVER * (smpp.MAX_WAITING + 1), 0.0)
    assert isinstance(events[-1], Ended)


def test_silence_is_asked_about_and_then_ended() -> None:
    session = bound()
    assert session.handle_timer(60.0) == []
    (asked,) = answers(session)
    assert asked.command == Command.ENQUIRE_LINK
    assert isinstance(session.handle_timer(300.0)[0], Ended)
    waiting = smpp.ListeningSession(smpp.Limits(init_s=10), 0.0)
    assert waiting.handle_timer(9.0) == []
    assert isinstance(waiting.handle_timer(10.0)[0], Ended)


def test_nothing_can_be_accepted_that_was_not_asked() -> None:
    with pytest.raises(LocalProtocolError):
        smpp.ListeningSession(smpp.Limits(), 0.0).accept("burgernet")


PIECES = st.one_of(
    st.sampled_from([BIND, DELIVER, encode(Pdu(Command.ENQUIRE_LINK, 0, 3)), encode(Pdu(Command.UNBIND, 0, 4))]),
    st.binary(max_size=64),
    st.builds(lambda body: (16 + len(body)).to_bytes(4, "big") + b"\0\0\0\x05" + b"\0" * 8 + body, st.binary()),
)


@given(st.lists(PIECES, max_size=8), st.booleans())
def test_whatever_comes_the_session_stays_sane(pieces: list[bytes], accept: bool) -> None:
    session = smpp.ListeningSession(smpp.Limits(), 0.0)
    for piece in pieces:
        for event in session.receive_data(piece, 1.0):
            if isinstance(event, smpp.BindAsked):
                if accept:
                    session.accept("burgernet")
                else:
                    session.refuse(Status.ESME_RINVPASWD)
        for answer in Framer().feed(session.data_to_send()):
            decode(answer)
    assert session.handle_timer(1000.0) == [] or session.state in (smpp.State.CLOSED, smpp.State.BOUND)
