"""Bringing participants into the tables: what is there is compared with what shall be; only differences are written.

For a few thousand participants at a time: three look-ups, then one statement for each kind of change. The import calls
it for a chunk of a file, the API for one participant.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from sqlalchemy import bindparam, delete, exists, func, select, update
from sqlalchemy.engine import Connection

from gateway.domain.numbers import PhoneNumber, may_be_dialled, may_be_texted
from gateway.domain.participant import Participant, Place
from gateway.domain.selection import municipality_key, unit_vector
from gateway.storage.bulk import insert_rows, reserve_ids, rows_by_key
from gateway.storage.geography import cell
from gateway.storage.tables import action, delivery, number, person, place, response, to_us
from gateway.storage.vault import Vault

T = TypeVar("T")

# Parameters of one IN list; SQLite takes 32,766 in a statement, PostgreSQL 65,535.
_IN_LIST = 5000
_ADVISORY_LOCK = 0x42_75_72_67  # "Burg"


@dataclass(frozen=True, slots=True)
class Merged:
    """How many participants were new, differed, or were so already.

    Attributes:
        numbers: that some of them had before and have no more; for :func:`remove_unused_numbers`.
    """

    added: int
    changed: int
    unchanged: int
    numbers: frozenset[int] = frozenset()


@dataclass(slots=True)
class Stored:
    """A person as the tables have it."""

    id: int
    mobile_id: int | None
    landline_id: int | None
    mobile: bytes | None
    landline: bytes | None
    language: str
    lanes: int
    places: dict[Place, int] = field(default_factory=dict)


def lock_participants(connection: Connection) -> None:
    """Let nobody else change participants until this transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))


def differing(connection: Connection, vault: Vault, people: Sequence[Participant]) -> list[Participant]:
    """Those that :func:`merge` would write. Only reads, so it keeps nobody from writing."""
    stored = _load(connection, people)
    return [one for one in people if _differs(one, stored.get(one.ref), vault)]


def merge(connection: Connection, vault: Vault, people: Sequence[Participant], now: datetime) -> Merged:
    """Make the tables say what these participants say; each ``ref`` once. Whether they left or pause stays as it is.

    Numbers that are not needed any more are named in what is returned, and are still there.
    """
    lock_participants(connection)
    stored = _load(connection, people)
    todo = [one for one in people if _differs(one, stored.get(one.ref), vault)]
    if not todo:
        return Merged(0, 0, len(people))
    numbers = _number_ids(connection, vault, todo)
    new = [one for one in todo if one.ref not in stored]
    changed = [one for one in todo if one.ref in stored]
    ids = {one.ref: stored[one.ref].id for one in changed}
    ids |= _insert_people(connection, new, numbers, now)
    if changed:
        _update_people(connection, changed, numbers, ids, now)
        _remove_places(connection, changed, stored)
    _insert_places(connection, todo, ids, stored)
    before = {old for one in changed for old in (stored[one.ref].mobile_id, stored[one.ref].landline_id) if old}
    return Merged(len(new), len(changed), len(people) - len(todo), frozenset(before - set(numbers.values())))


def remove_unused_numbers(connection: Connection, candidates: Collection[int]) -> int:
    """Remove those of these numbers that no person, delivery or response refers to; returns how many.

    Looks into the deliveries of every action, some 2 microseconds a number and action.
    """
    lock_participants(connection)
    delivered = exists().where(delivery.c.action == action.c.number, delivery.c.number_id == number.c.id)
    unused = delete(number).where(
        number.c.id.in_(candidates),
        ~exists().where(person.c.mobile_id == number.c.id),
        ~exists().where(person.c.landline_id == number.c.id),
        ~exists().where(response.c.number_id == number.c.id),
        ~exists(select(action.c.number).where(delivered)),
    )
    return connection.execute(unused).rowcount


def _differs(one: Participant, stored: Stored | None, vault: Vault) -> bool:
    if stored is None:
        return True
    if (one.language, one.lanes) != (stored.language, stored.lanes):
        return True
    if _blind(one.mobile, vault) != stored.mobile or _blind(one.landline, vault) != stored.landline:
        return True
    wanted = set(one.places)
    return not wanted <= stored.places.keys() if one.partial else wanted != stored.places.keys()


def _blind(phone: PhoneNumber | None, vault: Vault) -> bytes | None:
    return None if phone is None else vault.blind(phone.e164)


