"""What citizens gave back."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, desc, insert, select, update
from sqlalchemy.engine import Connection

from gateway.domain.action import ActionState, new_action_id
from gateway.domain.delivery import DeliveryState, Lane, SmsReply
from gateway.domain.errors import NotFoundError
from gateway.domain.numbers import NumberError, mask, parse_number
from gateway.domain.response import Response, ResponseKind
from gateway.storage.database import Database
from gateway.storage.tables import action, delivery, number, response
from gateway.storage.vault import Vault

MAX_TEXT = 2000

_NOT_CONTACTED = (DeliveryState.CANCELLED, DeliveryState.EXPIRED)


class Responses:
    """Implements :class:`gateway.ports.ResponseStore`."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self._database = database
        self._vault = vault

    async def record_reply(self, reply: SmsReply, *, now: datetime) -> Response:
        """See the port."""
        return await self._database.write(record_reply, self._vault, reply, now)

    async def responses(self, action_id: str, *, limit: int = 1000) -> Sequence[Response]:
        """See the port."""
        return await self._database.read(responses, action_id, limit)

    async def change(
        self, response_id: str, *, useful: bool | None, led_to_success: bool | None, note: str | None, by: str
    ) -> Response:
        """See the port."""
        return await self._database.write(change, response_id, useful, led_to_success, note, by)


def record_reply(connection: Connection, vault: Vault, reply: SmsReply, now: datetime) -> Response:
    """Put a citizen's SMS on record, once: the carrier may bring it again."""
    e164 = _e164(reply.sender)
    fingerprint = _fingerprint(vault, reply)
    known = connection.execute(_select().where(response.c.fingerprint == fingerprint)).first()
    if known is not None:
        return _to_response(known)
    number_id, found, routed_by = None, None, "none"
    if e164 is not None:
        blind = vault.blind(e164)
        number_id = connection.execute(select(number.c.id).where(number.c.blind == blind)).scalar()
    if number_id is not None:
        found, routed_by = _action_that_reached(connection, number_id)
    row = {
        "id": new_action_id(),
        "action": found,
        "kind": ResponseKind.SMS.value,
        "at": reply.at,
        "number_id": number_id,
        "caller": mask(e164) if e164 is not None else "unknown",
        "routed_by": routed_by,
        "text": _clean(reply.text),
        "spoke_to_operator": False,
        "note": "",
        "fingerprint": fingerprint,
    }
    connection.execute(insert(response).values(row))
    return response_by_id(connection, str(row["id"]))


def _action_that_reached(connection: Connection, number_id: int) -> tuple[int | None, str]:
    """The newest open action that contacted this number by SMS, else the newest of all."""
    query = (
        select(action.c.number, action.c.state)
        .join(delivery, delivery.c.action == action.c.number)
        .where(delivery.c.number_id == number_id, delivery.c.lane == int(Lane.SMS))
        .where(delivery.c.state.not_in([int(state) for state in _NOT_CONTACTED]))
        .order_by(desc(action.c.state == ActionState.OPEN.value), desc(action.c.number))
        .limit(1)
    )
    row = connection.execute(query).first()
    if row is None:
        return None, "none"
    return row.number, "contacted" if row.state == ActionState.OPEN.value else "contacted_before"


def responses(connection: Connection, action_id: str, limit: int) -> list[Response]:
    """Oldest first."""
    if connection.execute(select(action.c.number).where(action.c.id == action_id)).first() is None:
        raise NotFoundError(f"there is no action {action_id}")
    rows = connection.execute(_select().where(action.c.id == action_id).order_by(response.c.number).limit(limit))
    return [_to_response(row) for row in rows]


def change(
    connection: Connection,
    response_id: str,
    useful: bool | None,
    led_to_success: bool | None,
    note: str | None,
    by: str,
) -> Response:
    """What the operator made of it."""
    given = {"useful": useful, "led_to_success": led_to_success, "note": note}
    values: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    result = connection.execute(update(response).where(response.c.id == response_id).values(**values, changed_by=by))
    if result.rowcount != 1:
        raise NotFoundError(f"there is no response {response_id}")
    return _to_response(connection.execute(_select().where(response.c.id == response_id)).one())


def response_by_id(connection: Connection, response_id: str) -> Response:
    """One that is there."""
    return _to_response(connection.execute(_select().where(response.c.id == response_id)).one())


def _select() -> Any:
    return select(response, action.c.id.label("action_id")).select_from(
        response.outerjoin(action, action.c.number == response.c.action)
    )


def _to_response(row: Row[Any]) -> Response:
    return Response(
        id=row.id,
        action_id=row.action_id,
        kind=ResponseKind(row.kind),
        at=row.at,
        caller=row.caller,
        routed_by=row.routed_by,
        text=row.text,
        spoke_to_operator=row.spoke_to_operator,
        useful=row.useful,
        led_to_success=row.led_to_success,
        note=row.note,
    )


def _e164(sender: str) -> str | None:
    """The sender as E.164; carriers give it with and without a plus, whatever the type of number says."""
    for candidate in (sender, f"+{sender}"):
        try:
            return parse_number(candidate).e164
        except NumberError:
            continue
    return None


def _fingerprint(vault: Vault, reply: SmsReply) -> bytes:
    """The same message from the same sender within the same minute is the same message, brought twice."""
    minute = reply.at.strftime("%Y%m%d%H%M")
    what = "\0".join((reply.carrier, reply.sender, reply.recipient, minute, reply.text))
    return vault.blind(hashlib.sha256(what.encode()).hexdigest())


def _clean(text: str) -> str:
    """Without control characters, which mean something to a terminal or a database, and not endless."""
    return "".join(char for char in text if char.isprintable() or char == "\n")[:MAX_TEXT]
