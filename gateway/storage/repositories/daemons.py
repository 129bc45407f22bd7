"""Running processes: who is alive, and what becomes of the work of those who are not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from gateway.storage.journal import replay
from gateway.storage.repositories.ledger import recover
from gateway.storage.tables import daemon

HEARTBEAT = timedelta(seconds=2)
DEAD_AFTER = timedelta(seconds=10)
"""A heart that has not beaten for so long: other daemons take the work over."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def boot_id() -> str:
    """What tells one boot of this machine from another; empty where the system does not say."""
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def journal_path(folder: Path, number: int) -> Path:
    """The wire journal of a daemon."""
    return folder / f"wire-{number}.journal"


def register(connection: Connection, node: str, now: datetime) -> int:
    """A row for this process; returns its number."""
    values = {"node": node, "boot_id": boot_id(), "started_at": now, "heartbeat_at": now}
    return int(connection.execute(insert(daemon).values(values).returning(daemon.c.id)).scalar_one())


def beat(connection: Connection, number: int, now: datetime) -> bool:
    """Say that this process lives. ``False`` when another one took it for dead: then it must stop at once."""
    result = connection.execute(
        update(daemon).where(daemon.c.id == number, daemon.c.stopped_at.is_(None)).values(heartbeat_at=now)
    )
    return result.rowcount == 1


def sign_off(connection: Connection, number: int, now: datetime) -> None:
    """This process stops; whatever it still holds is settled by whoever finds it."""
    connection.execute(update(daemon).where(daemon.c.id == number).values(heartbeat_at=now, stopped_at=now))


def recover_dead(connection: Connection, node: str, folder: Path, me: int, now: datetime) -> Sequence[dict[str, int]]:
    """Settle the work of daemons that are gone: those of this node at once, by their journals; others when their
    hearts have stopped.

    A daemon of this node that still runs would hold the lock of the node's journal folder, so there is none.
    """  # noqa: D205
    query = select(daemon.c.id, daemon.c.node, daemon.c.boot_id, daemon.c.heartbeat_at).where(
        daemon.c.id != me, daemon.c.stopped_at.is_(None)
    )
    if connection.dialect.name != "sqlite":
        query = query.with_for_update(skip_locked=True)
    settled = []
    for number, its_node, its_boot, heartbeat_at in connection.execute(query).all():
        mine = its_node == node
        if not mine and now - heartbeat_at < DEAD_AFTER:
            continue
        path = journal_path(folder, number)
        journal = replay(path) if mine and its_boot == boot_id() and path.exists() else None
        settled.append({"daemon": number, **recover(connection, number, journal, now, same_node=mine)})
    return settled
