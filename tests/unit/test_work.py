"""Work: every segment is taken once, a person's parts stay near each other, and what was not begun can be cut out."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from gateway.carriers.work import BLOCK, Work
from gateway.domain.delivery import delivery_of
from gateway.smpp.hot import SubmitTemplate
from gateway.smpp.pdu import Message

UNTIL = datetime(2016, 5, 4, 11, 0, tzinfo=UTC)
TEMPLATES = [SubmitTemplate(Message(short_message=b"%d" % part)) for part in range(6)]
SIZES = st.integers(1, 3 * BLOCK)
RUNS = st.lists(st.integers(1, 400), min_size=1, max_size=30)


def work(parts: int, recipients: int) -> Work:
    people = [(1000 + n, f"+316{n:08}") for n in range(recipients)]
    return Work(7, 1, UNTIL, TEMPLATES[:parts], people)


def part_of(ref: int) -> int:
    return ref & 255


def take_all(one: Work, runs: list[int]) -> list[int]:
    """Take everything in runs of these sizes, over and over; returns the refs in the order of sending."""
    taken: list[int] = []
    turn = 0
    while one.left:
        before = one.left
        template, tokens, numbers, refs = one.take(runs[turn % len(runs)])
        turn += 1
        assert len(tokens) == len(numbers) == len(refs) <= runs[(turn - 1) % len(runs)]
        assert before - one.left >= len(refs)
        for (ref, of, segment), number, same in zip(tokens, numbers, refs, strict=True):
            assert ref == same
            assert of is one
            assert template is one.templates[part_of(ref) - 1]
            assert (ref >> 8) & 255 == one.parts
            assert segment % one.parts == part_of(ref) - 1
            assert number == b"316%08d" % (delivery_of(ref) - 1000)
            # A segment that comes back refused can be sent again from its token alone.
            assert one.one(segment) == (template, [(ref, one, segment)], [number], [ref])
        taken += refs
    return taken


@given(st.integers(1, 5), SIZES, RUNS)
def test_every_segment_is_taken_exactly_once(parts: int, recipients: int, runs: list[int]) -> None:
    one = work(parts, recipients)
    assert one.left == parts * recipients
    assert one.untouched == recipients
    taken = take_all(one, runs)
    assert len(taken) == len(set(taken)) == parts * recipients
    assert {delivery_of(ref) for ref in taken} == set(range(1000, 1000 + recipients))
    assert one.untouched == 0


@given(st.integers(1, 5), SIZES, RUNS)
def test_parts_of_a_person_go_in_order_and_near_each_other(parts: int, recipients: int, runs: list[int]) -> None:
    places: dict[int, list[int]] = {}
    for place, ref in enumerate(take_all(work(parts, recipients), runs)):
        assert part_of(ref) == len(places.setdefault(delivery_of(ref), [])) + 1
        places[delivery_of(ref)].append(place)
    assert all(found[-1] - found[0] <= (parts - 1) * BLOCK for found in places.values())


@given(st.integers(1, 5), SIZES, RUNS, st.integers(0, 40))
def test_cut_takes_out_exactly_the_untouched_whenever_it_comes(
    parts: int, recipients: int, runs: list[int], after: int
) -> None:
    one = work(parts, recipients)
    taken: list[int] = []
    for turn in range(after):
        if one.left:
            taken += one.take(runs[turn % len(runs)])[3]
    begun = {delivery_of(ref) for ref in taken}
    assert one.untouched == recipients - len(begun)
    cut = one.cut()
    assert set(cut) == set(range(1000, 1000 + recipients)) - begun
    assert cut == sorted(cut)
    assert one.untouched == 0
    # What was begun goes on to its last part.
    assert one.left == parts * len(begun) - len(taken)
    assert one.cut() == []
    taken += take_all(one, runs)
    assert len(taken) == len(set(taken)) == parts * len(begun)
    assert {delivery_of(ref) for ref in taken} == begun


@given(st.integers(2, 5), SIZES, RUNS, st.data())
def test_skipped_person_gets_no_further_part_and_nobody_else_loses_one(
    parts: int, recipients: int, runs: list[int], data: st.DataObject
) -> None:
    one = work(parts, recipients)
    tokens = one.take(runs[0])[1]
    refused = data.draw(st.sets(st.sampled_from(tokens)), label="refused")
    for _, _, segment in refused:
        one.skip(segment)
    skipped = {delivery_of(ref) for ref, _, _ in refused}
    taken = [ref for ref, _, _ in tokens] + take_all(one, runs)
    assert len(taken) == len(set(taken))
    for delivery in range(1000, 1000 + recipients):
        found = [ref for ref in taken if delivery_of(ref) == delivery]
        assert len(found) == (1 if delivery in skipped else parts)


def test_message_of_one_part_has_nothing_to_skip() -> None:
    one = work(1, 3)
    (_, _, segment) = one.take(1)[1][0]
    one.skip(segment)
    assert one.skipped == set()
    assert one.left == 2


def test_nothing_is_left_of_work_that_was_cut_before_it_began() -> None:
    one = work(3, 5)
    assert len(one.cut()) == 5
    assert (one.left, one.untouched) == (0, 0)
