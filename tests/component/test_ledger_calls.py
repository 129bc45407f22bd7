"""The voice ledger: claims, attempts saved before they are dialled, ends, SMS instead, keys; on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes.book import NOON, VAULT, Book, Planned
from sqlalchemy import insert, select, update

from gateway.domain.action import Urgency
from gateway.domain.calling import CallAttempt, CallBatch, Callee, CallPolicy, CallResult, after
from gateway.domain.delivery import DeliveryState, Lane, Purpose, Reason
from gateway.ports import Pressed, Recorded
from gateway.storage.repositories import calls
from gateway.storage.repositories.reports import report
from gateway.storage.tables import call_attempt, delivery, person, place
from gateway.storage.tables import response as responses

HEARD = DeliveryState.HEARD_FULL


def planned(book: Book, people: Any = 1, **more: Any) -> Planned:
    return book.plan(people, lane=Lane.VOICE, **more)


def claim(book: Book, limit: int = 100, daemon: int | None = None) -> list[CallBatch]:
    return book.database.write_now(calls.claim_voice, VAULT, daemon or book.me, limit, book.now)


def claimed(book: Book, limit: int = 100) -> list[int]:
    return [one.delivery for batch in claim(book, limit) for one in batch.recipients]


def attempts_for(book: Book, batches: list[CallBatch], trunk: str = "alpha") -> list[CallAttempt]:
    return [
        CallAttempt(f"bn.{one.delivery}.{one.placed}", one.delivery, batch.action, batch.version, trunk, book.now)
        for batch in batches
        for one in batch.recipients
    ]


def place_all(book: Book, attempts: list[CallAttempt], daemon: int | None = None) -> frozenset[str]:
    return book.database.write_now(calls.place, daemon or book.me, attempts)


def dialled(book: Book, planned: Planned, daemon: int | None = None) -> list[CallAttempt]:
    attempts = attempts_for(book, claim(book, daemon=daemon))
    place_all(book, attempts, daemon)
    assert set(book.states(planned.ids)) == {"dialling"}
    return attempts


def ended(book: Book, attempt: CallAttempt, state: DeliveryState = HEARD, **more: Any) -> Recorded:
    more.setdefault("reason", None)
    result = CallResult(attempt.id, attempt.delivery, state, at=book.now, **more)
    return book.database.write_now(calls.record_calls, [result], book.now)


def press(book: Book, one: int, key: str) -> Pressed:
    return book.database.write_now(calls.pressed, VAULT, one, key, book.now)


def somebody(book: Book) -> Any:
    (row,) = book.rows(select(person))
    return row


def texted(book: Book, planned: Planned) -> list[tuple[int, str]]:
    rows = book.rows(
        select(delivery.c.purpose, delivery.c.state).where(
            delivery.c.action == planned.number, delivery.c.lane == int(Lane.SMS)
        )
    )
    return [(Purpose(purpose).name, DeliveryState(state).word) for purpose, state in rows]


# ---------------------------------------------------------------- claims


def test_claimed_batch_says_what_a_call_needs(book: Book) -> None:
    made = planned(book, ["nl", "de"], texts={"nl": "Kijk uit", "de": "Pass auf"})
    batches = claim(book)
    assert [(batch.language, batch.message.words, batch.message.language) for batch in batches] == [
        ("nl", "Kijk uit", "nl"),
        ("de", "Pass auf", "de"),
    ]
    assert batches[0].recipients == [Callee(made.ids[0], made.numbers[made.ids[0]])]
    assert batches[0].expires_at == NOON + timedelta(minutes=30)


def test_person_without_wording_hears_dutch_spoken_as_dutch(book: Book) -> None:
    planned(book, ["fr"])
    (batch,) = claim(book)
    assert (batch.language, batch.message.words, batch.message.language) == ("fr", "Kijk uit", "nl")


def test_sms_and_calls_are_claimed_apart(book: Book) -> None:
    sms, voice = book.plan(2), planned(book, 2)
    assert claimed(book) == list(voice.ids)
    assert book.claimed() == list(sms.ids)


def test_two_daemons_never_claim_one_person(book: Book) -> None:
    planned(book, 5)
    other = book.daemon("there")
    first = {one.delivery for batch in claim(book, 3) for one in batch.recipients}
    second = {one.delivery for batch in claim(book, 3, other) for one in batch.recipients}
    assert (len(first), len(second), first & second) == (3, 2, set())


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"left_at": NOON}, "left"), ({"paused_until": NOON + timedelta(hours=1)}, "paused")],
    ids=["left", "paused"],
)
def test_who_wants_no_calls_any_more_is_not_called(book: Book, change: dict[str, Any], reason: str) -> None:
    made = planned(book)
    book.execute(update(person).values(change))
    assert claim(book) == []
    assert (book.state(made.ids[0]), book.row(made.ids[0]).reason) == ("cancelled", reason)


def home(book: Book, quiet_from: int, quiet_to: int, strict: bool = False) -> None:
    values = {"person_id": somebody(book).id, "lat": 52.0, "lon": 5.0, "x": 0.6, "y": 0.1, "z": 0.8, "cell": 1}
    names = {"municipality": "", "municipality_key": "", "label": ""}
    quiet = {"quiet_from": quiet_from, "quiet_to": quiet_to, "quiet_strict": strict}
    book.execute(insert(place).values(**values, **names, **quiet))


def test_retry_that_falls_into_quiet_hours_is_not_dialled(book: Book) -> None:
    made = planned(book)
    home(book, 12 * 60 + 31, 14 * 60)  # it is 12:30 where people live
    (attempt,) = dialled(book, made)
    ended(book, attempt, DeliveryState.RETRY, reason=Reason.BUSY, retry_at=book.now + timedelta(seconds=45))
    book.wait(60)
    assert claim(book) == []
    assert (book.state(made.ids[0]), book.row(made.ids[0]).reason) == ("cancelled", "quiet_hours")


def test_lives_at_stake_go_before_quiet_hours(book: Book) -> None:
    made = planned(book, urgency=Urgency.LIFE_SAFETY)
    home(book, 12 * 60, 14 * 60)
    assert claimed(book) == list(made.ids)


# ---------------------------------------------------------------- before and after dialling


def test_attempt_is_on_record_before_it_is_dialled(book: Book) -> None:
    made = planned(book)
    (attempt,) = dialled(book, made)
    (row,) = book.rows(select(call_attempt))
    assert (row.id, row.delivery, row.trunk, row.ended_at) == (attempt.id, made.ids[0], "alpha", None)


def test_nobody_is_dialled_for_an_action_that_has_ended(book: Book) -> None:
    made = planned(book)
    attempts = attempts_for(book, claim(book))
    book.close(made)
    assert place_all(book, attempts) == frozenset()
    assert book.rows(select(call_attempt)) == []


def test_nobody_is_dialled_twice_at_once(book: Book) -> None:
    made = planned(book)
    attempts = dialled(book, made)
    again = [CallAttempt("bn.other", made.ids[0], made.number, 1, "beta", book.now)]
    assert place_all(book, again) == frozenset()
    assert len(attempts) == 1


def test_end_of_a_call_is_recorded_once(book: Book) -> None:
    made = planned(book)
    (attempt,) = dialled(book, made)
    more = {"outcome": "answered", "cause": 16, "heard_ms": 31_000, "key": "1", "answered_at": book.now, "version": 1}
    assert ended(book, attempt, **more).actions == {made.number}
    assert ended(book, attempt, DeliveryState.FAILED, reason=Reason.BUSY) == Recorded()
    row = book.row(made.ids[0])
    assert (book.state(made.ids[0]), row.attempts, row.reason) == ("heard_full", 1, None)
    (call,) = book.rows(select(call_attempt))
    assert (call.outcome, call.cause, call.heard_ms, call.key) == ("answered", 16, 31_000, "1")


def test_many_ends_are_recorded_at_once(book: Book) -> None:
    made = planned(book, 3)
    results = [CallResult(one.id, one.delivery, HEARD, None, book.now) for one in dialled(book, made)]
    results[0] = CallResult(
        results[0].attempt, results[0].delivery, DeliveryState.RETRY, Reason.BUSY, book.now, book.now
    )
    book.database.write_now(calls.record_calls, results, book.now)
    assert book.states(made.ids) == ["retry", "heard_full", "heard_full"]


def test_retry_is_claimed_when_its_time_has_come_and_knows_its_last_trunk(book: Book) -> None:
    made = planned(book)
    (attempt,) = dialled(book, made)
    ended(book, attempt, DeliveryState.RETRY, reason=Reason.BUSY, retry_at=book.now + timedelta(seconds=45))
    book.wait(44)
    assert claim(book) == []
    book.wait(1)
    (batch,) = claim(book)
    (callee,) = batch.recipients
    assert (callee.attempts, callee.placed, callee.last_trunk) == (1, 1, "alpha")
    assert place_all(book, attempts_for(book, [batch])) == {f"bn.{made.ids[0]}.1"}


def test_newer_text_is_claimed_with_the_retry(book: Book) -> None:
    made = planned(book)
    (attempt,) = dialled(book, made)
    ended(book, attempt, DeliveryState.RETRY, reason=Reason.BUSY, retry_at=book.now)
    book.add_version(made, nl="Hij is gezien")
    (batch,) = claim(book)
    assert (batch.version, batch.message.words) == (2, "Hij is gezien")


def test_full_trunk_is_no_attempt_at_the_person(book: Book) -> None:
    made = planned(book)
    (attempt,) = dialled(book, made)
    ended(book, attempt, DeliveryState.RETRY, reason=Reason.CONGESTION, retry_at=book.now, counts=False)
    assert book.row(made.ids[0]).attempts == 0


def test_report_counts_the_voice_lane(book: Book) -> None:
    made = planned(book, 6)
    attempts = dialled(book, made)
    outcomes = [
        (HEARD, None),
        (DeliveryState.HEARD_PART, None),
        (DeliveryState.VOICEMAIL, None),
        (DeliveryState.FAILED, Reason.UNALLOCATED),
        (DeliveryState.UNCERTAIN, Reason.CALL_VANISHED),
    ]
    for attempt, (state, reason) in zip(attempts, outcomes, strict=False):
        ended(book, attempt, state, reason=reason)
    counts = book.database.read_now(report, f"action{made.ids[0]}").voice
    assert (counts.planned, counts.dialled, counts.answered) == (6, 6, 3)
    assert (counts.heard_full, counts.heard_part, counts.voicemail) == (1, 1, 1)
    assert (counts.failed, counts.uncertain, counts.pending) == ({"unallocated": 1}, 1, 1)


# ---------------------------------------------------------------- a dead daemon


def test_claims_of_a_dead_daemon_that_were_not_dialled_go_out_again(book: Book) -> None:
    made = planned(book, 2)
    dead = book.daemon()
    claim(book, daemon=dead)
    assert book.recover(dead, None) == {"uncertain": 0, "returned": 2}
    assert claimed(book) == list(made.ids)


def test_calls_of_a_dead_daemon_of_this_node_are_handed_to_its_successor(book: Book) -> None:
    made = planned(book)
    dead = book.daemon()
    (attempt,) = dialled(book, made, dead)
    book.recover(dead, None)
    assert book.state(made.ids[0]) == "dialling"
    ((found, action_id, _),) = book.database.write_now(calls.left_over, book.me, "here")
    assert (found, action_id) == (attempt, f"action{made.ids[0]}")
    assert book.database.write_now(calls.left_over, book.me, "here") == []
    assert claim(book) == []
    ended(book, attempt)
    assert book.state(made.ids[0]) == "heard_full"


def test_calls_of_a_dead_daemon_elsewhere_are_uncertain_until_it_is_back(book: Book) -> None:
    made = planned(book)
    dead = book.daemon("there")
    (attempt,) = dialled(book, made, dead)
    book.database.write_now(calls.ledger.recover, dead, None, book.now, same_node=False)
    assert (book.state(made.ids[0]), book.row(made.ids[0]).reason) == ("uncertain", "daemon_stopped")
    assert book.database.write_now(calls.left_over, book.me, "here") == []
    ((found, _, _),) = book.database.write_now(calls.left_over, book.daemon("there"), "there")
    assert found == attempt
    ended(book, attempt, DeliveryState.HEARD_PART)
    assert book.state(made.ids[0]) == "heard_part"


def news(book: Book, versions: dict[int, int]) -> list[tuple[int, bool, int, str]]:
    found = book.database.read_now(calls.news_of, versions)
    return [(one.number, one.open, one.version, one.text["nl"].sms) for one in found]


def test_another_daemon_learns_that_an_action_was_closed(book: Book) -> None:
    first, second = planned(book), planned(book)
    book.close(first)
    assert news(book, {first.number: 1, second.number: 1}) == [(first.number, False, 1, "Kijk uit")]


def test_another_daemon_learns_the_newer_text_once(book: Book) -> None:
    made = planned(book)
    book.add_version(made, nl="Hij is gezien")
    assert news(book, {made.number: 1}) == [(made.number, True, 2, "Hij is gezien")]
    assert news(book, {made.number: 2}) == []


# ---------------------------------------------------------------- an SMS instead


def test_dead_number_is_followed_by_an_sms_where_there_is_a_mobile(book: Book) -> None:
    made = planned(book, 2, mobile=True)
    first, second = dialled(book, made)
    recorded = ended(book, first, DeliveryState.FAILED, reason=Reason.UNALLOCATED, sms_instead=True)
    assert recorded.planned_sms == 1
    ended(book, second, DeliveryState.FAILED, reason=Reason.BUSY)
    assert texted(book, made) == [("ALERT", "queued")]
    (batch,) = book.claim()
    assert batch.text == "Kijk uit"
    assert [number[:4] for _, number in batch.recipients] == ["+316"]


def test_dead_number_without_a_mobile_has_failed_and_that_is_all(book: Book) -> None:
    made = planned(book)
    (attempt,) = dialled(book, made)
    assert ended(book, attempt, DeliveryState.FAILED, reason=Reason.UNALLOCATED, sms_instead=True).planned_sms == 0
    assert texted(book, made) == []


def test_nobody_gets_a_second_sms_because_of_a_call(book: Book) -> None:
    made = planned(book, mobile=True)
    book.execute(
        insert(delivery).values(
            id=900, action=made.number, person_id=somebody(book).id, number_id=somebody(book).mobile_id, language="nl",
            lane=1, purpose=0, version=1, state=int(DeliveryState.DELIVERED), attempts=1,
        )
    )  # fmt: skip
    (attempt,) = dialled(book, made)
    ended(book, attempt, DeliveryState.FAILED, reason=Reason.UNALLOCATED, sms_instead=True)
    assert texted(book, made) == [("ALERT", "delivered")]


# ---------------------------------------------------------------- keys


def test_key_1_is_a_response_once(book: Book) -> None:
    made = planned(book)
    dialled(book, made)
    first, second = press(book, made.ids[0], "1").response, press(book, made.ids[0], "1").response
    assert first is not None
    assert second is not None
    assert first.id == second.id
    assert (first.kind, first.action_id, first.text) == ("keypress", f"action{made.ids[0]}", "1")
    assert first.caller == "+31*****001"
    assert len(book.rows(select(responses.c.id))) == 1


def test_key_3_sends_the_message_as_sms_once(book: Book) -> None:
    made = planned(book, mobile=True)
    dialled(book, made)
    assert press(book, made.ids[0], "3").sms
    assert press(book, made.ids[0], "3").sms
    assert texted(book, made) == [("REPLY", "queued")]


def test_key_3_without_a_mobile_sends_nothing_and_says_so(book: Book) -> None:
    made = planned(book)
    dialled(book, made)
    assert not press(book, made.ids[0], "3").sms
    assert texted(book, made) == []


def test_key_9_pauses_until_the_next_midnight_where_people_live(book: Book) -> None:
    made = planned(book)
    press(book, made.ids[0], "9")
    assert somebody(book).paused_until == datetime(2016, 5, 4, 22, 0, tzinfo=UTC)


def test_key_0_leaves_who_can_only_be_called(book: Book) -> None:
    made = planned(book)
    press(book, made.ids[0], "0")
    assert somebody(book).left_at == book.now


def test_key_0_keeps_the_sms_of_who_has_a_mobile(book: Book) -> None:
    made = planned(book, mobile=True)
    press(book, made.ids[0], "0")
    assert (somebody(book).left_at, somebody(book).lanes) == (None, 1)


# ---------------------------------------------------------------- what follows a call

POLICY = CallPolicy()
UNTIL = NOON + timedelta(minutes=30)


def step(reason: Reason, *, attempts: int = 0, placed: int = 0, until: datetime = UNTIL) -> tuple[Any, ...]:
    callee = Callee(1, "+31294000001", attempts, placed)
    found = after(reason, callee, POLICY, now=NOON, until=until)
    return found.state.word, None if found.retry_at is None else (found.retry_at - NOON).seconds, found.sms_instead


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (Reason.BUSY, ("retry", 45, False)),
        (Reason.NO_ANSWER, ("retry", 90, False)),
        (Reason.CALL_REJECTED, ("retry", 30, False)),
        (Reason.NETWORK_TIMEOUT, ("retry", 30, False)),
        (Reason.CONGESTION, ("retry", 2, False)),
        (Reason.UNALLOCATED, ("failed", None, True)),
        (Reason.NUMBER_CHANGED, ("failed", None, True)),
        (Reason.OUT_OF_ORDER, ("failed", None, True)),
        (Reason.ABSENT, ("failed", None, True)),
        (Reason.ACTION_CLOSED, ("cancelled", None, False)),
    ],
    ids=lambda value: value.value if isinstance(value, Reason) else "",
)
def test_what_follows_a_call_that_reached_nobody(reason: Reason, expected: tuple[Any, ...]) -> None:
    assert step(reason) == expected


def test_last_try_is_followed_by_an_sms() -> None:
    assert step(Reason.BUSY, attempts=2) == ("failed", None, True)


def test_no_retry_outlives_the_action() -> None:
    assert step(Reason.BUSY, until=NOON + timedelta(seconds=45)) == ("failed", None, True)


def test_full_trunks_are_not_tried_for_ever() -> None:
    assert step(Reason.CONGESTION, placed=30) == ("failed", None, True)