def _load(connection: Connection, wanted: Sequence[Participant]) -> dict[str, Stored]:
    mobile, landline = number.alias(), number.alias()
    people = (
        select(
            person.c.ref,
            person.c.id,
            person.c.mobile_id,
            person.c.landline_id,
            mobile.c.blind,
            landline.c.blind,
            person.c.language,
            person.c.lanes,
        )
        .outerjoin(mobile, mobile.c.id == person.c.mobile_id)
        .outerjoin(landline, landline.c.id == person.c.landline_id)
    )
    stored = {
        ref: Stored(*values)
        for ref, *values in rows_by_key(connection, people, person.c.ref, [one.ref for one in wanted])
    }
    places = select(
        place.c.id,
        place.c.person_id,
        place.c.lat,
        place.c.lon,
        place.c.municipality,
        place.c.label,
        place.c.quiet_from,
        place.c.quiet_to,
        place.c.quiet_strict,
    )
    by_id = {one.id: one.places for one in stored.values()}
    for place_id, person_id, *values in rows_by_key(connection, places, place.c.person_id, list(by_id)):
        by_id[person_id][Place._make(values)] = place_id
    return stored


def _number_ids(connection: Connection, vault: Vault, people: Sequence[Participant]) -> dict[PhoneNumber, int]:
    """The ids of these people's numbers, those that were not known yet included."""
    wanted = {vault.blind(phone.e164): phone for one in people for phone in (one.mobile, one.landline) if phone}
    found = _find_numbers(connection, list(wanted))
    missing = [blind for blind in wanted if blind not in found]
    if missing:
        new = dict(zip(missing, reserve_ids(connection, number, len(missing)), strict=True))
        insert_rows(
            connection,
            number,
            ("id", "blind", "sealed", "country", "kind"),
            (
                (number_id, blind, vault.seal(wanted[blind].e164), wanted[blind].country, int(wanted[blind].kind))
                for blind, number_id in new.items()
            ),
        )
        found |= new
    return {wanted[blind]: number_id for blind, number_id in found.items()}


def _find_numbers(connection: Connection, blinds: Sequence[bytes]) -> dict[bytes, int]:
    return dict(rows_by_key(connection, select(number.c.blind, number.c.id), number.c.blind, blinds))


def _insert_people(
    connection: Connection, people: Sequence[Participant], numbers: Mapping[PhoneNumber, int], now: datetime
) -> dict[str, int]:
    if not people:
        return {}
    at = to_us(now)
    ids = {
        one.ref: person_id for one, person_id in zip(people, reserve_ids(connection, person, len(people)), strict=True)
    }
    insert_rows(
        connection,
        person,
        (
            "id",
            "ref",
            "mobile_id",
            "mobile_country",
            "landline_id",
            "landline_country",
            "language",
            "lanes",
            "updated_at",
        ),
        (
            (
                ids[one.ref],
                one.ref,
                numbers[one.mobile] if one.mobile else None,
                one.mobile.country if one.mobile and may_be_texted(one.mobile) else None,
                numbers[one.landline] if one.landline else None,
                one.landline.country if one.landline and may_be_dialled(one.landline) else None,
                one.language,
                one.lanes,
                at,
            )
            for one in people
        ),
    )
    return ids


def _update_people(
    connection: Connection,
    people: Sequence[Participant],
    numbers: Mapping[PhoneNumber, int],
    ids: Mapping[str, int],
    now: datetime,
) -> None:
    connection.execute(
        update(person).where(person.c.id == bindparam("which")),
        [
            {
                "which": ids[one.ref],
                "mobile_id": numbers[one.mobile] if one.mobile else None,
                "mobile_country": one.mobile.country if one.mobile and may_be_texted(one.mobile) else None,
                "landline_id": numbers[one.landline] if one.landline else None,
                "landline_country": one.landline.country if one.landline and may_be_dialled(one.landline) else None,
                "language": one.language,
                "lanes": one.lanes,
                "updated_at": now,
            }
            for one in people
        ],
    )


def _remove_places(connection: Connection, people: Sequence[Participant], stored: Mapping[str, Stored]) -> None:
    gone = [
        place_id
        for one in people
        if not one.partial
        for where, place_id in stored[one.ref].places.items()
        if where not in one.places
    ]
    for some in _slices(gone):
        connection.execute(delete(place).where(place.c.id.in_(some)))


def _insert_places(
    connection: Connection, people: Sequence[Participant], ids: Mapping[str, int], stored: Mapping[str, Stored]
) -> None:
    rows = [
        (
            ids[one.ref],
            where.lat,
            where.lon,
            *unit_vector(where.lat, where.lon),
            cell(where.lat, where.lon),
            where.municipality,
            _key(where.municipality),
            where.label,
            where.quiet_from,
            where.quiet_to,
            where.quiet_strict,
        )
        for one in people
        for where in one.places
        if one.ref not in stored or where not in stored[one.ref].places
    ]
    if rows:
        insert_rows(connection, place, _PLACE_COLUMNS, rows)


_PLACE_COLUMNS = (
    "person_id",
    "lat",
    "lon",
    "x",
    "y",
    "z",
    "cell",
    "municipality",
    "municipality_key",
    "label",
    "quiet_from",
    "quiet_to",
    "quiet_strict",
)


_key = lru_cache(maxsize=4096)(municipality_key)


def _slices(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), _IN_LIST):
        yield values[start : start + _IN_LIST]
