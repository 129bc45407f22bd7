"""Actions: stored with all that they planned, or not at all; changed, closed and looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, insert, select, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from gateway.domain.action import (
    Action,
    ActionRequest,
    ActionState,
    Kind,
    Outcome,
    Text,
    Urgency,
    new_action_id,
    pick_code,
    text_from_json,
    text_to_json,
)
from gateway.domain.delivery import DeliveryState, Lane, Purpose, Reason
from gateway.domain.errors import ConflictError, InvalidRequestError, NotFoundError
from gateway.domain.numbers import mask
from gateway.domain.plan import PlanCounts
from gateway.domain.report import Report
from gateway.domain.selection import LeftOut, area_from_json, area_to_json
from gateway.ports import DeliveryRow, Idempotency
from gateway.storage.database import Database
from gateway.storage.repositories.reports import report
from gateway.storage.repositories.selection import add_dispatch, plan, selected, take_block
from gateway.storage.tables import action, action_version, delivery, dispatch, idempotency, number, person
from gateway.storage.vault import Vault

REACHED = {
    Lane.SMS: (DeliveryState.SUBMITTED, DeliveryState.DELIVERED),
    Lane.VOICE: (DeliveryState.HEARD_FULL, DeliveryState.HEARD_PART, DeliveryState.VOICEMAIL),
}
"""Who hears how it ended. A carrier that gives no receipts leaves its people SUBMITTED; they most likely got it."""

FORGOTTEN = "*****"
"""What stands for the number of somebody who was forgotten since."""


class Actions:
    """Implements :class:`gateway.ports.ActionStore`.

    Args:
        vault: opens numbers, to show them masked.
    """

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def create(
        self, request: ActionRequest, *, created_by: str, now: datetime, idempotency: Idempotency | None
    ) -> tuple[Action, PlanCounts, bool]:
        """See the port."""
        return await self._database.write(create, request, created_by, now, idempotency)

    async def preview(self, request: ActionRequest, *, now: datetime) -> PlanCounts:
        """See the port."""
        return await self._database.read(preview, request, now)

    async def get(self, action_id: str) -> Action:
        """See the port."""
        return await self._database.read(get, action_id)

    async def find(self, *, open_only: bool = False, limit: int = 100, before: int | None = None) -> Sequence[Action]:
        """See the port."""
        return await self._database.read(find, open_only, limit, before)

    async def add_version(self, action_id: str, text: Text, *, by: str, now: datetime) -> Action:
        """See the port."""
        return await self._database.write(add_version, action_id, text, by, now)

    async def close(
        self, action_id: str, outcome: Outcome, *, text: Text | None, by: str, now: datetime
    ) -> tuple[Action, bool]:
        """See the port. A text for an action that was stopped is refused: InvalidRequestError."""
        return await self._database.write(close, action_id, outcome, text, by, now)

    async def expired(self, now: datetime) -> Sequence[str]:
        """See the port."""
        return await self._database.read(expired, now)

    async def deliveries(
        self,
        action_id: str,
        *,
        lane: Lane | None = None,
        state: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> Sequence[DeliveryRow]:
        """See the port."""
        return await self._database.read(deliveries, self._vault, action_id, lane, state, after, limit)

    async def report(self, action_id: str) -> Report:
        """See the port."""
        return await self._database.read(report, action_id)


# ---------------------------------------------------------------- create


def preview(connection: Connection, request: ActionRequest, now: datetime) -> PlanCounts:
    """What :func:`create` would plan."""
    with selected(connection, request, now) as counts:
        return counts


def create(
    connection: Connection, request: ActionRequest, created_by: str, now: datetime, key: Idempotency | None
) -> tuple[Action, PlanCounts, bool]:
    """Store an action, its first version and its deliveries; ``False`` where the key had made it before."""
    known = _made_before(connection, key)
    if known is not None:
        return *known, False
    made = _insert_action(connection, request, created_by, now)
    if key is not None and not _take_key(connection, key, made, now):
        # Another request took the key after we had looked, and is committed now.
        connection.execute(delete(action).where(action.c.number == made))
        known = _made_before(connection, key)
        assert known is not None
        return *known, False
    _insert_version(connection, made, 1, Purpose.ALERT, request.text, created_by, now)
    with selected(connection, request, now) as counts:
        plan(connection, made, request.urgency, counts, now)
    connection.execute(update(action).where(action.c.number == made).values(_counts_to_columns(counts)))
    return _numbered(connection, made), counts, True


def _made_before(connection: Connection, key: Idempotency | None) -> tuple[Action, PlanCounts] | None:
    if key is None:
        return None
    row = connection.execute(
        select(idempotency.c.action, idempotency.c.body_sha256).where(
            idempotency.c.principal == key.principal, idempotency.c.key == key.key
        )
    ).first()
    if row is None:
        return None
    if row.body_sha256 != key.body_sha256:
        raise ConflictError("this idempotency key was used for another request")
    columns = select(action.c.left_out, action.c.audience).where(action.c.number == row.action)
    counts = _counts_from_columns(*connection.execute(columns).one())
    return _numbered(connection, row.action), counts


def _insert_action(connection: Connection, request: ActionRequest, created_by: str, now: datetime) -> int:
    values: dict[str, Any] = {
        "id": new_action_id(),
        "kind": request.kind.value,
        "domain": request.domain,
        "urgency": int(request.urgency),
        "state": ActionState.OPEN.value,
        "version": 1,
        "area": area_to_json(request.area),
        "lanes": sum(1 << (lane - 1) for lane in request.lanes),
        "control_room": request.control_room,
        "place": request.place,
        "created_at": now,
        "expires_at": now + request.expires_in,
        "created_by": created_by,
        "planned": {},
        "left_out": {},
        "audience": {},
    }
    while True:
        codes = connection.execute(select(action.c.code).where(action.c.state == ActionState.OPEN.value)).scalars()
        code = pick_code(frozenset(codes))
        # Where another action takes the code at the same moment: again.
        statement = _insert(connection, action).values(code=code, **values).on_conflict_do_nothing()
        made = connection.execute(statement.returning(action.c.number)).scalar()
        if made is not None:
            return int(made)


def _take_key(connection: Connection, key: Idempotency, made: int, now: datetime) -> bool:
    """Whether the key is this action's now. Waits for another request that is about to take it."""
    statement = _insert(connection, idempotency).values(
        principal=key.principal, key=key.key, body_sha256=key.body_sha256, action=made, created_at=now
    )
    return connection.execute(statement.on_conflict_do_nothing()).rowcount == 1


