"""What happened, kept in the order in which it was committed, so that a listener can take up where it stopped."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection, Row

from gateway.domain.events import Event
from gateway.storage.database import Database
from gateway.storage.tables import event as event_table

WRITERS_LOCK = 0x62757267
"""PostgreSQL's advisory lock that event writers take in turn. Without it a transaction that drew a lower id could
commit after a higher one was read, and whoever reads "after the last id" would miss it. SQLite has one writer."""


class EventRepository:
    """Implements :class:`gateway.ports.EventStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(self, events: Sequence[Event]) -> None:
        """Store events in this order; ids rise with it, over all daemons."""
        if events:
            await self._database.write(append_events, events)

    async def after(self, last_id: int, *, action_id: str | None = None, limit: int = 500) -> Sequence[Event]:
        """The events that follow ``last_id``, of one action or of all, in order."""
        return await self._database.read(read_events, last_id, action_id, limit)

    async def last_id(self) -> int:
        """The id of the newest event, 0 where there is none."""
        return await self._database.read(newest_id)

    async def prune(self, before: datetime) -> int:
        """Delete what is older; returns how many."""
        return await self._database.write(delete_events, before)


def append_events(connection: Connection, events: Sequence[Event]) -> None:
    """Insert events."""
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(WRITERS_LOCK)))
    rows = [
        {"kind": event.kind, "action_id": event.action_id, "at": event.at, "data": dict(event.data)} for event in events
    ]
    connection.execute(insert(event_table), rows)


def read_events(connection: Connection, last_id: int, action_id: str | None, limit: int) -> Sequence[Event]:
    """Events after an id."""
    query = select(event_table).where(event_table.c.id > last_id).order_by(event_table.c.id).limit(limit)
    if action_id is not None:
        query = query.where(event_table.c.action_id == action_id)
    return [_event(row) for row in connection.execute(query)]


def newest_id(connection: Connection) -> int:
    """The highest id."""
    newest: int | None = connection.execute(select(func.max(event_table.c.id))).scalar_one()
    return newest or 0


def delete_events(connection: Connection, before: datetime) -> int:
    """Delete events of before a time."""
    return connection.execute(delete(event_table).where(event_table.c.at < before)).rowcount


def _event(row: Row[tuple[object, ...]]) -> Event:
    return Event(kind=row.kind, at=row.at, action_id=row.action_id, data=row.data, id=row.id)
