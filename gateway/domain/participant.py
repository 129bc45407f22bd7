"""A participant: who enrolled, by which number, for which places.

A row of the CSV is one place of one person; :func:`gather` makes one participant of the rows that share a ``ref``.
What people write is read in ``domain.enrolment``, numbers in ``domain.numbers``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import NamedTuple

from gateway.domain.delivery import Lane
from gateway.domain.errors import Fault
from gateway.domain.numbers import NumberError, NumberKind, PhoneNumber, mask, parse_number

__all__ = [
    "FaultyRow",
    "NumberError",
    "NumberKind",
    "Participant",
    "ParticipantChange",
    "ParticipantRow",
    "PhoneNumber",
    "Place",
    "gather",
    "lane_words",
    "mask",
    "parse_number",
]

DEFAULT_LANGUAGE = "nl"
MAX_PLACES = 50
"""Places a person may have: plenty for people, and a bound for a broken or hostile file."""

LANE_BITS = {lane.word: 1 << (lane - 1) for lane in Lane}


class Place(NamedTuple):
    """Where somebody wants to be asked to look out. Degrees WGS 84.

    Attributes:
        quiet_from, quiet_to: local time (Europe/Amsterdam), minutes after midnight; both or neither; may cross it.
        quiet_strict: quiet even where lives are at stake.
    """

    lat: float
    lon: float
    municipality: str = ""
    label: str = ""
    quiet_from: int | None = None
    quiet_to: int | None = None
    quiet_strict: bool = False


class ParticipantRow(NamedTuple):
    """A row of the CSV without a fault: one place of one person.

    Attributes:
        line: its line in the file, from 1.
        language: ``None`` where the row does not say.
        lanes: bits, 1 sms and 2 voice; 0 where the row does not say.
    """

    line: int
    ref: str
    mobile: PhoneNumber | None
    landline: PhoneNumber | None
    language: str | None
    lanes: int
    place: Place


@dataclass(frozen=True, slots=True)
class FaultyRow:
    """A row that cannot be taken, and why.

    Attributes:
        ref: whose row it is, where that much can be read.
    """

    line: int
    ref: str | None
    faults: tuple[Fault, ...]

    @property
    def reason(self) -> str:
        """All faults in one sentence, for people."""
        return "; ".join(map(str, self.faults))


class Participant(NamedTuple):
    """A person with numbers and places.

    Attributes:
        lanes: bits, 1 sms and 2 voice; 0: sms where there is a mobile, else voice.
        places: each one different.
        partial: some of the person's rows fell out, so a place that is not here may still be wanted.
    """

    ref: str
    mobile: PhoneNumber | None
    landline: PhoneNumber | None
    language: str
    lanes: int
    places: tuple[Place, ...]
    partial: bool = False


@dataclass(frozen=True, slots=True)
class ParticipantChange:
    """What the API asks for: a participant as it shall be, and whether it takes part.

    Attributes:
        left: ``True`` leaves, ``False`` comes back, ``None`` keeps what is so.
        pauses: whether ``paused_until`` counts; ``None`` then ends a pause.
    """

    participant: Participant
    left: bool | None = None
    pauses: bool = False
    paused_until: datetime | None = None


def lane_words(lanes: int) -> str:
    """Bits as the CSV and the API write them: ``sms voice``, or empty."""
    return " ".join(word for word, bit in LANE_BITS.items() if lanes & bit)


def gather(rows: Iterable[ParticipantRow | None], fell_out: Callable[[FaultyRow], None]) -> Participant | None:
    """One participant of all rows of one ``ref``, in the order of the file.

    What is a person's (numbers, language, lanes) must agree among the rows; empty agrees with anything. A row that
    contradicts an earlier one falls out. Equal places are one place.

    Args:
        rows: ``None`` stands for a row that fell out before.
        fell_out: told of every row that falls out now.

    Returns:
        ``None`` where no row is left.
    """
    rows = iter(rows)
    first = next(rows, None)
    for second in rows:
        return _agree(chain((first, second), rows), fell_out)
    if first is None or not (first.mobile or first.landline):
        return _agree((first,), fell_out)
    # Nine in ten: one row, nothing to agree on.
    return Participant(
        first.ref, first.mobile, first.landline, first.language or DEFAULT_LANGUAGE, first.lanes, (first.place,)
    )


def _agree(rows: Iterable[ParticipantRow | None], fell_out: Callable[[FaultyRow], None]) -> Participant | None:
    ref, partial = "", False
    mobile = landline = language = None
    lanes = 0
    places: dict[Place, None] = {}
    lines: list[int] = []
    for row in rows:
        if row is None:
            partial = True
            continue
        against = (
            _contradictions(row, mobile, landline, language, lanes) or _one_too_many(row, places) if places else ()
        )
        if against:
            partial = True
            fell_out(FaultyRow(row.line, row.ref, against))
            continue
        ref = row.ref
        mobile, landline = mobile or row.mobile, landline or row.landline
        language, lanes = language or row.language, lanes or row.lanes
        places[row.place] = None
        lines.append(row.line)
    if places and mobile is None and landline is None:
        for line in lines:
            fell_out(FaultyRow(line, ref, (Fault("mobile", "there is no number, here or in another row of this ref"),)))
        return None
    if not places:
        return None
    return Participant(ref, mobile, landline, language or DEFAULT_LANGUAGE, lanes, tuple(places), partial)


def _contradictions(
    row: ParticipantRow, mobile: PhoneNumber | None, landline: PhoneNumber | None, language: str | None, lanes: int
) -> tuple[Fault, ...]:
    pairs = (
        ("mobile", row.mobile, mobile),
        ("landline", row.landline, landline),
        ("language", row.language, language),
        ("lanes", row.lanes, lanes),
    )
    return tuple(
        Fault(column, "differs from an earlier row of this ref")
        for column, new, old in pairs
        if new and old and new != old
    )


def _one_too_many(row: ParticipantRow, places: dict[Place, None]) -> tuple[Fault, ...]:
    if len(places) < MAX_PLACES or row.place in places:
        return ()
    return (Fault("ref", f"has {MAX_PLACES} places already"),)