def _insert(connection: Connection, table: Any) -> Any:
    """An insert that knows ``ON CONFLICT``: the same words in both databases, but not one class in SQLAlchemy."""
    return sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)


def _insert_version(
    connection: Connection, made: int, version: int, purpose: Purpose, words: Text, by: str, now: datetime
) -> None:
    connection.execute(
        insert(action_version).values(
            action=made,
            version=version,
            purpose=int(purpose),
            text=text_to_json(words),
            created_at=now,
            created_by=by,
        )
    )


def _counts_to_columns(counts: PlanCounts) -> dict[str, Any]:
    return {
        "planned": {"sms": counts.sms, "voice": counts.voice},
        "left_out": {reason.value: persons for reason, persons in counts.left_out.items()},
        "audience": {
            "sms": [[country, language, n] for (country, language), n in counts.sms_by_country_language.items()],
            "voice": [[language, n] for language, n in counts.voice_by_language.items()],
        },
    }


def _counts_from_columns(left_out: Mapping[str, int], audience: Mapping[str, Any]) -> PlanCounts:
    sms = {(country, language): n for country, language, n in audience.get("sms", ())}
    voice: dict[str, int] = dict(audience.get("voice", ()))
    return PlanCounts(
        sms=sum(sms.values()),
        voice=sum(voice.values()),
        left_out={LeftOut(reason): persons for reason, persons in left_out.items()},
        sms_by_country_language=sms,
        voice_by_language=voice,
    )


# ---------------------------------------------------------------- read


def get(connection: Connection, action_id: str) -> Action:
    """The action with this id; raises NotFoundError."""
    row = connection.execute(_select().where(action.c.id == action_id)).first()
    if row is None:
        raise NotFoundError(f"there is no action {action_id}")
    return _to_action(row)


def find(connection: Connection, open_only: bool, limit: int, before: int | None) -> list[Action]:
    """Newest first."""
    query = _select().order_by(action.c.number.desc()).limit(limit)
    if open_only:
        query = query.where(action.c.state == ActionState.OPEN.value)
    if before is not None:
        query = query.where(action.c.number < before)
    return [_to_action(row) for row in connection.execute(query)]


def expired(connection: Connection, now: datetime) -> list[str]:
    """Ids of open actions whose life is over, the longest over first."""
    query = select(action.c.id).where(action.c.state == ActionState.OPEN.value, action.c.expires_at <= now)
    return list(connection.execute(query.order_by(action.c.expires_at)).scalars())


