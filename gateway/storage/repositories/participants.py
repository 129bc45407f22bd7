"""One participant at a time: read, written, removed; and by number, what the law asks for: shown and forgotten.

The import of whole files is in ``participant_import``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, BinaryIO

from sqlalchemy import ColumnElement, and_, delete, func, literal, or_, select, update
from sqlalchemy.engine import Connection

from gateway.domain.delivery import DeliveryState, Lane, Purpose, Reason
from gateway.domain.enrolment import parse_body
from gateway.domain.errors import NotFoundError
from gateway.domain.numbers import NumberKind
from gateway.domain.participant import FaultyRow, lane_words
from gateway.storage.database import Database
from gateway.storage.merging import lock_participants, merge, remove_unused_numbers
from gateway.storage.repositories.participant_import import ImportResult, Progress, import_csv
from gateway.storage.tables import UtcTime, action, action_version, delivery, number, person, place, response
from gateway.storage.vault import Vault

__all__ = [
    "Forgotten",
    "ImportResult",
    "Participants",
    "delete_participant",
    "export_number",
    "forget_number",
    "get_participant",
    "import_csv",
    "put_participant",
]

_WAITING = (int(DeliveryState.QUEUED), int(DeliveryState.RETRY))


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What was done to forget a number; all 0 where it was not known.

    Attributes:
        removed: persons who had no other number.
        kept: persons who lost this number and have another.
        cancelled: deliveries that had not left yet.
        deliveries: those and the others, which count on without a number.
        responses: which count on without number and text.
    """

    removed: int = 0
    kept: int = 0
    cancelled: int = 0
    deliveries: int = 0
    responses: int = 0


