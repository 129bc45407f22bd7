"""The ESME session against any stream in any chunks: nothing is raised, nothing grows, no token is lost or doubled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.smpp.codec import encode
from gateway.smpp.hot import SubmitTemplate
from gateway.smpp.pdu import (
    Address,
    Bind,
    BindResp,
    Command,
    DataMessage,
    Message,
    MessageResp,
    Pdu,
    Status,
    Tag,
)
from gateway.smpp.session import (
    Answered,
    BindRefused,
    Bound,
    Delivered,
    Ended,
    Noticed,
    Profile,
    Session,
    State,
    Unanswered,
)

MAX_PDU = 400
PROFILE = Profile(Bind("burgernet", "geheim"), window=6, max_pdu=MAX_PDU)
TEMPLATE = SubmitTemplate(Message(destination=Address("", 1, 1), short_message=b"!"))
BOUND = encode(Pdu(Command.BIND_TRANSCEIVER_RESP, 0, 1, BindResp("KPN")))
NUMBER = b"31612345678"

SEQUENCES = st.integers(0, 12) | st.sampled_from([0x7FFFFFFF, 0x80000000, 0xFFFFFFFF])
STATUSES = st.sampled_from([0, 0, int(Status.ESME_RTHROTTLED), int(Status.ESME_RINVDSTADR), 0xFFFFFFFF])
IDS = st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=20)


def _raw(command: int, status: int, sequence: int, body: bytes) -> bytes:
    return b"".join(n.to_bytes(4, "big") for n in (16 + len(body), command, status, sequence)) + body


SENSIBLE = st.one_of(
    st.builds(lambda n, s, i: encode(Pdu(Command.SUBMIT_SM_RESP, s, n, MessageResp(i))), SEQUENCES, STATUSES, IDS),
    st.builds(lambda n, s: _raw(Command.SUBMIT_SM_RESP, s, n, b""), SEQUENCES, STATUSES),
    st.builds(
        lambda n, i, c: encode(Pdu(Command.SUBMIT_SM_RESP, 0, n, MessageResp(i), {Tag.CONGESTION_STATE: c})),
        SEQUENCES,
        IDS,
        st.binary(max_size=3),
    ),
    st.builds(
        lambda n, t: encode(Pdu(Command.DELIVER_SM, 0, n, Message(short_message=t))), SEQUENCES, st.binary(max_size=40)
    ),
    st.builds(lambda n: encode(Pdu(Command.DATA_SM, 0, n, DataMessage())), SEQUENCES),
    st.builds(lambda n: encode(Pdu(Command.ENQUIRE_LINK, 0, n)), SEQUENCES),
    st.builds(lambda n, s: encode(Pdu(Command.GENERIC_NACK, s, n)), SEQUENCES, STATUSES),
    st.builds(lambda n, s: encode(Pdu(Command.BIND_TRANSCEIVER_RESP, s, n, BindResp("x"))), SEQUENCES, STATUSES),
)
ENDING = st.builds(lambda n: encode(Pdu(Command.UNBIND, 0, n)), SEQUENCES)
ODD = st.builds(
    _raw,
    st.sampled_from([*(int(c) for c in Command), *(int(c) | 0x80000000 for c in Command if c < 0x80000000), 0x777]),
    STATUSES,
    SEQUENCES,
    st.binary(max_size=60),
)
STREAM = st.lists(SENSIBLE | ODD | st.binary(max_size=30), max_size=12).map(b"".join)
ANSWERS = {int(Command.SUBMIT_SM_RESP).to_bytes(4, "big"), int(Command.GENERIC_NACK).to_bytes(4, "big")}


def without_second_answers(raws: list[bytes]) -> bytes:
    """A stream that answers nothing twice, for which of two contradicting answers counts is nobody's business."""
    answered: set[bytes] = set()
    kept = []
    for raw in raws:
        if raw[4:8] in ANSWERS:
            if raw[12:16] in answered:
                continue
            answered.add(raw[12:16])
        kept.append(raw)
    return b"".join(kept)


LASTING_STREAM = st.lists(SENSIBLE | ODD.filter(lambda raw: raw[4:8] != b"\0\0\0\x06"), max_size=12).map(
    without_second_answers
)
CUTS = st.lists(st.integers(0, 600), max_size=12)


def chunks(stream: bytes, cuts: Sequence[int]) -> list[bytes]:
    """The stream, cut at these places."""
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    return [stream[a:b] for a, b in pairwise(places)]


def session_with(tokens: int, *, answered_bind: bool) -> Session[str]:
    session: Session[str] = Session(PROFILE)
    session.bind(0.0)
    if answered_bind:
        session.receive_data(BOUND, 0.0)
        session.submit(TEMPLATE, [f"t{n}" for n in range(tokens)], [NUMBER] * tokens, 0.0)
    session.data_to_send()
    return session


def told(events: Sequence[Any]) -> dict[str, Any]:
    """What events say, apart from how they are gathered: answers and messages each in their order."""
    answers = [answer for event in events if isinstance(event, Answered) for answer in event.answers]
    return {
        "answers": Counter(answers),
        "messages": [raw for event in events if isinstance(event, Delivered) for raw in event.messages],
        "binds": [event for event in events if isinstance(event, Bound | BindRefused)],
        "ended": [event for event in events if isinstance(event, Ended)],
        "noticed": any(isinstance(event, Noticed) for event in events),
    }