def _select() -> Select[Any]:
    """Actions, with the newest text that was sent to people (a closing message is no newer text of the alert)."""
    return select(action, action_version.c.text).join(
        action_version, (action_version.c.action == action.c.number) & (action_version.c.version == action.c.version)
    )


def _numbered(connection: Connection, made: int) -> Action:
    return _to_action(connection.execute(_select().where(action.c.number == made)).one())


def _to_action(row: Row[Any]) -> Action:
    return Action(
        id=row.id,
        number=row.number,
        code=row.code,
        request=ActionRequest(
            kind=Kind(row.kind),
            area=area_from_json(row.area),
            text=text_from_json(row.text),
            urgency=Urgency(row.urgency),
            lanes=frozenset(lane for lane in Lane if row.lanes & 1 << (lane - 1)),
            expires_in=row.expires_at - row.created_at,
            domain=row.domain,
            control_room=row.control_room,
            place=row.place,
        ),
        state=ActionState(row.state),
        version=row.version,
        created_at=row.created_at,
        expires_at=row.expires_at,
        created_by=row.created_by,
        closed_at=row.closed_at,
        outcome=None if row.outcome is None else Outcome(row.outcome),
        planned=row.planned,
        left_out=row.left_out,
    )


# ---------------------------------------------------------------- change


def add_version(connection: Connection, action_id: str, words: Text, by: str, now: datetime) -> Action:
    """A newer text. Claims read the newest, so what has not left yet goes out with it."""
    found = _locked(connection, action_id)
    found.require_open()
    version = _next_version(connection, found.number)
    _insert_version(connection, found.number, version, Purpose.ALERT, words, by, now)
    connection.execute(update(action).where(action.c.number == found.number).values(version=version))
    return _numbered(connection, found.number)


def close(
    connection: Connection, action_id: str, outcome: Outcome, words: Text | None, by: str, now: datetime
) -> tuple[Action, bool]:
    """End an action: what is not claimed is cancelled, and those reached are told if there is a text."""
    found = _locked(connection, action_id)
    if found.state is ActionState.CLOSED:
        if found.outcome is not outcome:
            found.require_open()
        return found, False
    if words is not None and outcome is Outcome.STOPPED:
        raise InvalidRequestError.at("text", "an action that is stopped sends nothing more; leave the text out")
    _cancel(connection, found.number, outcome, now)
    if words is not None:
        version = _next_version(connection, found.number)
        _insert_version(connection, found.number, version, Purpose.CLOSING, words, by, now)
        for lane in Lane:
            _plan_closing(connection, found, lane, version, now)
    closed = {"state": ActionState.CLOSED.value, "outcome": outcome.value, "closed_at": now}
    connection.execute(update(action).where(action.c.number == found.number).values(closed))
    return _numbered(connection, found.number), True


def _locked(connection: Connection, action_id: str) -> Action:
    """The action, which nobody else changes until this transaction ends. Raises NotFoundError."""
    connection.execute(select(action.c.number).where(action.c.id == action_id).with_for_update())
    return get(connection, action_id)


def _next_version(connection: Connection, found: int) -> int:
    query = select(func.max(action_version.c.version)).where(action_version.c.action == found)
    return int(connection.execute(query).scalar_one()) + 1


def _cancel(connection: Connection, found: int, outcome: Outcome, now: datetime) -> None:
    """What no daemon has claimed will not leave: the rest of each dispatch, and retries that wait for their time."""
    over = outcome is Outcome.EXPIRED
    state = DeliveryState.EXPIRED if over else DeliveryState.CANCELLED
    reason = Reason.ACTION_EXPIRED if over else Reason.ACTION_CLOSED
    settled = {"state": int(state), "reason": reason.value, "retry_at": None, "changed_at": now}
    waiting = select(dispatch.c.id, dispatch.c.next_id, dispatch.c.last_id).where(
        dispatch.c.action == found, dispatch.c.waiting
    )
    # A claim that is under way holds the dispatch; after it, next_id is behind what it took.
    for row in connection.execute(waiting.order_by(dispatch.c.id).with_for_update()).all():
        connection.execute(
            update(delivery)
            .where(
                delivery.c.id.between(row.next_id, row.last_id),
                delivery.c.state == int(DeliveryState.QUEUED),
            )
            .values(settled)
        )
        done = {"next_id": row.last_id + 1, "waiting": False}
        connection.execute(update(dispatch).where(dispatch.c.id == row.id).values(done))
    connection.execute(
        update(delivery)
        .where(
            delivery.c.action == found,
            delivery.c.state == int(DeliveryState.RETRY),
            delivery.c.retry_at.is_not(None),
        )
        .values(settled)
    )


