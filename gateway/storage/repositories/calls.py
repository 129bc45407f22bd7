"""The voice ledger: who is to be called, attempts saved before they are dialled, and what came of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import bindparam, insert, literal_column, select, text, update
from sqlalchemy.engine import Connection

from gateway.domain.action import ActionState, Urgency, new_action_id, text_from_json
from gateway.domain.calling import ActionNews, CallAttempt, CallBatch, Callee, CallResult
from gateway.domain.delivery import DeliveryState, Lane, Purpose, Reason, Settlement
from gateway.domain.numbers import mask
from gateway.domain.response import ResponseKind
from gateway.ports import Pressed, Recorded
from gateway.storage.database import Database
from gateway.storage.repositories import ledger
from gateway.storage.repositories.ledger import Taken, newest_text, take_ranges, take_retries
from gateway.storage.repositories.responses import response_by_id
from gateway.storage.repositories.selection import LOCAL_TIME, add_dispatch, quiet_now, take_block
from gateway.storage.tables import (
    action,
    action_version,
    call_attempt,
    daemon,
    delivery,
    from_us,
    number,
    person,
    response,
    to_us,
)
from gateway.storage.vault import Vault

_D = DeliveryState
# In the statement itself: many results at once go by executemany, which cannot expand a list.
_OPEN: list[Any] = [literal_column(str(int(state))) for state in (_D.QUEUED, _D.RETRY, _D.DIALLING, _D.UNCERTAIN)]


class Calls:
    """Implements :class:`gateway.ports.CallLedger` for one daemon.

    Args:
        me: this process's row in the table ``daemon``.
        node: the machine, whose Asterisk knows its calls.
    """

    def __init__(self, database: Database, vault: Vault, me: int, node: str) -> None:
        self._database = database
        self._vault = vault
        self._me = me
        self._node = node

    async def claim_voice(self, limit: int, *, now: datetime) -> Sequence[CallBatch]:
        """See the port."""
        return await self._database.write(claim_voice, self._vault, self._me, limit, now)

    async def place(self, attempts: Sequence[CallAttempt]) -> frozenset[str]:
        """See the port."""
        return await self._database.write(place, self._me, attempts)

    async def record_calls(self, results: Sequence[CallResult], *, now: datetime) -> Recorded:
        """See the port."""
        return await self._database.write(record_calls, results, now)

    async def left_over(self) -> Sequence[tuple[CallAttempt, str, datetime]]:
        """See the port."""
        return await self._database.write(left_over, self._me, self._node)

    async def news_of(self, versions: Mapping[int, int]) -> Sequence[ActionNews]:
        """See the port."""
        return await self._database.read(news_of, versions)

    async def pressed(self, delivery: int, key: str, *, now: datetime) -> Pressed:
        """See the port."""
        return await self._database.write(pressed, self._vault, delivery, key, now)


# ---------------------------------------------------------------- claiming


def claim_voice(connection: Connection, vault: Vault, me: int, limit: int, now: datetime) -> list[CallBatch]:
    """Take at most ``limit`` deliveries: due retries first, then ranges, most urgent first, nearest first."""
    taken = take_retries(connection, me, Lane.VOICE, limit, now)
    batches = [batch for one in taken for batch in _load(connection, vault, one, now)]
    left = limit - sum(len(batch.recipients) for batch in batches)
    if left > 0:
        for one in take_ranges(connection, me, Lane.VOICE, left, now):
            batches += _load(connection, vault, one, now)
    return batches


# Why somebody is not called after all, at the time of the call; quiet is so where all places of a person are.
_LOAD = """
SELECT d.id, d.language, d.attempts, n.sealed,
       CASE WHEN n.id IS NULL THEN 'forgotten'
            WHEN o.left_at IS NOT NULL THEN 'left'
            WHEN o.paused_until > :now THEN 'paused'
            WHEN (SELECT min({quiet}) FROM place AS p WHERE p.person_id = d.person_id) = 1 THEN 'quiet_hours'
        END AS hindrance,
       (SELECT count(*) FROM call_attempt AS c WHERE c.delivery = d.id) AS placed,
       (SELECT c.trunk FROM call_attempt AS c WHERE c.delivery = d.id ORDER BY c.placed_at DESC LIMIT 1) AS last_trunk
  FROM delivery AS d
       LEFT JOIN person AS o ON o.id = d.person_id LEFT JOIN number AS n ON n.id = d.number_id
 WHERE {where} ORDER BY d.id"""


def _load(connection: Connection, vault: Vault, taken: Taken, now: datetime) -> list[CallBatch]:
    """The batches, one a language; who must not be called now is settled instead."""
    version, words, domain = newest_text(connection, taken)
    local = now.astimezone(LOCAL_TIME)
    values = {"now": to_us(now), "minute": local.hour * 60 + local.minute, **taken.values}
    statement = _LOAD.format(quiet=quiet_now(Urgency(taken.urgency)), where=taken.where)
    people: dict[str, list[Any]] = {}
    hindered: list[Settlement] = []
    for row in ledger.execute(connection, statement, values):
        if row.hindrance is None:
            people.setdefault(row.language, []).append(row)
        else:
            hindered.append(Settlement(row.id, _D.CANCELLED, Reason(row.hindrance), now, counts=False))
    if hindered:
        ledger.record(connection, settled=hindered, now=now)
    if not people:
        return []
    about = connection.execute(
        select(action.c.id, action.c.code, action.c.place, action.c.control_room).where(action.c.number == taken.action)
    ).one()
    return [
        CallBatch(
            action=taken.action,
            action_id=about.id,
            code=about.code,
            version=version,
            purpose=Purpose(taken.purpose),
            domain=domain,
            urgency=taken.urgency,
            place=about.place,
            control_room=about.control_room,
            language=language,
            text=words,
            expires_at=from_us(taken.until),
            recipients=_callees(vault, rows),
        )
        for language, rows in people.items()
    ]


def _callees(vault: Vault, rows: Sequence[Any]) -> list[Callee]:
    numbers = vault.open_many(b"".join(row.sealed for row in rows))
    return [
        Callee(row.id, e164, row.attempts, row.placed, row.last_trunk) for row, e164 in zip(rows, numbers, strict=True)
    ]


# ---------------------------------------------------------------- placing and ending


def place(connection: Connection, me: int, attempts: Sequence[CallAttempt]) -> frozenset[str]:
    """Save attempts; those whose action has ended, or that somebody else settled, are not saved."""
    now = max(one.placed_at for one in attempts)
    by_delivery = {one.delivery: one for one in attempts}
    may = connection.execute(
        select(delivery.c.id)
        .join(action, action.c.number == delivery.c.action)
        .where(
            delivery.c.id.in_(list(by_delivery)),
            delivery.c.state.in_([int(_D.QUEUED), int(_D.RETRY)]),
            delivery.c.retry_at.is_(None),
            (delivery.c.purpose == int(Purpose.CLOSING))
            | ((action.c.state == ActionState.OPEN.value) & (action.c.expires_at > now)),
        )
    ).scalars()
    allowed = [by_delivery[one] for one in may]
    if not allowed:
        return frozenset()
    connection.execute(
        insert(call_attempt),
        [
            {
                "id": one.id,
                "delivery": one.delivery,
                "daemon": me,
                "trunk": one.trunk,
                "version": one.version,
                "placed_at": one.placed_at,
            }
            for one in allowed
        ],
    )
    ids = [one.delivery for one in allowed]
    connection.execute(
        update(delivery).where(delivery.c.id.in_(ids)).values(state=int(_D.DIALLING), reason=None, changed_at=now)
    )
    return frozenset(one.id for one in allowed)


def record_calls(connection: Connection, results: Sequence[CallResult], now: datetime) -> Recorded:
    """Write what came of calls, each once, and plan the SMS that follow them."""
    ids = [one.attempt for one in results if one.attempt]
    query = select(call_attempt.c.id).where(call_attempt.c.id.in_(ids), call_attempt.c.ended_at.is_(None))
    running = set(connection.execute(query).scalars())
    fresh = {one.delivery: one for one in results if not one.attempt or one.attempt in running}
    if not fresh:
        return Recorded()
    _end_attempts(connection, [one for one in fresh.values() if one.attempt])
    _settle(connection, list(fresh.values()))
    wanted = [one.delivery for one in fresh.values() if one.sms_instead]
    planned = plan_sms(connection, wanted, Purpose.ALERT, now) if wanted else 0
    touched = connection.execute(select(delivery.c.action).distinct().where(delivery.c.id.in_(list(fresh)))).scalars()
    return Recorded(frozenset(touched), planned_sms=planned)


def _end_attempts(connection: Connection, results: Sequence[CallResult]) -> None:
    if not results:
        return
    connection.execute(
        update(call_attempt)
        .where(call_attempt.c.id == bindparam("attempt"))
        .values(
            version=text("coalesce(:heard_version, version)"),
            answered_at=bindparam("answered"),
            ended_at=bindparam("ended"),
            outcome=bindparam("end_kind"),
            cause=bindparam("q850"),
            sip=bindparam("sip_code"),
            heard_ms=bindparam("heard"),
            key=bindparam("pressed"),
        ),
        [
            {
                "attempt": one.attempt,
                "heard_version": one.version,
                "answered": one.answered_at,
                "ended": one.at,
                "end_kind": one.outcome,
                "q850": one.cause,
                "sip_code": one.sip,
                "heard": one.heard_ms,
                "pressed": one.key,
            }
            for one in results
        ],
    )


def _settle(connection: Connection, results: Sequence[CallResult]) -> None:
    connection.execute(
        update(delivery)
        .where(
            delivery.c.id == bindparam("one"),
            # A retry that waits is settled by nobody; what is uncertain is settled by what it turns out to be.
            delivery.c.state.in_(_OPEN),
            delivery.c.retry_at.is_(None),
        )
        .values(
            state=bindparam("new_state"),
            reason=bindparam("why"),
            detail=bindparam("words"),
            retry_at=bindparam("again"),
            attempts=text("attempts + :counted"),
            version=text("coalesce(:heard_version, version)"),
            changed_at=bindparam("at"),
        ),
        [
            {
                "one": one.delivery,
                "new_state": int(one.state),
                "why": None if one.reason is None else one.reason.value,
                "words": one.detail[:200] or None,
                "again": one.retry_at,
                "counted": int(one.counts),
                "heard_version": one.version,
                "at": one.reached_at or one.at,
            }
            for one in results
        ],
    )


def left_over(connection: Connection, me: int, node: str) -> list[tuple[CallAttempt, str, datetime]]:
    """Calls that another daemon of this node had placed and saw no end of; they are ours now."""
    rows = connection.execute(
        select(call_attempt, delivery.c.action, action.c.id.label("action_id"), action.c.expires_at)
        .join(daemon, daemon.c.id == call_attempt.c.daemon)
        .join(delivery, delivery.c.id == call_attempt.c.delivery)
        .join(action, action.c.number == delivery.c.action)
        .where(call_attempt.c.ended_at.is_(None), call_attempt.c.daemon != me, daemon.c.node == node)
    ).all()
    if rows:
        ids = [row.id for row in rows]
        connection.execute(update(call_attempt).where(call_attempt.c.id.in_(ids)).values(daemon=me))
    return [
        (
            CallAttempt(row.id, row.delivery, row.action, row.version, row.trunk, row.placed_at),
            row.action_id,
            row.expires_at,
        )
        for row in rows
    ]


def news_of(connection: Connection, versions: Mapping[int, int]) -> list[ActionNews]:
    """Actions that are closed, or whose newest text is newer than the version given."""
    rows = connection.execute(
        select(action.c.number, action.c.state, action.c.version, action_version.c.text)
        .join(
            action_version,
            (action_version.c.action == action.c.number) & (action_version.c.version == action.c.version),
        )
        .where(action.c.number.in_(list(versions)))
    ).all()
    return [
        ActionNews(row.number, row.state == ActionState.OPEN.value, row.version, text_from_json(row.text))
        for row in rows
        if row.state != ActionState.OPEN.value or row.version > versions[row.number]
    ]


# ---------------------------------------------------------------- an SMS instead


def plan_sms(connection: Connection, deliveries: Iterable[int], purpose: Purpose, now: datetime) -> int:
    """An SMS to the mobile of the people of these calls, as far as there is one that had none of this purpose yet."""
    earlier = delivery.alias("earlier")
    rows = connection.execute(
        select(delivery.c.action, delivery.c.person_id, delivery.c.language, person.c.mobile_id, action.c.urgency)
        .join(person, person.c.id == delivery.c.person_id)
        .join(action, action.c.number == delivery.c.action)
        .where(
            delivery.c.id.in_(list(deliveries)),
            delivery.c.purpose == int(Purpose.ALERT),
            action.c.state == ActionState.OPEN.value,
            person.c.mobile_country.is_not(None),
            person.c.left_at.is_(None),
            ~select(earlier.c.id)
            .where(
                earlier.c.action == delivery.c.action,
                earlier.c.number_id == person.c.mobile_id,
                earlier.c.lane == int(Lane.SMS),
                earlier.c.purpose == int(purpose),
            )
            .exists(),
        )
        .order_by(delivery.c.action, delivery.c.id)
    ).all()
    groups: dict[tuple[int, int], dict[int, Any]] = {}
    for row in rows:
        groups.setdefault((row.action, row.urgency), {}).setdefault(row.mobile_id, row)
    for (number_of_action, urgency), people in groups.items():
        first = take_block(connection, len(people))
        connection.execute(
            insert(delivery), [_sms_row(first + i, row, purpose) for i, row in enumerate(people.values())]
        )
        ids = (first, first + len(people) - 1)
        add_dispatch(connection, number_of_action, Lane.SMS, purpose, Urgency(urgency), ids, now)
    return sum(len(people) for people in groups.values())


def _sms_row(one: int, row: Any, purpose: Purpose) -> dict[str, Any]:
    return {
        "id": one,
        "action": row.action,
        "person_id": row.person_id,
        "number_id": row.mobile_id,
        "language": row.language,
        "lane": int(Lane.SMS),
        "purpose": int(purpose),
        "version": 1,  # the claim takes the newest
        "state": int(_D.QUEUED),
        "attempts": 0,
    }


# ---------------------------------------------------------------- keys


def pressed(connection: Connection, vault: Vault, one: int, key: str, now: datetime) -> Pressed:
    """Apply what a key means; the same key again in the same delivery changes nothing more."""
    row = connection.execute(
        select(delivery.c.action, delivery.c.person_id, delivery.c.number_id, number.c.sealed)
        .outerjoin(number, number.c.id == delivery.c.number_id)
        .where(delivery.c.id == one)
    ).first()
    if row is None:
        return Pressed()
    if key == "1":
        return Pressed(response=_respond(connection, vault, one, row, now))
    if key == "3":
        plan_sms(connection, [one], Purpose.REPLY, now)
        mobile = select(person.c.mobile_country).where(person.c.id == row.person_id)
        return Pressed(sms=connection.execute(mobile).scalar() is not None)
    of_number = person.c.landline_id == row.number_id
    if key == "9":
        until = _tomorrow(now)
        connection.execute(update(person).where(of_number).values(paused_until=until, updated_at=now))
    elif key == "0":
        # Who also has a mobile, and did not ask for calls only, keeps getting SMS: they were asked about calls.
        texted = (person.c.mobile_country.is_not(None)) & (person.c.lanes != LANE_VOICE_ONLY)
        connection.execute(update(person).where(of_number, texted).values(lanes=LANE_SMS_ONLY, updated_at=now))
        connection.execute(
            update(person).where(of_number, ~texted, person.c.left_at.is_(None)).values(left_at=now, updated_at=now)
        )
    return Pressed()


LANE_SMS_ONLY = 1
LANE_VOICE_ONLY = 2


def _tomorrow(now: datetime) -> datetime:
    """The next midnight where people live."""
    local = now.astimezone(LOCAL_TIME)
    return datetime.combine(local.date() + timedelta(days=1), time.min, LOCAL_TIME).astimezone(now.tzinfo)


def _respond(connection: Connection, vault: Vault, one: int, row: Any, now: datetime) -> Any:
    fingerprint = vault.blind(hashlib.sha256(f"key 1\0{one}".encode()).hexdigest())
    known = connection.execute(select(response.c.id).where(response.c.fingerprint == fingerprint)).scalar()
    if known is None:
        known = new_action_id()
        e164 = None if row.sealed is None else vault.open_many(row.sealed)[0]
        values: Mapping[str, Any] = {
            "id": known,
            "action": row.action,
            "kind": ResponseKind.KEYPRESS.value,
            "at": now,
            "number_id": row.number_id,
            "caller": "unknown" if e164 is None else mask(e164),
            "routed_by": "contacted",
            "text": "1",
            "spoke_to_operator": False,
            "note": "",
            "fingerprint": fingerprint,
        }
        connection.execute(insert(response).values(values))
    return response_by_id(connection, known)