@settings(max_examples=300)
@given(STREAM, CUTS, st.booleans())
def test_no_stream_in_any_chunks_raises_or_grows_beyond_the_largest_pdu(
    stream: bytes, cuts: list[int], answered_bind: bool
) -> None:
    session = session_with(4, answered_bind=answered_bind)
    came = 0
    for chunk in chunks(stream, cuts):
        events = session.receive_data(chunk, 1.0)
        came += len(chunk)
        assert len(session._buffer) < MAX_PDU or session.state is State.CLOSED
        # Nothing that we say is larger than what we heard, but for headers.
        assert len(session.data_to_send()) <= 18 * (came // 16 + 1)
        assert sum(isinstance(event, Ended) for event in events) <= 1
        assert not any(isinstance(event, Ended) for event in events[:-1])
    assert session.in_flight <= 4


@settings(max_examples=300)
@given(LASTING_STREAM, CUTS, st.booleans())
def test_chunking_changes_nothing(stream: bytes, cuts: list[int], answered_bind: bool) -> None:
    whole, cut = session_with(4, answered_bind=answered_bind), session_with(4, answered_bind=answered_bind)
    at_once = whole.receive_data(stream, 1.0)
    in_parts = [event for chunk in chunks(stream, cuts) for event in cut.receive_data(chunk, 1.0)]
    if whole.state is not State.CLOSED:
        assert told(at_once) == told(in_parts)
        assert (whole.state, whole.in_flight, whole._buffer) == (cut.state, cut.in_flight, cut._buffer)
        assert sorted(whole.data_to_send()) == sorted(cut.data_to_send())


@given(st.lists(SENSIBLE, max_size=6).map(b"".join), ENDING | st.just(b"\xff" * 16), CUTS)
def test_end_comes_wherever_the_stream_is_cut(stream: bytes, ending: bytes, cuts: list[int]) -> None:
    session = session_with(4, answered_bind=True)
    events = [event for chunk in chunks(stream + ending, cuts) for event in session.receive_data(chunk, 1.0)]
    assert session.state is State.CLOSED
    assert isinstance(events[-1], Ended)
    before = session_with(4, answered_bind=True)
    assert told(before.receive_data(stream, 1.0))["messages"] == told(events)["messages"]


class Tokens(RuleBasedStateMachine):
    """Every submitted token comes back exactly once, and then at most once more, late."""

    @initialize(start=st.sampled_from([0, 0x7FFFFFFF - 8]))
    def bind(self, start: int) -> None:
        self.now = 0.0
        self.count = 0
        self.waiting: dict[int, str] = {}  # by sequence
        self.late: dict[int, str] = {}
        self.session: Session[str] = Session(PROFILE)
        self.session.bind(0.0)
        self.session.receive_data(BOUND, 0.0)
        self.session._sequence = max(self.session._sequence, start)
        self.session.data_to_send()

    def take(self, events: Sequence[Any]) -> None:
        for event in events:
            if isinstance(event, Answered):
                for token, _, _ in event.answers:
                    self.come_back(token)
            elif isinstance(event, Unanswered):
                for token in event.tokens:
                    sequence = next(n for n, one in self.waiting.items() if one == token)
                    self.late[sequence] = self.waiting.pop(sequence)

    def come_back(self, token: str) -> None:
        for known in (self.waiting, self.late):
            for sequence, one in known.items():
                if one == token:
                    del known[sequence]
                    return
        raise AssertionError(f"{token} came back once too often")

    @precondition(lambda self: self.session.room > 0)
    @rule(data=st.data())
    def submit(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, self.session.room))
        tokens = [f"t{self.count + n}" for n in range(count)]
        self.count += count
        self.session.submit(TEMPLATE, tokens, [NUMBER] * count, self.now)
        raw = self.session.data_to_send()
        for token in tokens:
            length = int.from_bytes(raw[:4], "big")
            if raw[4:8] != b"\0\0\0\x04":
                raw = raw[length:]
                length = int.from_bytes(raw[:4], "big")
            sequence = int.from_bytes(raw[12:16], "big")
            assert 0 < sequence <= 0x7FFFFFFF
            assert sequence not in self.waiting
            self.waiting[sequence] = token
            raw = raw[length:]

    @precondition(lambda self: self.waiting or self.late)
    @rule(data=st.data(), status=STATUSES, again=st.booleans())
    def answer(self, data: st.DataObject, status: int, again: bool) -> None:
        sequence = data.draw(st.sampled_from(sorted({*self.waiting, *self.late})))
        raw = encode(Pdu(Command.SUBMIT_SM_RESP, status, sequence, MessageResp("7")))
        self.take(self.session.receive_data(raw * (2 if again else 1), self.now))

    @rule(seconds=st.floats(0.1, 40.0))
    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        while (due := self.session.next_timer()) is not None and due <= end:
            self.now = max(self.now, due)
            self.take(self.session.handle_timer(self.now))
            # The peer is there: it answers what we ask.
            self.take(self.session.receive_data(encode(Pdu(Command.ENQUIRE_LINK_RESP, 0, 1)), self.now))
        self.now = end

    @invariant()
    def the_window_holds_exactly_what_is_waiting(self) -> None:
        assert self.session.in_flight == len(self.waiting) <= PROFILE.window

    def teardown(self) -> None:
        if hasattr(self, "session"):
            assert sorted(self.session.connection_lost()) == sorted(self.waiting.values())


TestTokens = Tokens.TestCase
TestTokens.settings = settings(max_examples=100, stateful_step_count=30)