class Participants:
    """The participants, for the HTTP API."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def get(self, ref: str) -> dict[str, Any]:
        """See :func:`get_participant`."""
        return await self._database.read(get_participant, self._vault, ref)

    async def put(self, ref: str, body: Mapping[str, object], *, now: datetime) -> bool:
        """See :func:`put_participant`."""
        return await self._database.write(put_participant, self._vault, ref, body, now)

    async def delete(self, ref: str, *, now: datetime) -> None:
        """See :func:`delete_participant`."""
        await self._database.write(delete_participant, ref, now)

    async def export(self, e164: str, *, now: datetime) -> dict[str, Any]:
        """See :func:`export_number`."""
        return await self._database.read(export_number, self._vault, e164, now)

    async def forget(self, e164: str, *, now: datetime) -> Forgotten:
        """See :func:`forget_number`."""
        return await self._database.write(forget_number, self._vault, e164, now)

    async def import_csv(
        self, file: BinaryIO, *, now: datetime, progress: Progress, faults: Callable[[FaultyRow], None]
    ) -> ImportResult:
        """See :func:`participant_import.import_csv`; ``progress`` and ``faults`` are called in another thread."""
        job = partial(import_csv, self._database, self._vault, file, now, progress, faults)
        return await self._database.lend_thread(job)


# ---------------------------------------------------------------- by ref


def get_participant(connection: Connection, vault: Vault, ref: str) -> dict[str, Any]:
    """A participant as JSON has it; :func:`put_participant` takes the same.

    Raises:
        NotFoundError: nobody has this ref.
    """
    found = _people(connection, vault, person.c.ref == ref)
    if not found:
        raise NotFoundError("there is no such participant")
    return found[0]


def put_participant(connection: Connection, vault: Vault, ref: str, body: Mapping[str, object], now: datetime) -> bool:
    """Make a participant what the body says (``domain.enrolment.parse_body``); ``True`` where there was none.

    Raises:
        InvalidRequestError: with every fault; nothing is changed.
    """
    change = parse_body(ref, body)
    merged = merge(connection, vault, [change.participant], now)
    remove_unused_numbers(connection, merged.numbers)
    values: dict[str, datetime | ColumnElement[Any] | None] = {}
    if change.left is not None:
        values["left_at"] = func.coalesce(person.c.left_at, literal(now, UtcTime)) if change.left else None
    if change.pauses:
        values["paused_until"] = change.paused_until
    if values:
        connection.execute(update(person).where(person.c.ref == change.participant.ref).values(values))
    return bool(merged.added)


def delete_participant(connection: Connection, ref: str, now: datetime) -> None:
    """Remove a participant: places, numbers that nobody else has, and what was to go out to them.

    Raises:
        NotFoundError: nobody has this ref.
    """
    lock_participants(connection)
    row = connection.execute(
        select(person.c.id, person.c.mobile_id, person.c.landline_id).where(person.c.ref == ref)
    ).first()
    if row is None:
        raise NotFoundError("there is no such participant")
    numbers = {number_id for number_id in (row.mobile_id, row.landline_id) if number_id is not None}
    _cancel(connection, and_(_to_number(numbers), delivery.c.person_id == row.id), now)
    connection.execute(delete(person).where(person.c.id == row.id))
    remove_unused_numbers(connection, numbers)


# ---------------------------------------------------------------- by number


def export_number(connection: Connection, vault: Vault, e164: str, now: datetime) -> dict[str, Any]:
    """Everything that is held on a number, as JSON (AVG, article 15): who has it, what went out, what came back."""
    row = connection.execute(
        select(number.c.id, number.c.country, number.c.kind).where(number.c.blind == vault.blind(e164))
    ).first()
    held: dict[str, Any] = {
        "number": e164,
        "exported_at": _text(now),
        "known": row is not None,
        "participants": [],
        "deliveries": [],
        "responses": [],
    }
    if row is None:
        return held
    held["kind"] = NumberKind(row.kind).word
    held["participants"] = _people(connection, vault, or_(person.c.mobile_id == row.id, person.c.landline_id == row.id))
    held["deliveries"] = _deliveries(connection, row.id)
    held["responses"] = _responses(connection, row.id)
    return held


def forget_number(connection: Connection, vault: Vault, e164: str, now: datetime) -> Forgotten:
    """Remove a number and whoever has no other (AVG, article 17). Again changes nothing.

    What has not left is cancelled; a message that is with a carrier at this moment may still arrive. Deliveries and
    responses stay as counts, without number, text or note. A later import that has the number brings it back.
    """
    lock_participants(connection)
    number_id = connection.execute(select(number.c.id).where(number.c.blind == vault.blind(e164))).scalar()
    if number_id is None:
        return Forgotten()
    to_number = _to_number({number_id})
    cancelled = _cancel(connection, to_number, now)
    deliveries = connection.execute(update(delivery).where(to_number).values(number_id=0, detail=None)).rowcount
    responses = connection.execute(
        update(response)
        .where(response.c.number_id == number_id)
        .values(number_id=None, caller="forgotten", text="", note="", fingerprint=None)
    ).rowcount
    kept, removed = _take_number(connection, number_id, now)
    connection.execute(delete(number).where(number.c.id == number_id))
    return Forgotten(removed, kept, cancelled, deliveries, responses)


def _take_number(connection: Connection, number_id: int, now: datetime) -> tuple[int, int]:
    """Take a number from all who have it: how many keep another, how many had none and are removed."""
    mobile, landline = person.c.mobile_id, person.c.landline_id
    only = or_(
        and_(mobile == number_id, or_(landline.is_(None), landline == number_id)),
        and_(landline == number_id, mobile.is_(None)),
    )
    removed = connection.execute(delete(person).where(only)).rowcount
    kept = 0
    for column in (mobile, landline):
        taken = update(person).where(column == number_id).values({column: None, person.c.updated_at: now})
        kept += connection.execute(taken).rowcount
    return kept, removed


def _to_number(numbers: Collection[int]) -> ColumnElement[bool]:
    """Deliveries to these numbers, found an action at a time: that is how they are indexed."""
    return and_(delivery.c.action.in_(select(action.c.number)), delivery.c.number_id.in_(numbers))


def _cancel(connection: Connection, which: ColumnElement[bool], now: datetime) -> int:
    """Cancel what has not left; whoever has claimed it finds it cancelled."""
    return connection.execute(
        update(delivery)
        .where(which, delivery.c.state.in_(_WAITING))
        .values(
            state=int(DeliveryState.CANCELLED),
            reason=Reason.FORGOTTEN.value,
            retry_at=None,
            changed_at=now,
        )
    ).rowcount


# ---------------------------------------------------------------- as JSON


def _people(connection: Connection, vault: Vault, which: ColumnElement[bool]) -> list[dict[str, Any]]:
    mobile, landline = number.alias(), number.alias()
    rows = connection.execute(
        select(person, mobile.c.sealed.label("mobile"), landline.c.sealed.label("landline"))
        .outerjoin(mobile, mobile.c.id == person.c.mobile_id)
        .outerjoin(landline, landline.c.id == person.c.landline_id)
        .where(which)
        .order_by(person.c.ref)
    ).all()
    return [
        {
            "ref": row.ref,
            "mobile": vault.open(row.mobile) if row.mobile is not None else None,
            "landline": vault.open(row.landline) if row.landline is not None else None,
            "language": row.language,
            "lanes": lane_words(row.lanes).split(),
            "left": row.left_at is not None,
            "paused_until": _text(row.paused_until),
            "places": _places(connection, row.id),
        }
        for row in rows
    ]


def _places(connection: Connection, person_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(select(place).where(place.c.person_id == person_id).order_by(place.c.id))
    return [
        {
            "lat": row.lat,
            "lon": row.lon,
            "municipality": row.municipality,
            "quiet_from": _clock_time(row.quiet_from),
            "quiet_to": _clock_time(row.quiet_to),
            "quiet_strict": row.quiet_strict,
            "label": row.label,
        }
        for row in rows
    ]


def _deliveries(connection: Connection, number_id: int) -> list[dict[str, Any]]:
    text = and_(action_version.c.action == delivery.c.action, action_version.c.version == delivery.c.version)
    rows = connection.execute(
        select(delivery, action.c.id.label("action_id"), action.c.created_at, action_version.c.text)
        .join(action, action.c.number == delivery.c.action)
        .outerjoin(action_version, text)
        .where(_to_number({number_id}))
        .order_by(delivery.c.id)
    )
    return [
        {
            "action": row.action_id,
            "planned_at": _text(row.created_at),
            "lane": Lane(row.lane).word,
            "purpose": Purpose(row.purpose).name.lower(),
            "version": row.version,
            "text": (row.text or {}).get(row.language) or (row.text or {}).get("nl"),
            "state": DeliveryState(row.state).word,
            "reason": row.reason,
            "attempts": row.attempts,
            "at": _text(row.changed_at),
        }
        for row in rows
    ]


def _responses(connection: Connection, number_id: int) -> list[dict[str, Any]]:
    rows = connection.execute(
        select(response, action.c.id.label("action_id"))
        .outerjoin(action, action.c.number == response.c.action)
        .where(response.c.number_id == number_id)
        .order_by(response.c.number)
    )
    return [
        {
            "id": row.id,
            "action": row.action_id,
            "kind": row.kind,
            "at": _text(row.at),
            "routed_by": row.routed_by,
            "text": row.text,
            "spoke_to_operator": row.spoke_to_operator,
            "useful": row.useful,
            "led_to_success": row.led_to_success,
            "note": row.note,
        }
        for row in rows
    ]


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _clock_time(minutes: int | None) -> str | None:
    return None if minutes is None else f"{minutes // 60:02d}:{minutes % 60:02d}"