_REACHED = """
CREATE TEMPORARY TABLE thanked AS
SELECT d.id, d.person_id, d.number_id, d.language
  FROM dispatch AS r JOIN delivery AS d ON d.id BETWEEN r.first_id AND r.last_id
 WHERE r.action = {action} AND r.lane = {lane} AND r.purpose = {alert} AND d.state IN ({states})
   -- who has left since wants no more messages, not even this one
   AND EXISTS (SELECT 1 FROM person AS p WHERE p.id = d.person_id AND p.left_at IS NULL)"""

_THANK = f"""
INSERT INTO delivery (id, action, person_id, number_id, language, lane, purpose, version, state, attempts)
SELECT :before + row_number() OVER (ORDER BY id), :action, person_id, number_id, language,
       :lane, {int(Purpose.CLOSING)}, :version, {int(DeliveryState.QUEUED)}, 0
  FROM thanked"""  # noqa: S608 - constants of ours


def _plan_closing(connection: Connection, found: Action, lane: Lane, version: int, now: datetime) -> None:
    """A closing message to exactly those whom the alert reached on this lane, in the order in which they were."""
    # They are counted and copied from a table of their own: receipts that come in meanwhile change states.
    connection.execute(
        text(
            _REACHED.format(
                action=found.number,
                lane=int(lane),
                alert=int(Purpose.ALERT),
                states=", ".join(str(int(state)) for state in REACHED[lane]),
            )
        )
    )
    count = int(connection.execute(text("SELECT count(*) FROM thanked")).scalar_one())
    if count:
        first = take_block(connection, count)
        values = {"before": first - 1, "action": found.number, "lane": int(lane), "version": version}
        connection.execute(text(_THANK), values)
        ids = (first, first + count - 1)
        add_dispatch(connection, found.number, lane, Purpose.CLOSING, found.request.urgency, ids, now)
    connection.execute(text("DROP TABLE thanked"))


# ---------------------------------------------------------------- deliveries


def deliveries(
    connection: Connection,
    vault: Vault,
    action_id: str,
    lane: Lane | None,
    state: str | None,
    after: int,
    limit: int,
) -> list[DeliveryRow]:
    """The deliveries of an action in the order of their ids, numbers masked."""
    found = get(connection, action_id)
    ranges = select(dispatch.c.first_id, dispatch.c.last_id).where(
        dispatch.c.action == found.number, dispatch.c.last_id > after
    )
    if lane is not None:
        ranges = ranges.where(dispatch.c.lane == int(lane))
    query = (
        select(delivery, person.c.ref, number.c.sealed)
        .outerjoin(person, person.c.id == delivery.c.person_id)
        .outerjoin(number, number.c.id == delivery.c.number_id)
        .order_by(delivery.c.id)
    )
    if state is not None:
        query = query.where(delivery.c.state == int(_state(state)))
    rows: list[Row[Any]] = []
    # Through the ranges of ids: any other way would sort all deliveries of the action for each page.
    for first, last in connection.execute(ranges.order_by(dispatch.c.first_id)).all():
        if len(rows) == limit:
            break
        page = query.where(delivery.c.id.between(max(first, after + 1), last)).limit(limit - len(rows))
        rows += connection.execute(page).all()
    return _to_rows(rows, vault)


def _state(word: str) -> DeliveryState:
    try:
        return DeliveryState[word.upper()]
    except KeyError:
        known = ", ".join(state.word for state in DeliveryState)
        raise InvalidRequestError.at("state", f"there is no state {word!r}; known: {known}") from None


def _to_rows(rows: Sequence[Row[Any]], vault: Vault) -> list[DeliveryRow]:
    sealed = b"".join(row.sealed for row in rows if row.sealed is not None)
    numbers = iter(vault.open_many(sealed) if sealed else ())
    return [
        DeliveryRow(
            id=row.id,
            lane=Lane(row.lane),
            purpose=Purpose(row.purpose).name.lower(),
            version=row.version,
            ref=row.ref or "",
            number=FORGOTTEN if row.sealed is None else mask(next(numbers)),
            language=row.language,
            state=DeliveryState(row.state).word,
            reason=row.reason,
            attempts=row.attempts,
            at=row.changed_at,
            detail=row.detail or "",
        )
        for row in rows
    ]
