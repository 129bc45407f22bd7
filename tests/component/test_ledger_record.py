"""Outcomes in the ledger: what the carriers answered, once, whatever comes twice or in the wrong order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fakes.book import KPN, NOON, Book, receipt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.domain.delivery import (
    MOVES,
    Accepted,
    DeliveryState,
    Lane,
    Reason,
    SegmentState,
    Settlement,
    make_ref,
)
from gateway.storage.repositories import ledger
from gateway.storage.tables import carrier

BAD = SegmentState.FAILED
RETRY_AT = NOON + timedelta(seconds=10)


@pytest.fixture
def ids(book: Book) -> list[int]:
    """Five deliveries that this daemon has claimed."""
    planned = book.plan(5)
    book.claim()
    return list(planned.ids)


# ---------------------------------------------------------------- accepted


def test_accepted_delivery_is_submitted_with_its_message_id(book: Book, ids: list[int]) -> None:
    book.accept(ids[:1])
    row = book.row(ids[0])
    assert (row.state, row.attempts, row.reason, row.changed_at) == (DeliveryState.SUBMITTED, 1, None, NOON)
    (segment,) = book.segments(ids[0])
    assert (segment.message_id, segment.part, segment.parts) == (f"m{ids[0]}.1", 1, 1)
    assert segment.state == SegmentState.SUBMITTED
    assert segment.submitted_at == NOON
    assert book.states(ids[1:]) == ["queued"] * 4


def test_accepted_deliveries_need_not_be_neighbours(book: Book, ids: list[int]) -> None:
    book.accept([ids[0], ids[3]])
    assert book.states(ids) == ["submitted", "queued", "queued", "submitted", "queued"]


def test_several_answers_of_several_carriers_go_in_together(book: Book, ids: list[int]) -> None:
    answers = [
        Accepted("KPN", NOON, {make_ref(ids[0], 1, 1): "1"}),
        Accepted("Odido", NOON, {make_ref(ids[1], 1, 1): "1"}),
        Accepted("KPN", NOON, {make_ref(ids[2], 1, 1): "2"}),
    ]
    book.record(accepted=answers)
    assert book.states(ids[:4]) == ["submitted", "submitted", "submitted", "queued"]
    names = dict(book.rows(select(carrier.c.id, carrier.c.name)))
    assert [names[book.segments(one)[0].carrier] for one in ids[:3]] == ["KPN", "Odido", "KPN"]


def test_several_carriers_one_of_which_sent_a_long_message(book: Book, ids: list[int]) -> None:
    answers = [
        Accepted("KPN", NOON, {make_ref(ids[0], 1, 1): "1", make_ref(ids[1], 2, 1): "2"}),
        Accepted("Odido", NOON, {make_ref(ids[2], 2, 2): "9", make_ref(ids[2], 2, 1): "8"}),
    ]
    book.record(accepted=answers)
    assert book.states(ids[:3]) == ["submitted", "queued", "submitted"]


def test_long_message_is_submitted_when_its_last_part_is(book: Book, ids: list[int]) -> None:
    one = ids[0]
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(one, 3, 1): "a", make_ref(one, 3, 3): "c"})])
    assert book.state(one) == "queued"
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(one, 3, 2): "b"})])
    assert book.state(one) == "submitted"
    assert book.row(one).attempts == 1
    assert [segment.message_id for segment in book.segments(one)] == ["a", "b", "c"]


def test_actions_whose_counts_changed_are_told(book: Book) -> None:
    first, second, third = book.plan(2), book.plan(2), book.plan(2)
    book.claim()
    assert book.accept(first.ids).actions == {first.number}
    assert book.settle(second.ids, DeliveryState.FAILED, Reason.INVALID_NUMBER).actions == {second.number}
    assert book.receive(f"m{first.ids[0]}.1").actions == {first.number}
    both = book.record(
        accepted=[Accepted(KPN, NOON, {make_ref(third.ids[0], 1, 1): "x"})],
        receipts=[receipt(f"m{first.ids[1]}.1")],
    )
    assert both.actions == {first.number, third.number}
    assert book.receive("nobody's").actions == frozenset()


def test_nothing_to_record_changes_nothing(book: Book) -> None:
    before = book.everything()
    recorded = book.record()
    assert (recorded.actions, recorded.matched, recorded.orphaned, recorded.repeated) == (frozenset(), 0, 0, 0)
    assert book.everything() == before


# ---------------------------------------------------------------- settled


def test_refused_delivery_fails_with_its_reason(book: Book, ids: list[int]) -> None:
    detail = "KPN: ESME_RINVDSTADR"
    book.settle(ids[:1], DeliveryState.FAILED, Reason.INVALID_NUMBER, detail=detail)
    row = book.row(ids[0])
    assert (row.state, row.reason, row.detail, row.attempts) == (DeliveryState.FAILED, "invalid_number", detail, 1)


def test_detail_may_be_long_and_strange(book: Book, ids: list[int]) -> None:
    book.settle(ids[:1], DeliveryState.FAILED, Reason.REJECTED, detail='"quoted" \\ ë ' * 40)
    assert len(book.row(ids[0]).detail) == 200


def test_delivery_to_be_tried_again_says_when(book: Book, ids: list[int]) -> None:
    book.settle(ids[:1], DeliveryState.RETRY, Reason.CARRIER_ERROR, retry_at=RETRY_AT)
    row = book.row(ids[0])
    assert (row.state, row.retry_at, row.attempts) == (DeliveryState.RETRY, RETRY_AT, 1)


def test_throttled_or_returned_delivery_counts_no_attempt(book: Book, ids: list[int]) -> None:
    book.settle(ids[:1], DeliveryState.RETRY, None, retry_at=NOON, counts=False)
    assert book.row(ids[0]).attempts == 0


def test_uncertain_delivery_is_not_claimed_again(book: Book, ids: list[int]) -> None:
    book.settle(ids[:1], DeliveryState.UNCERTAIN, Reason.LINK_LOST)
    book.wait(3600)
    assert book.claimed() == []
    assert book.state(ids[0]) == "uncertain"


@pytest.mark.parametrize("state", [DeliveryState.UNCERTAIN, DeliveryState.CANCELLED, DeliveryState.RETRY])
def test_settlement_that_comes_after_the_acceptance_changes_nothing(
    book: Book, ids: list[int], state: DeliveryState
) -> None:
    book.accept(ids[:1])
    book.settle(ids[:1], state, None, retry_at=NOON if state is DeliveryState.RETRY else None)
    assert book.state(ids[0]) == "submitted"
    assert book.row(ids[0]).retry_at is None


def test_late_acceptance_settles_what_was_uncertain(book: Book, ids: list[int]) -> None:
    book.settle(ids[:1], DeliveryState.UNCERTAIN, Reason.NO_ANSWER_FROM_CARRIER, detail="KPN")
    book.accept(ids[:1])
    row = book.row(ids[0])
    assert (row.state, row.reason, row.detail) == (DeliveryState.SUBMITTED, None, None)


def test_late_refusal_settles_what_was_uncertain(book: Book, ids: list[int]) -> None:
    book.settle(ids[:1], DeliveryState.UNCERTAIN, Reason.NO_ANSWER_FROM_CARRIER)
    book.settle(ids[:1], DeliveryState.FAILED, Reason.INVALID_NUMBER)
    assert book.state(ids[0]) == "failed"


def test_uncertainty_and_late_acceptance_in_one_batch_are_an_acceptance(book: Book, ids: list[int]) -> None:
    book.record(
        accepted=[Accepted(KPN, NOON, {make_ref(ids[0], 1, 1): "7"})],
        settled=[Settlement(ids[0], DeliveryState.UNCERTAIN, Reason.LINK_LOST, NOON)],
    )
    assert book.state(ids[0]) == "submitted"


def test_acceptance_after_a_retry_was_written_stops_the_retry(book: Book, ids: list[int]) -> None:
    book.settle(ids[:1], DeliveryState.RETRY, Reason.LINK_LOST, retry_at=RETRY_AT)
    book.accept(ids[:1])
    book.wait(20)
    assert book.claimed() == []


# ---------------------------------------------------------------- receipts


def test_receipt_of_delivery_settles_it(book: Book, ids: list[int]) -> None:
    book.accept(ids)
    recorded = book.receive(f"m{ids[0]}.1")
    assert (recorded.matched, recorded.orphaned, recorded.repeated) == (1, 0, 0)
    assert book.states(ids) == ["delivered", *["submitted"] * 4]
    (segment,) = book.segments(ids[0])
    assert (segment.state, segment.settled_at) == (SegmentState.DELIVERED, NOON)


@pytest.mark.parametrize("reason", [Reason.UNDELIVERABLE, Reason.NOT_DELIVERED_IN_TIME, Reason.REJECTED])
def test_receipt_of_failure_brings_its_reason_and_the_carriers_code(book: Book, ids: list[int], reason: Reason) -> None:
    book.accept(ids[:2])
    book.receive(f"m{ids[0]}.1", state=BAD, reason=reason, error="07B")
    assert book.states(ids[:2]) == ["failed", "submitted"]
    assert book.row(ids[0]).reason == reason.value
    assert book.segments(ids[0])[0].error == "07B"


def test_different_failures_in_one_batch_keep_their_own_reasons(book: Book, ids: list[int]) -> None:
    book.accept(ids)
    book.record(
        receipts=[
            receipt(f"m{ids[0]}.1", BAD, Reason.UNDELIVERABLE, error="001"),
            receipt(f"m{ids[1]}.1", BAD, Reason.NOT_DELIVERED_IN_TIME, error="002"),
            receipt(f"m{ids[2]}.1", BAD, Reason.UNDELIVERABLE, error="003"),
            receipt(f"m{ids[3]}.1"),
        ]
    )
    assert book.states(ids) == ["failed", "failed", "failed", "delivered", "submitted"]
    assert [book.row(one).reason for one in ids[:3]] == ["undeliverable", "not_delivered_in_time", "undeliverable"]
    assert [book.segments(one)[0].error for one in ids[:3]] == ["001", "002", "003"]


def test_intermediate_receipt_proves_nothing(book: Book, ids: list[int]) -> None:
    book.accept(ids[:1])
    book.receive(f"m{ids[0]}.1", state=SegmentState.ENROUTE)
    assert book.state(ids[0]) == "submitted"
    assert book.segments(ids[0])[0].state == SegmentState.ENROUTE


def test_intermediate_receipt_after_the_last_word_changes_nothing(book: Book, ids: list[int]) -> None:
    book.accept(ids[:2])
    book.receive(f"m{ids[0]}.1")
    book.receive(f"m{ids[1]}.1", state=BAD)
    before = book.everything()
    book.receive(f"m{ids[0]}.1", f"m{ids[1]}.1", state=SegmentState.ENROUTE)
    assert book.everything() == before


def test_failure_and_then_delivery_is_a_delivery(book: Book, ids: list[int]) -> None:
    book.accept(ids[:1])
    book.receive(f"m{ids[0]}.1", state=BAD, error="1")
    book.receive(f"m{ids[0]}.1")
    row = book.row(ids[0])
    assert (row.state, row.reason) == (DeliveryState.DELIVERED, None)


def test_delivery_and_then_failure_stays_a_delivery(book: Book, ids: list[int]) -> None:
    book.accept(ids[:1])
    book.receive(f"m{ids[0]}.1")
    book.receive(f"m{ids[0]}.1", state=BAD)
    assert book.state(ids[0]) == "delivered"
    assert book.segments(ids[0])[0].state == SegmentState.DELIVERED


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_several_words_in_one_batch_the_final_and_better_one_counts(
    book: Book, ids: list[int], order: tuple[int, ...]
) -> None:
    book.accept(ids[:1])
    words = [SegmentState.ENROUTE, BAD, SegmentState.DELIVERED]
    recorded = book.record(receipts=[receipt(f"m{ids[0]}.1", words[index]) for index in order])
    assert book.state(ids[0]) == "delivered"
    assert (recorded.matched, recorded.orphaned, recorded.repeated) == (1, 0, 2)


def test_receipt_that_comes_twice_is_counted_as_repeated(book: Book, ids: list[int]) -> None:
    book.accept(ids[:1])
    book.receive(f"m{ids[0]}.1")
    before = book.everything()
    recorded = book.receive(f"m{ids[0]}.1")
    assert (recorded.matched, recorded.orphaned, recorded.repeated) == (0, 0, 1)
    assert book.everything() == before


def test_message_id_counts_with_its_carrier(book: Book, ids: list[int]) -> None:
    book.record(
        accepted=[
            Accepted("KPN", NOON, {make_ref(ids[0], 1, 1): "7"}),
            Accepted("Odido", NOON, {make_ref(ids[1], 1, 1): "7"}),
        ]
    )
    book.receive("7", carrier="Odido")
    assert book.states(ids[:2]) == ["submitted", "delivered"]


def test_message_id_that_a_carrier_uses_again_after_years_means_the_newest(book: Book, ids: list[int]) -> None:
    for one in (ids[0], ids[2], ids[1]):
        book.record(accepted=[Accepted(KPN, NOON, {make_ref(one, 1, 1): "7"})])
    book.receive("7")
    assert book.states(ids[:3]) == ["submitted", "submitted", "delivered"]


# ---------------------------------------------------------------- receipts of long messages


def test_long_message_is_delivered_when_its_last_part_is(book: Book, ids: list[int]) -> None:
    one = ids[0]
    book.accept([one], parts=3)
    book.receive(f"m{one}.3", f"m{one}.1")
    assert book.state(one) == "submitted"
    book.receive(f"m{one}.2")
    assert book.state(one) == "delivered"


def test_all_parts_in_one_batch_deliver_the_message(book: Book, ids: list[int]) -> None:
    book.accept(ids[:2], parts=3)
    book.receive(*(f"m{one}.{part}" for one in ids[:2] for part in (1, 2, 3)))
    assert book.states(ids[:2]) == ["delivered", "delivered"]


def test_one_failed_part_fails_the_message(book: Book, ids: list[int]) -> None:
    one = ids[0]
    book.accept([one], parts=3)
    book.receive(f"m{one}.1", f"m{one}.2")
    book.receive(f"m{one}.3", state=BAD, error="9")
    assert book.state(one) == "failed"
    assert [segment.error for segment in book.segments(one)] == [None, None, "9"]


def test_failed_part_that_arrives_after_all_makes_the_message_whole(book: Book, ids: list[int]) -> None:
    one = ids[0]
    book.accept([one], parts=2)
    book.receive(f"m{one}.1", state=BAD)
    book.receive(f"m{one}.2")
    assert book.state(one) == "failed"
    book.receive(f"m{one}.1")
    assert book.state(one) == "delivered"


def test_delivered_parts_do_not_deliver_a_message_of_which_one_was_never_accepted(book: Book, ids: list[int]) -> None:
    one = ids[0]
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(one, 2, 1): "a"})])
    book.receive("a")
    assert book.state(one) == "queued"
    book.settle([one], DeliveryState.UNCERTAIN, Reason.LINK_LOST)
    book.receive("a")
    assert book.state(one) == "uncertain"


# ---------------------------------------------------------------- receipts before their time


def test_receipt_before_the_acceptance_is_kept_and_adopted(book: Book, ids: list[int]) -> None:
    recorded = book.receive(f"m{ids[0]}.1")
    assert (recorded.matched, recorded.orphaned, recorded.repeated) == (0, 1, 0)
    assert book.orphans() == [f"m{ids[0]}.1"]
    book.accept(ids[:1])
    assert book.state(ids[0]) == "delivered"
    assert book.orphans() == []


def test_failure_before_the_acceptance_is_adopted_with_its_reason(book: Book, ids: list[int]) -> None:
    book.receive(f"m{ids[0]}.1", state=BAD, reason=Reason.REJECTED, error="42")
    book.accept(ids[:1])
    assert book.state(ids[0]) == "failed"
    assert book.row(ids[0]).reason == "rejected"
    assert book.segments(ids[0])[0].error == "42"


def test_receipt_and_acceptance_in_one_batch_match(book: Book, ids: list[int]) -> None:
    recorded = book.record(
        accepted=[Accepted(KPN, NOON, {make_ref(ids[0], 1, 1): "7"})], receipts=[receipt("7"), receipt("8")]
    )
    assert (recorded.matched, recorded.orphaned) == (1, 1)
    assert book.state(ids[0]) == "delivered"


def test_parts_adopt_their_early_receipts_one_by_one(book: Book, ids: list[int]) -> None:
    one = ids[0]
    book.receive(f"m{one}.1", f"m{one}.2")
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(one, 2, 2): f"m{one}.2"})])
    assert book.state(one) == "queued"
    assert book.orphans() == [f"m{one}.1"]
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(one, 2, 1): f"m{one}.1"})])
    assert book.state(one) == "delivered"
    assert book.orphans() == []


def test_early_receipts_that_contradict_each_other_end_well(book: Book, ids: list[int]) -> None:
    book.receive("7", state=BAD)
    book.receive("7")
    book.receive("7", state=SegmentState.ENROUTE)
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(ids[0], 1, 1): "7"})])
    assert book.state(ids[0]) == "delivered"


def test_receipt_for_nobody_is_kept_and_harms_nobody(book: Book, ids: list[int]) -> None:
    book.accept(ids[:1])
    book.receive("never heard of", "")
    assert book.states(ids) == ["submitted", *["queued"] * 4]
    assert book.orphans() == ["", "never heard of"]


def test_early_receipt_of_another_carrier_is_not_adopted(book: Book, ids: list[int]) -> None:
    book.receive("7", carrier="Odido")
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(ids[0], 1, 1): "7"})])
    assert book.state(ids[0]) == "submitted"
    assert book.orphans() == ["7"]


def test_receipt_of_long_ago_does_not_answer_a_message_of_today(book: Book, ids: list[int]) -> None:
    # Carriers begin anew with their ids; an orphan of last month is about another message.
    book.receive("7")
    book.wait(32 * 86400)
    book.record(accepted=[Accepted(KPN, book.now, {make_ref(ids[0], 1, 1): "7"})])
    assert book.state(ids[0]) == "submitted"


def test_orphan_of_one_batch_is_not_made_by_another_ones_receipts(book: Book, ids: list[int]) -> None:
    book.accept(ids[:2])
    recorded = book.record(
        receipts=[receipt(f"m{ids[0]}.1"), receipt("x"), receipt("y", carrier="Odido"), receipt(f"m{ids[1]}.1")]
    )
    assert (recorded.matched, recorded.orphaned) == (2, 2)
    assert book.orphans() == ["x", "y"]


# ---------------------------------------------------------------- twice is once

IDEMPOTENT: dict[str, dict[str, Any]] = {
    "accepted": {"accepted": [Accepted(KPN, NOON, {make_ref(1, 1, 1): "a", make_ref(2, 2, 1): "b"})]},
    "failed": {"settled": [Settlement(1, DeliveryState.FAILED, Reason.REJECTED, NOON)]},
    "retry": {"settled": [Settlement(1, DeliveryState.RETRY, Reason.CARRIER_ERROR, NOON, RETRY_AT)]},
    "uncertain": {"settled": [Settlement(1, DeliveryState.UNCERTAIN, Reason.LINK_LOST, NOON)]},
    "all": {
        "accepted": [Accepted(KPN, NOON, {make_ref(1, 1, 1): "a", make_ref(3, 1, 1): "c"})],
        "settled": [Settlement(2, DeliveryState.RETRY, Reason.CARRIER_ERROR, NOON, RETRY_AT)],
        "receipts": [receipt("a"), receipt("c", BAD)],
    },
}


@pytest.mark.parametrize("what", IDEMPOTENT)
def test_same_outcome_twice_changes_nothing(book: Book, ids: list[int], what: str) -> None:
    assert ids[0] == 1
    book.record(**IDEMPOTENT[what])
    once = book.everything()
    book.record(**IDEMPOTENT[what])
    assert book.everything() == once


def test_retry_that_is_written_twice_is_not_claimed_twice(book: Book, ids: list[int]) -> None:
    # The commit went through and its answer was lost: the batch is written again, and meanwhile somebody claimed.
    retry = [Settlement(ids[0], DeliveryState.RETRY, None, book.now, retry_at=book.now, counts=False)]
    book.record(settled=retry)
    assert book.claimed(daemon=book.daemon("there")) == ids[:1]
    book.record(settled=retry)
    assert book.claimed() == []


def test_repeated_acceptance_does_not_undo_the_receipt(book: Book, ids: list[int]) -> None:
    book.accept(ids[:1])
    book.receive(f"m{ids[0]}.1")
    book.accept(ids[:1])
    assert book.state(ids[0]) == "delivered"
    assert book.segments(ids[0])[0].state == SegmentState.DELIVERED


# ---------------------------------------------------------------- hostile values

ODD_IDS = ["x" * 255, 'a"b', "back\\slash", "tab\tnew\nline", "\x01\x7f\x80\xff", "123", "0123", "1e3", "", "%s {} :id"]


@pytest.mark.parametrize("message_id", ODD_IDS)
def test_any_message_id_that_a_carrier_can_send_is_stored_and_matched(
    book: Book, ids: list[int], message_id: str
) -> None:
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(ids[0], 1, 1): message_id})])
    assert book.segments(ids[0])[0].message_id == message_id
    book.receive(message_id)
    assert book.state(ids[0]) == "delivered"


@pytest.mark.parametrize("message_id", ODD_IDS)
def test_any_early_receipt_is_kept_and_adopted(book: Book, ids: list[int], message_id: str) -> None:
    book.receive(message_id, state=BAD, error="a carrier's own words, 32 octet")
    assert book.orphans() == [message_id]
    book.record(accepted=[Accepted(KPN, NOON, {make_ref(ids[0], 1, 1): message_id})])
    assert book.state(ids[0]) == "failed"
    assert book.segments(ids[0])[0].error == "a carrier's own words, 32 octet"[:16]


# ---------------------------------------------------------------- a transaction that fails


def test_batch_that_fails_leaves_nothing_and_the_next_one_works(book: Book, ids: list[int]) -> None:
    def record_and_fail(connection: object) -> None:
        accepted = [Accepted(KPN, NOON, {make_ref(ids[0], 1, 1): "a"})]
        settled = [Settlement(ids[1], DeliveryState.FAILED, Reason.REJECTED, NOON)]
        ledger.record(connection, accepted, settled, [receipt("a"), receipt("b")], now=NOON)  # type: ignore[arg-type]
        raise LookupError

    before = book.everything()
    for _ in range(2):  # the second on a connection of which the temporary tables were rolled back
        with pytest.raises(LookupError):
            book.database.write_now(record_and_fail)
        assert book.everything() == before
    book.accept(ids)
    with pytest.raises(LookupError):
        book.database.write_now(record_and_fail)
    book.receive(f"m{ids[0]}.1", "b")
    assert book.states(ids) == ["delivered", *["submitted"] * 4]
    assert book.orphans() == ["b"]


# ---------------------------------------------------------------- progress


def test_progress_counts_by_lane_and_state(book: Book) -> None:
    sms, voice, other = book.plan(4), book.plan(2, lane=Lane.VOICE), book.plan(1)
    book.claim()
    book.accept(sms.ids[:3])
    book.receive(f"m{sms.ids[0]}.1")
    found = book.database.read_now(ledger.progress, [sms.number, voice.number])
    assert found == {
        f"action{sms.ids[0]}": {"sms": {"delivered": 1, "submitted": 2, "queued": 1}},
        f"action{voice.ids[0]}": {"voice": {"queued": 2}},
    }
    assert other.number not in found


# ---------------------------------------------------------------- any order of events

Batch = dict[str, Any]


def accept(one: int, parts: int, part: int) -> Batch:
    return {"accepted": [Accepted(KPN, NOON, {make_ref(one, parts, min(part, parts)): f"{one}.{part}"})]}


def settle(one: int, state: DeliveryState) -> Batch:
    retry_at = NOON if state is DeliveryState.RETRY else None
    return {"settled": [Settlement(one, state, Reason.CARRIER_ERROR, NOON, retry_at)]}


def receive(one: int, part: int, state: SegmentState) -> Batch:
    return {"receipts": [receipt(f"{one}.{part}", state)]}


PARTS = st.integers(1, 2)
SETTLED = st.sampled_from([DeliveryState.FAILED, DeliveryState.RETRY, DeliveryState.UNCERTAIN, DeliveryState.CANCELLED])
HAPPENED = st.one_of(
    st.tuples(st.just(accept), PARTS, PARTS),
    st.tuples(st.just(settle), SETTLED),
    st.tuples(st.just(receive), PARTS, st.sampled_from(list(SegmentState)[1:])),
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(HAPPENED, max_size=12))
def test_whatever_comes_in_whatever_order_a_state_only_moves_as_it_may(
    book: Book, happened: list[tuple[Callable[..., Batch], Any]]
) -> None:
    (one,) = book.plan(1).ids
    book.claim()
    before = DeliveryState.QUEUED
    for what, *how in happened:
        book.record(**what(one, *how))
        after = DeliveryState(book.row(one).state)
        assert after is before or after in MOVES[before]
        before = after
