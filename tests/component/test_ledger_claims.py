"""Claims: each delivery goes to one daemon, the most urgent first, in the newest words, and only while it may."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from fakes.book import NOON, VAULT, Book
from sqlalchemy import select, update

from gateway.domain.action import Outcome, Urgency
from gateway.domain.delivery import DeliveryState, Lane, Reason
from gateway.storage.database import Database, make_engine
from gateway.storage.repositories import ledger
from gateway.storage.tables import claim, delivery, dispatch


def test_claim_holds_everything_that_a_lane_needs(book: Book) -> None:
    action = book.plan(3, urgency=Urgency.LIFE_SAFETY, texts={"nl": "Brand: ramen dicht €"})
    (batch,) = book.claim()
    assert (batch.action, batch.version, batch.domain) == (action.number, 1, "burgernet")
    assert batch.urgency == Urgency.LIFE_SAFETY
    assert batch.text == "Brand: ramen dicht €"
    assert batch.expires_at == NOON + timedelta(minutes=30)
    assert list(batch.recipients) == sorted(action.numbers.items())


def test_nothing_is_claimed_twice(book: Book) -> None:
    action = book.plan(10)
    found = [book.claimed(4), book.claimed(4), book.claimed(4), book.claimed(4)]
    assert found == [action.ids[:4], action.ids[4:8], action.ids[8:], []]
    assert book.claims() == 3


def test_limit_holds_over_several_actions(book: Book) -> None:
    first, second = book.plan(3), book.plan(5)
    assert book.claimed(5) == [*first.ids, *second.ids[:2]]
    assert book.claimed(0) == []
    assert book.claimed(5) == second.ids[2:]


def test_more_actions_than_are_looked_at_at_once_are_all_claimed_in_the_end(book: Book) -> None:
    actions = [book.plan(1) for _ in range(20)]
    found = book.claimed() + book.claimed()
    assert found == [one for action in actions for one in action.ids]


def test_the_most_urgent_goes_first_and_then_the_oldest(book: Book) -> None:
    routine = book.plan(2, urgency=Urgency.ROUTINE)
    early, late = book.plan(2), book.plan(2)
    fire = book.plan(2, urgency=Urgency.LIFE_SAFETY)
    assert book.claimed() == [*fire.ids, *early.ids, *late.ids, *routine.ids]


def test_urgent_action_overtakes_one_that_is_half_claimed(book: Book) -> None:
    routine = book.plan(6, urgency=Urgency.ROUTINE)
    assert book.claimed(2) == routine.ids[:2]
    fire = book.plan(2, urgency=Urgency.LIFE_SAFETY)
    assert book.claimed(4) == [*fire.ids, *routine.ids[2:4]]


def test_each_language_gets_its_words_and_dutch_stands_in(book: Book) -> None:
    action = book.plan(["nl", "de", "en", "de", "nl"], texts={"nl": "Kijk uit", "de": "Achtung"})
    batches = book.claim()
    words = {one: batch.text for batch in batches for one, _ in batch.recipients}
    assert [words[one] for one in action.ids] == ["Kijk uit", "Achtung", "Kijk uit", "Achtung", "Kijk uit"]
    numbers = {one: e164 for batch in batches for one, e164 in batch.recipients}
    assert numbers == action.numbers


def test_what_has_not_left_goes_out_in_the_newest_words(book: Book) -> None:
    action = book.plan(4)
    assert book.claim(2)[0].text == "Kijk uit"
    book.add_version(action, nl="Rode jas, geen blauwe")
    (batch,) = book.claim()
    assert (batch.version, batch.text) == (2, "Rode jas, geen blauwe")
    versions = book.rows(select(delivery.c.version).order_by(delivery.c.id))
    assert [row[0] for row in versions] == [1, 1, 2, 2]


def test_retry_goes_out_in_the_newest_words_too(book: Book) -> None:
    action = book.plan(1)
    book.claim()
    book.settle(action.ids, DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now)
    book.add_version(action, nl="Rode jas")
    (batch,) = book.claim()
    assert (batch.version, batch.text) == (2, "Rode jas")
    assert book.row(action.ids[0]).version == 2


def test_closing_message_has_its_own_words_after_the_action_has_closed(book: Book) -> None:
    action = book.plan(2)
    book.claim()
    book.add_version(action, nl="Rode jas")
    closing = book.plan_closing(action, 3, nl="Gevonden, bedankt")
    book.close(action, Outcome.SUCCESS)
    (batch,) = book.claim()
    assert (batch.version, batch.text) == (3, "Gevonden, bedankt")
    assert [one for one, _ in batch.recipients] == closing
    assert batch.expires_at > book.now


def test_closing_words_are_not_sent_to_those_who_wait_for_the_alert(book: Book) -> None:
    action = book.plan(1)
    book.plan_closing(action, 2, nl="Bedankt")
    texts = {batch.recipients[0][0]: batch.text for batch in book.claim()}
    assert texts == {action.ids[0]: "Kijk uit", action.ids[0] + 2: "Bedankt"}


def test_voice_deliveries_are_not_for_the_sms_lane(book: Book) -> None:
    book.plan(2, lane=Lane.VOICE)
    assert book.claimed() == []


# ---------------------------------------------------------------- what may no longer leave


def test_action_that_is_closed_is_not_claimed(book: Book) -> None:
    book.close(book.plan(2))
    assert book.claimed() == []


def test_action_whose_life_is_over_is_not_claimed_even_before_it_is_closed(book: Book) -> None:
    book.plan(2)
    book.wait(30 * 60)
    assert book.claimed() == []


def test_cancelled_delivery_is_not_in_its_claim(book: Book) -> None:
    action = book.plan(3)
    cancelled = {"state": int(DeliveryState.CANCELLED), "reason": Reason.FORGOTTEN.value}
    book.execute(update(delivery).where(delivery.c.id == action.ids[1]).values(cancelled))
    assert book.claimed() == [action.ids[0], action.ids[2]]


@pytest.mark.parametrize("outcome", [Outcome.STOPPED, Outcome.EXPIRED])
def test_retry_of_an_action_that_has_ended_never_leaves_and_is_settled(book: Book, outcome: Outcome) -> None:
    # It was in the window when the action was closed, and came back refused afterwards.
    action = book.plan(2)
    book.claim()
    book.close(action, outcome)
    book.settle(action.ids, DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now + timedelta(seconds=10))
    book.wait(10)
    assert book.claimed() == []
    expected = "expired" if outcome is Outcome.EXPIRED else "cancelled"
    assert book.states(action.ids) == [expected, expected]
    reason = Reason.ACTION_EXPIRED if outcome is Outcome.EXPIRED else Reason.ACTION_CLOSED
    assert book.row(action.ids[0]).reason == reason.value


def test_retry_that_comes_due_after_the_life_of_its_action_expires(book: Book) -> None:
    action = book.plan(1, expires_in=timedelta(minutes=5))
    book.claim()
    book.settle(action.ids, DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now + timedelta(minutes=6))
    book.wait(360)
    assert book.claimed() == []
    assert book.state(action.ids[0]) == "expired"


def test_retry_of_a_closing_message_leaves_after_the_end(book: Book) -> None:
    action = book.plan(1)
    book.claim()
    closing = book.plan_closing(action, nl="Bedankt")
    book.close(action, Outcome.SUCCESS)
    assert book.claimed() == closing
    book.settle(closing, DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now)
    (batch,) = book.claim()
    assert batch.text == "Bedankt"
    assert batch.expires_at == book.now + timedelta(hours=1)


# ---------------------------------------------------------------- retries


def test_retry_is_claimed_once_when_it_is_due(book: Book) -> None:
    action = book.plan(2)
    book.claim()
    book.settle(action.ids[:1], DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now + timedelta(seconds=10))
    assert book.database.read_now(ledger.next_retry) == book.now + timedelta(seconds=10)
    book.wait(9.9)
    assert book.claimed() == []
    book.wait(0.1)
    assert book.claimed() == action.ids[:1]
    assert book.claimed() == []
    assert book.database.read_now(ledger.next_retry) is None


def test_retries_of_several_actions_keep_their_own_words(book: Book) -> None:
    first, second = book.plan(2), book.plan(["de"], texts={"nl": "Brand", "de": "Feuer"})
    book.claim()
    book.settle([*first.ids, *second.ids], DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now)
    texts = {one: batch.text for batch in book.claim() for one, _ in batch.recipients}
    assert texts == {first.ids[0]: "Kijk uit", first.ids[1]: "Kijk uit", second.ids[0]: "Feuer"}


def test_retries_count_towards_the_limit(book: Book) -> None:
    action = book.plan(6)
    book.claim(3)
    book.settle(action.ids[:3], DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now)
    assert len(book.claimed(2)) == 2
    assert len(book.claimed(10)) == 4


# ---------------------------------------------------------------- several daemons


def test_two_daemons_never_get_the_same_delivery(book: Book, database_url: str) -> None:
    actions = [book.plan(150) for _ in range(4)]
    retried = actions[0].ids[:60]
    assert book.claimed(60) == retried
    book.settle(retried, DeliveryState.RETRY, None, retry_at=book.now, counts=False)
    found: dict[int, list[int]] = {one: [] for one in (book.daemon("a"), book.daemon("b"), book.daemon("c"))}
    failures: list[BaseException] = []
    start = threading.Barrier(len(found))

    def claim_all(daemon: int) -> None:
        engine = make_engine(database_url)
        database = Database(engine, None)  # type: ignore[arg-type]
        try:
            start.wait(20)
            idle = 0
            while idle < 50:
                batches = database.write_now(ledger.claim_sms, VAULT, daemon, 7, book.now)
                ids = [one for batch in batches for one, _ in batch.recipients]
                found[daemon] += ids
                idle = 0 if ids else idle + 1
        except BaseException as error:
            failures.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=claim_all, args=(daemon,)) for daemon in found]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not failures
    together = [one for ids in found.values() for one in ids]
    assert len(together) == len(set(together)) == 600
    assert set(together) == {one for action in actions for one in action.ids}


def test_claim_that_is_rolled_back_has_taken_nothing(book: Book) -> None:
    action = book.plan(3)

    def claim_and_fail(connection: object) -> None:
        assert ledger.claim_sms(connection, VAULT, book.me, 10, book.now)  # type: ignore[arg-type]
        raise LookupError

    with pytest.raises(LookupError):
        book.database.write_now(claim_and_fail)
    assert book.claims() == 0
    assert book.claimed() == action.ids


# ---------------------------------------------------------------- tidying


def test_claims_of_which_all_is_answered_are_forgotten(book: Book) -> None:
    answered, open_still = book.plan(2), book.plan(2)
    book.claim()
    book.accept(answered.ids)
    book.accept(open_still.ids[:1])
    book.database.write_now(ledger.tidy_claims, book.me)
    left = book.rows(select(claim.c.first_id, claim.c.last_id))
    assert [tuple(row) for row in left] == [(open_still.ids[0], open_still.ids[1])]


def test_claim_of_a_retry_is_forgotten_once_it_is_answered_or_waits_again(book: Book) -> None:
    action = book.plan(2)
    book.claim()
    book.settle(action.ids, DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now)
    book.claim()

    def tidy() -> None:
        book.database.write_now(ledger.tidy_claims, book.me)

    tidy()
    assert book.claims() == 1
    book.accept(action.ids[:1])
    tidy()
    assert book.claims() == 1
    book.wait(1)
    book.settle(action.ids[1:], DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=book.now)
    tidy()
    assert book.claims() == 0


def test_other_daemons_claims_are_left_alone(book: Book) -> None:
    action = book.plan(1)
    other = book.daemon("there")
    book.claim(daemon=other)
    book.accept(action.ids)
    book.database.write_now(ledger.tidy_claims, book.me)
    assert book.claims() == 1


def test_dispatch_that_is_claimed_to_its_end_waits_no_longer(book: Book) -> None:
    book.plan(3)
    book.claim(2)
    assert book.rows(select(dispatch.c.waiting))[0][0]
    book.claim(2)
    assert not book.rows(select(dispatch.c.waiting))[0][0]
