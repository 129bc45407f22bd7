"""The SMS ledger: deliveries claimed by ranges, outcomes written by sets.

This is one of the two places where speed lives (the other is ``smpp.hot``); ``./scripts/bench sms`` measures it. A
batch of outcomes travels to the database as one value (JSON for SQLite, COPY for PostgreSQL) into a temporary table,
and one statement per step does the rest: no statement a row, and no hand-over of the interpreter lock a row.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row
from sqlalchemy.engine import Connection

from gateway.domain.action import ActionState, Outcome, Text, text_from_json, wording_for
from gateway.domain.delivery import (
    Accepted,
    DeliveryState,
    Lane,
    Purpose,
    Reason,
    Receipt,
    Ref,
    SegmentState,
    Settlement,
    SmsBatch,
    delivery_of,
)
from gateway.ports import Recorded
from gateway.storage.database import Database
from gateway.storage.journal import Replay
from gateway.storage.tables import from_us, to_us
from gateway.storage.vault import Vault

CLOSING_LIFE = timedelta(hours=1)
"""How long after the end of an action its closing message is still worth sending."""

ORPHAN_LIFE = timedelta(days=1)
"""How long before the answer to its submit a receipt may have come; carriers use their message ids again."""

_D = DeliveryState
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

# Columns of the temporary tables that batches travel in.
_STAGES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "staged_segment": (("ref", "bigint"), ("message_id", "text")),
    "staged_receipt": (("message_id", "text"), ("word", "bigint")),
    "staged_settlement": (
        ("delivery", "bigint"),
        ("state", "smallint"),
        ("reason", "text"),
        ("detail", "text"),
        ("counts", "smallint"),
        ("retry_at", "bigint"),
        ("at", "bigint"),
    ),
    "matched": (
        ("delivery", "bigint"),
        ("part", "smallint"),
        ("parts", "smallint"),
        ("state", "smallint"),
        ("done_at", "bigint"),
        ("message_id", "text"),
    ),
}


class Ledger:
    """Implements :class:`gateway.ports.SmsLedger` for one daemon.

    Args:
        daemon: this process's row in the table ``daemon``.
    """

    def __init__(self, database: Database, vault: Vault, daemon: int) -> None:
        self._database = database
        self._vault = vault
        self._daemon = daemon

    async def claim_sms(self, limit: int, *, now: datetime) -> Sequence[SmsBatch]:
        """See the port."""
        return await self._database.write(claim_sms, self._vault, self._daemon, limit, now)

    async def record(
        self,
        *,
        accepted: Sequence[Accepted] = (),
        settled: Sequence[Settlement] = (),
        receipts: Sequence[Receipt] = (),
        now: datetime,
    ) -> Recorded:
        """See the port."""
        return await self._database.write(record, accepted, settled, receipts, now=now)

    async def outstanding(self, action: int, carriers: Sequence[str]) -> Mapping[str, Sequence[tuple[str, int, str]]]:
        """See the port."""
        return await self._database.read(outstanding, action, carriers)

    async def next_retry(self) -> datetime | None:
        """See the port."""
        return await self._database.read(next_retry)

    async def progress(self, actions: Collection[int]) -> Mapping[str, Mapping[str, Any]]:
        """See the port."""
        return await self._database.read(progress, actions)

    async def tidy_claims(self) -> None:
        """Forget claims of which nothing is open any more."""
        await self._database.write(tidy_claims, self._daemon)


# ---------------------------------------------------------------- claiming


class Taken(NamedTuple):
    """Deliveries of one action that a daemon has just claimed.

    Attributes:
        until: after this they are not worth sending, in microseconds since the epoch.
        where, values: which they are, as a condition on ``delivery AS d``.
    """

    action: int
    purpose: int
    urgency: int
    until: int
    where: str
    values: Mapping[str, Any]


def claim_sms(connection: Connection, vault: Vault, daemon: int, limit: int, now: datetime) -> list[SmsBatch]:
    """Take at most ``limit`` SMS deliveries for this daemon: due retries first, then ranges, most urgent first."""
    retries = take_retries(connection, daemon, Lane.SMS, limit, now)
    batches = [batch for taken in retries for batch in _load(connection, vault, taken)]
    left = limit - sum(len(batch.recipients) for batch in batches)
    if left > 0:
        for taken in take_ranges(connection, daemon, Lane.SMS, left, now):
            batches += _load(connection, vault, taken)
    return batches


def take_ranges(connection: Connection, daemon: int, lane: Lane, limit: int, now: datetime) -> list[Taken]:
    """Claim from what was never claimed: ranges of ids, most urgent first."""
    lock = "" if _is_sqlite(connection) else "FOR UPDATE OF d SKIP LOCKED"
    rows = connection.exec_driver_sql(
        _sql(
            connection,
            f"""
            SELECT d.id, d.action, d.purpose, d.urgency, d.next_id, d.last_id, d.created_at, a.expires_at
              FROM dispatch d JOIN action a ON a.number = d.action
             WHERE d.lane = {int(lane)} AND d.waiting
               AND (d.purpose = {int(Purpose.CLOSING)}
                    OR (a.state = '{ActionState.OPEN.value}' AND a.expires_at > :now))
             ORDER BY d.urgency DESC, d.id LIMIT 16 {lock}""",  # noqa: S608 - constants of ours
        ),
        {"now": to_us(now)},
    ).all()
    ranges: list[Taken] = []
    for dispatch, action, purpose, urgency, next_id, last_id, created_at, expires_at in rows:
        if limit <= 0:
            break
        upto = min(last_id, next_id + limit - 1)
        limit -= upto - next_id + 1
        connection.exec_driver_sql(
            _sql(connection, "UPDATE dispatch SET next_id = :next, waiting = :waiting WHERE id = :id"),
            {"next": upto + 1, "waiting": upto < last_id, "id": dispatch},
        )
        connection.exec_driver_sql(
            _sql(
                connection,
                f"""INSERT INTO claim (daemon, lane, first_id, last_id, claimed_at)
                    VALUES (:daemon, {int(lane)}, :first, :last, :now)""",  # noqa: S608
            ),
            {"daemon": daemon, "first": next_id, "last": upto, "now": to_us(now)},
        )
        until = to_us(from_us(created_at) + CLOSING_LIFE) if purpose == Purpose.CLOSING else expires_at
        where = f"d.id BETWEEN :first AND :last AND d.state = {int(_D.QUEUED)}"
        ranges.append(Taken(action, purpose, urgency, until, where, {"first": next_id, "last": upto}))
    return ranges


def take_retries(connection: Connection, daemon: int, lane: Lane, limit: int, now: datetime) -> list[Taken]:
    """Claim what is to be tried again by now; what its action has outlived is settled instead."""
    lock = "" if _is_sqlite(connection) else "FOR UPDATE OF d SKIP LOCKED"
    due = connection.exec_driver_sql(
        _sql(
            connection,
            f"""
            SELECT d.id, d.action, d.purpose, a.urgency, a.expires_at, a.state, a.closed_at, a.outcome
              FROM delivery d JOIN action a ON a.number = d.action
             WHERE d.lane = {int(lane)} AND d.retry_at IS NOT NULL AND d.retry_at <= :now
             ORDER BY d.retry_at LIMIT :limit {lock}""",  # noqa: S608
        ),
        {"now": to_us(now), "limit": limit},
    ).all()
    groups: dict[tuple[int, int, int, int], list[int]] = {}
    over: dict[DeliveryState, list[int]] = {}
    for delivery, action, purpose, urgency, expires_at, action_state, closed_at, outcome in due:
        closing = purpose == Purpose.CLOSING
        until = (closed_at or expires_at) + CLOSING_LIFE // timedelta(microseconds=1) if closing else expires_at
        ended = not closing and action_state != ActionState.OPEN.value
        if until <= to_us(now) or (ended and outcome == Outcome.EXPIRED.value):
            over.setdefault(_D.EXPIRED, []).append(delivery)
        elif ended:
            over.setdefault(_D.CANCELLED, []).append(delivery)
        else:
            groups.setdefault((action, purpose, urgency, until), []).append(delivery)
    for state, members in over.items():
        _settle_over(connection, members, state, now)
    ids = [delivery for members in groups.values() for delivery in members]
    if not ids:
        return []
    _claim_ids(connection, daemon, lane, ids, now)
    where = f"d.id IN {_in_list(connection)}"
    return [Taken(*about, where, {"ids": _list(connection, members)}) for about, members in groups.items()]


def _settle_over(connection: Connection, ids: Sequence[int], state: DeliveryState, now: datetime) -> None:
    """Retries whose action ended while they were with a carrier: they do not leave any more."""
    reason = Reason.ACTION_EXPIRED if state is _D.EXPIRED else Reason.ACTION_CLOSED
    connection.exec_driver_sql(
        _sql(
            connection,
            f"""UPDATE delivery SET state = {int(state)}, reason = :reason, retry_at = NULL, changed_at = :now
                 WHERE id IN {_in_list(connection)}""",  # noqa: S608
        ),
        {"ids": _list(connection, ids), "reason": reason.value, "now": to_us(now)},
    )


def _claim_ids(connection: Connection, daemon: int, lane: Lane, ids: Sequence[int], now: datetime) -> None:
    connection.exec_driver_sql(
        _sql(connection, f"UPDATE delivery SET retry_at = NULL WHERE id IN {_in_list(connection)}"),  # noqa: S608
        {"ids": _list(connection, ids)},
    )
    connection.exec_driver_sql(
        _sql(
            connection,
            f"""INSERT INTO claim (daemon, lane, ids, claimed_at)
                VALUES (:daemon, {int(lane)}, :ids, :now)""",  # noqa: S608
        ),
        {"daemon": daemon, "ids": _encode(ids).decode(), "now": to_us(now)},
    )


def _load(connection: Connection, vault: Vault, taken: Taken) -> list[SmsBatch]:
    """The batches, one a language, of the claimed deliveries."""
    version, text, domain = newest_text(connection, taken)
    return [
        SmsBatch(
            action=taken.action,
            version=version,
            domain=domain,
            urgency=taken.urgency,
            text=wording_for(text, language).sms,
            expires_at=from_us(taken.until),
            recipients=list(zip(ids, numbers, strict=True)),
        )
        for language, ids, numbers in _recipients(connection, vault, taken.where, taken.values)
    ]


def newest_text(connection: Connection, taken: Taken) -> tuple[int, Text, str]:
    """The version that goes out, its wordings and its domain; the deliveries are marked with that version."""
    closing = int(Purpose.CLOSING)
    version, text_json, domain = connection.exec_driver_sql(
        _sql(
            connection,
            f"""SELECT v.version, v.text, a.domain FROM action_version v JOIN action a ON a.number = v.action
                 WHERE v.action = :action AND (v.purpose = {closing}) = (:purpose = {closing})
                 ORDER BY v.version DESC LIMIT 1""",  # noqa: S608
        ),
        {"action": taken.action, "purpose": taken.purpose},
    ).one()
    if version > 1:
        connection.exec_driver_sql(
            _sql(
                connection,
                f"UPDATE delivery AS d SET version = :version WHERE {taken.where} AND d.version <> :version",  # noqa: S608
            ),
            {"version": version, **taken.values},
        )
    return version, text_from_json(_decode(text_json) if isinstance(text_json, str) else text_json), domain


def _recipients(
    connection: Connection, vault: Vault, where: str, values: Mapping[str, Any]
) -> Iterable[tuple[str, list[int], list[str]]]:
    """(language, delivery ids, numbers): one row a language, so that thousands of rows cost one hand-over."""
    if _is_sqlite(connection):
        rows = connection.exec_driver_sql(
            _sql(
                connection,
                f"""SELECT language, json_group_array(id), group_concat(hex(sealed), '')
                      FROM (SELECT d.language, d.id, n.sealed FROM delivery d JOIN number n ON n.id = d.number_id
                             WHERE {where} ORDER BY d.id)
                     GROUP BY language""",  # noqa: S608
            ),
            values,
        ).all()
        return [(language, _decode(ids), vault.open_many(bytes.fromhex(sealed))) for language, ids, sealed in rows]
    rows = connection.exec_driver_sql(
        _sql(
            connection,
            f"""SELECT d.language, array_agg(d.id ORDER BY d.id), string_agg(n.sealed, ''::bytea ORDER BY d.id)
                  FROM delivery d JOIN number n ON n.id = d.number_id WHERE {where} GROUP BY d.language""",  # noqa: S608
        ),
        values,
    ).all()
    return [(language, ids, vault.open_many(bytes(sealed))) for language, ids, sealed in rows]


def outstanding(connection: Connection, action: int, carriers: Sequence[str]) -> dict[str, list[tuple[str, int, str]]]:
    """What carriers have accepted of an action and not told the end of: (message id, calling code, domain)."""
    found: dict[str, list[tuple[str, int, str]]] = {}
    for name in carriers:
        rows = connection.exec_driver_sql(
            _sql(
                connection,
                f"""SELECT s.message_id, n.country, a.domain
                      FROM delivery d JOIN action a ON a.number = d.action JOIN number n ON n.id = d.number_id
                      JOIN segment s ON s.delivery = d.id
                     WHERE d.action = :action AND d.lane = {int(Lane.SMS)} AND d.purpose <> {int(Purpose.CLOSING)}
                       AND s.state < {int(SegmentState.DELIVERED)}
                       AND s.carrier = (SELECT id FROM carrier WHERE name = :name)""",  # noqa: S608
            ),
            {"action": action, "name": name},
        ).all()
        found[name] = [(message_id, country, domain) for message_id, country, domain in rows]
    return found


def next_retry(connection: Connection) -> datetime | None:
    """When the next SMS delivery is to be tried again."""
    value = connection.exec_driver_sql(
        f"SELECT min(retry_at) FROM delivery WHERE lane = {int(Lane.SMS)} AND retry_at IS NOT NULL"  # noqa: S608
    ).scalar()
    return None if value is None else from_us(value)


def tidy_claims(connection: Connection, daemon: int) -> None:
    """Forget claims of this daemon of which nothing is open any more."""
    connection.exec_driver_sql(
        _sql(
            connection,
            f"""
            DELETE FROM claim WHERE daemon = :daemon AND ids IS NULL AND NOT EXISTS (
                SELECT 1 FROM delivery d
                 WHERE d.id BETWEEN claim.first_id AND claim.last_id
                   AND d.state IN ({int(_D.QUEUED)}, {int(_D.DIALLING)}))""",  # noqa: S608 - a retry has another claim
        ),
        {"daemon": daemon},
    )
    unnest = "json_each(claim.ids)" if _is_sqlite(connection) else "json_array_elements_text(claim.ids)"
    connection.exec_driver_sql(
        _sql(
            connection,
            f"""
            DELETE FROM claim WHERE daemon = :daemon AND ids IS NOT NULL AND NOT EXISTS (
                SELECT 1 FROM {unnest} AS one JOIN delivery d ON d.id = CAST(one.value AS bigint)
                 WHERE d.state IN ({int(_D.RETRY)}, {int(_D.DIALLING)}) AND d.retry_at IS NULL)""",  # noqa: S608
        ),
        {"daemon": daemon},
    )


# ---------------------------------------------------------------- recording


def record(
    connection: Connection,
    accepted: Sequence[Accepted] = (),
    settled: Sequence[Settlement] = (),
    receipts: Sequence[Receipt] = (),
    *,
    now: datetime,
) -> Recorded:
    """Write outcomes: acceptances, other settlements, receipts; in this order, so that each finds what it follows."""
    _ensure_stages(connection)
    touched: set[int] = set()
    _record_accepted(connection, accepted, touched)
    if settled:
        _record_settled(connection, settled)
        _note_staged(connection, "staged_settlement", touched)
    counts = _record_receipts(connection, receipts, now, touched) if receipts else (0, 0, 0)
    return Recorded(frozenset(touched), *counts)


def _record_accepted(connection: Connection, accepted: Sequence[Accepted], touched: set[int]) -> None:
    groups: dict[str, list[Accepted]] = {}
    for one in accepted:
        groups.setdefault(one.carrier, []).append(one)
    for name, members in groups.items():
        segments = (
            members[0].segments if len(members) == 1 else {k: v for one in members for k, v in one.segments.items()}
        )
        _insert_segments(connection, carrier_id(connection, name), segments, max(to_us(one.at) for one in members))
    if accepted:
        _note_actions(connection, accepted, touched)


def _insert_segments(connection: Connection, carrier: int, segments: Mapping[Ref, str], at: int) -> None:
    source, given = _segments_source(connection, segments)
    connection.exec_driver_sql(
        _sql(
            connection,
            f"""INSERT INTO segment (delivery, part, parts, carrier, message_id, state, submitted_at)
                SELECT ref >> 16, ref & 255, (ref >> 8) & 255, :carrier, message_id,
                       {int(SegmentState.SUBMITTED)}, :at FROM {source} WHERE true
                ON CONFLICT (delivery, part) DO UPDATE
                   SET parts = excluded.parts, carrier = excluded.carrier, message_id = excluded.message_id,
                       state = excluded.state, submitted_at = excluded.submitted_at, settled_at = NULL, error = NULL
                 WHERE segment.message_id <> excluded.message_id OR segment.carrier <> excluded.carrier""",  # noqa: S608
        ),
        {"carrier": carrier, "at": at, **given},
    )
    first, last = delivery_of(min(segments)), delivery_of(max(segments))
    single = not any(ref & 0xFF00 != 0x0100 for ref in segments)
    if single and last - first + 1 == len(segments):
        which, values = "id BETWEEN :first AND :last", {"first": first, "last": last}
    else:
        which, values = f"id IN (SELECT ref >> 16 FROM {source})", given  # noqa: S608
    whole = (
        ""
        if single
        else """AND (SELECT count(*) FROM segment s WHERE s.delivery = delivery.id)
                  = (SELECT max(parts) FROM segment s WHERE s.delivery = delivery.id)"""
    )
    connection.exec_driver_sql(
        _sql(
            connection,
            f"""UPDATE delivery SET state = {int(_D.SUBMITTED)}, reason = NULL, detail = NULL, retry_at = NULL,
                       attempts = attempts + 1, changed_at = :at
                 WHERE {which} AND state IN ({int(_D.QUEUED)}, {int(_D.RETRY)}, {int(_D.UNCERTAIN)})
                   {whole}""",  # noqa: S608
        ),
        {"at": at, **values},
    )
    _adopt_orphans(connection, carrier, source, given, at)


def _segments_source(connection: Connection, segments: Mapping[Ref, str]) -> tuple[str, dict[str, Any]]:
    """A table expression with columns ref and message_id, and the values it needs."""
    if _is_sqlite(connection):
        return (
            "(SELECT CAST(key AS INTEGER) AS ref, value AS message_id FROM json_each(:segments))",
            {"segments": _encode(segments).decode()},
        )
    _copy(connection, "staged_segment", segments.items())
    return "staged_segment", {}


def _note_actions(connection: Connection, accepted: Sequence[Accepted], touched: set[int]) -> None:
    """The actions of these deliveries, by the first of each answer: it is one claim's, or nearly so."""
    firsts = {delivery_of(next(iter(one.segments))) for one in accepted if one.segments}
    rows = connection.exec_driver_sql(
        _sql(connection, f"SELECT DISTINCT action FROM delivery WHERE id IN {_in_list(connection)}"),  # noqa: S608
        {"ids": _list(connection, firsts)},
    )
    touched.update(row[0] for row in rows)


def _note_staged(connection: Connection, table: str, touched: set[int]) -> None:
    """The actions of the deliveries in a temporary table."""
    rows = connection.exec_driver_sql(
        f"SELECT DISTINCT action FROM delivery WHERE id IN (SELECT delivery FROM {table})"  # noqa: S608
    )
    touched.update(row[0] for row in rows)


def _adopt_orphans(connection: Connection, carrier: int, source: str, given: Mapping[str, Any], at: int) -> None:
    """Receipts that came before the answer to their submit was stored: apply those whose segment is there now."""
    if connection.exec_driver_sql("SELECT 1 FROM orphan_receipt LIMIT 1").first() is None:
        return
    rows = connection.exec_driver_sql(
        _sql(
            connection,
            f"""SELECT o.id, o.message_id, o.state, o.reason, o.error, o.done_at
                  FROM orphan_receipt o WHERE o.carrier = :carrier AND o.received_at >= :since
                   AND o.message_id IN (SELECT message_id FROM {source})""",  # noqa: S608
        ),
        {"carrier": carrier, "since": at - ORPHAN_LIFE // timedelta(microseconds=1), **given},
    ).all()
    if not rows:
        return
    connection.exec_driver_sql(
        _sql(connection, f"DELETE FROM orphan_receipt WHERE id IN {_in_list(connection)}"),  # noqa: S608
        {"ids": _list(connection, [row[0] for row in rows])},
    )
    words = _last_words([_Word(*row[1:]) for row in rows])
    _apply_receipts(connection, carrier, words, max(word.done_at for word in words.values()))


class _Word(NamedTuple):
    """What a carrier said of one message id."""

    message_id: str
    state: int
    reason: str | None
    error: str | None
    done_at: int


def _record_receipts(
    connection: Connection, receipts: Sequence[Receipt], now: datetime, touched: set[int]
) -> tuple[int, int, int]:
    """Returns (matched, orphaned, repeated)."""
    groups: dict[str, list[_Word]] = {}
    times: dict[datetime, int] = {}
    for carrier_name, message_id, state, reason, error, done_at in receipts:
        moment = times.get(done_at)
        if moment is None:
            moment = times[done_at] = to_us(done_at)
        groups.setdefault(carrier_name, []).append(_Word(message_id, state, reason, error, moment))
    changed = orphaned = 0
    for name, members in groups.items():
        carrier = carrier_id(connection, name)
        words = _last_words(members)
        found, moved = _apply_receipts(connection, carrier, words, to_us(now))
        changed += moved
        if moved:
            _note_staged(connection, "matched", touched)
        if found < len(words):
            orphaned += _keep_orphans(connection, carrier, words, to_us(now))
    return changed, orphaned, len(receipts) - changed - orphaned


def _keep_orphans(connection: Connection, carrier: int, words: Mapping[str, _Word], at: int) -> int:
    """Keep receipts that no segment is known for: the answer to their submit may be on its way."""
    missing = connection.exec_driver_sql(
        "SELECT message_id FROM staged_receipt WHERE message_id NOT IN (SELECT message_id FROM matched)"
    ).all()
    about = {"carrier": carrier, "received_at": at}
    rows = [
        {**words[message_id]._replace(error=(words[message_id].error or "")[:16])._asdict(), **about}
        for (message_id,) in missing
        if message_id in words
    ]
    if rows:
        connection.exec_driver_sql(
            _sql(
                connection,
                """INSERT INTO orphan_receipt (carrier, message_id, state, reason, error, done_at, received_at)
                   VALUES (:carrier, :message_id, :state, :reason, :error, :done_at, :received_at)""",
            ),
            rows,
        )
    return len(rows)


_WEIGHT = {
    int(SegmentState.SUBMITTED): 0,
    int(SegmentState.ENROUTE): 1,
    int(SegmentState.FAILED): 2,
    int(SegmentState.DELIVERED): 3,
}


def _last_words(words: Sequence[_Word]) -> dict[str, _Word]:
    """One word a message id: a final one over an intermediate one, a delivery over a failure."""
    best = {word.message_id: word for word in words}
    if len(best) < len(words):
        for word in words:
            if _WEIGHT[word.state] > _WEIGHT[best[word.message_id].state]:
                best[word.message_id] = word
    return best


def _apply_receipts(connection: Connection, carrier: int, words: Mapping[str, _Word], at: int) -> tuple[int, int]:
    """Settle the segments that these receipts are about, and the deliveries of which every part is settled.

    Leaves the receipts in ``staged_receipt`` and those that found their segment in ``matched``; returns how many found
    one, and how many of those said something new.
    """
    # State and time travel as one number: one value a row is what the way into the database costs.
    _stage_pairs(
        connection, "staged_receipt", {word.message_id: word.done_at << 2 | word.state for word in words.values()}
    )
    _empty(connection, "matched")
    # A message id that a carrier used twice over the years: the newest delivery is meant.
    newest = (
        "SELECT max(s.delivery), s.part, s.parts, r.word & 3, r.word >> 2, r.message_id"
        "  FROM staged_receipt r CROSS JOIN segment s"
        " WHERE s.message_id = r.message_id AND s.carrier = :carrier GROUP BY r.message_id"
        if _is_sqlite(connection)
        else "SELECT DISTINCT ON (r.message_id) s.delivery, s.part, s.parts, r.word & 3, r.word >> 2, r.message_id"
        "  FROM staged_receipt r JOIN segment s ON s.message_id = r.message_id AND s.carrier = :carrier"
        " ORDER BY r.message_id, s.delivery DESC"
    )
    found = connection.exec_driver_sql(_sql(connection, f"INSERT INTO matched {newest}"), {"carrier": carrier}).rowcount
    moved = connection.exec_driver_sql(
        f"""UPDATE segment SET state = m.state, settled_at = m.done_at FROM matched m
             WHERE segment.delivery = m.delivery AND segment.part = m.part AND segment.state <> m.state
               AND segment.state <> {_GOOD} AND (m.state >= {_GOOD} OR segment.state < m.state)"""  # noqa: S608
    ).rowcount
    states = {word.state for word in words.values()}
    if _GOOD in states:
        connection.exec_driver_sql(
            _sql(
                connection,
                f"""UPDATE delivery SET state = {int(_D.DELIVERED)}, reason = NULL, detail = NULL, retry_at = NULL,
                           changed_at = :at FROM matched m
                     WHERE delivery.id = m.delivery AND m.state = {_GOOD}
                       AND delivery.state IN ({_SETTLES_TO_DELIVERED})
                       AND (m.parts = 1 OR m.parts = (SELECT count(*) FROM segment s
                             WHERE s.delivery = m.delivery AND s.state = {_GOOD}))""",  # noqa: S608
            ),
            {"at": at},
        )
    if _BAD in states:
        _fail_deliveries(connection, [word for word in words.values() if word.state == _BAD], at)
    return found, moved


def _fail_deliveries(connection: Connection, words: Sequence[_Word], at: int) -> None:
    """One failed part fails the message; the carrier's reason and code go along."""
    groups: dict[tuple[str | None, str | None], list[str]] = {}
    for word in words:
        groups.setdefault((word.reason, word.error), []).append(word.message_id)
    for (reason, error), ids in groups.items():
        which = f"SELECT delivery FROM matched WHERE state = {_BAD} AND message_id IN {_in_texts(connection)}"  # noqa: S608
        values = {"ids": _list(connection, ids)}
        connection.exec_driver_sql(
            _sql(
                connection,
                f"""UPDATE segment SET error = :error
                     WHERE state = {_BAD} AND delivery IN ({which})""",  # noqa: S608
            ),
            {"error": (error or "")[:16] or None, **values},
        )
        connection.exec_driver_sql(
            _sql(
                connection,
                f"""UPDATE delivery SET state = {int(_D.FAILED)}, reason = :reason, retry_at = NULL, changed_at = :at
                     WHERE id IN ({which})
                       AND state IN ({int(_D.QUEUED)}, {int(_D.SUBMITTED)}, {int(_D.UNCERTAIN)})""",  # noqa: S608
            ),
            {"reason": reason, "at": at, **values},
        )


_GOOD = int(SegmentState.DELIVERED)
_BAD = int(SegmentState.FAILED)
_SETTLES_TO_DELIVERED = ", ".join(
    str(int(state)) for state in (_D.QUEUED, _D.RETRY, _D.SUBMITTED, _D.UNCERTAIN, _D.FAILED, _D.EXPIRED)
)


def _record_settled(connection: Connection, settled: Sequence[Settlement]) -> None:
    rows = [
        (
            one.delivery,
            int(one.state),
            one.reason.value if one.reason else None,
            one.detail[:200] or None,
            int(one.counts),
            to_us(one.retry_at) if one.retry_at else None,
            to_us(one.at),
        )
        for one in {one.delivery: one for one in settled}.values()
    ]
    _stage(connection, "staged_settlement", rows)
    # Only what is still open moves: a receipt, a stop or an earlier settlement may have been faster. And the same
    # settlement once: a batch is written again when the answer to its commit was lost.
    connection.exec_driver_sql(
        f"""UPDATE delivery SET state = g.state, reason = g.reason, detail = g.detail, retry_at = g.retry_at,
                   attempts = attempts + g.counts, changed_at = g.at FROM staged_settlement g
             WHERE delivery.id = g.delivery
               AND (delivery.state IN ({int(_D.QUEUED)}, {int(_D.RETRY)})
                    OR (delivery.state = {int(_D.UNCERTAIN)}
                        AND g.state IN ({int(_D.FAILED)}, {int(_D.RETRY)})))
               AND (delivery.state <> g.state OR delivery.changed_at <> g.at)"""  # noqa: S608
    )


# ---------------------------------------------------------------- recovery


def recover(
    connection: Connection, daemon: int, journal: Replay | None, now: datetime, *, same_node: bool = True
) -> Mapping[str, int]:
    """Settle what a dead daemon had claimed: nobody is lost, nobody is messaged or called twice.

    Calls that it had placed are left to the voice lane where it ran on this node, whose Asterisk can be asked; else
    they are uncertain. An end that its own node finds out later still settles them.

    Args:
        connection: in a transaction.
        daemon: the dead one.
        now: the time.
        journal: what it left on this node since the last boot, or ``None``: then all that it had claimed and not
            answered for may have left.
        same_node: whether it ran on this node.

    Returns:
        Counts: ``uncertain``, ``returned`` to the queue.
    """
    if journal is not None and journal.accepted:
        # On their way to the database; refusals need nothing, for those deliveries are still queued.
        record(
            connection, [Accepted(carrier, now, segments) for carrier, segments in journal.accepted.items()], now=now
        )
    claimed = _claimed_and_open(connection, daemon, Lane.SMS)
    at = now
    settlements = []
    partly = _partly_sent(connection, claimed)
    sent = {delivery_of(ref) for ref in journal.unanswered} if journal is not None else claimed
    for delivery in claimed:
        if delivery in sent:
            settlements.append(Settlement(delivery, _D.UNCERTAIN, Reason.DAEMON_STOPPED, at))
        elif delivery in partly:
            settlements.append(Settlement(delivery, _D.UNCERTAIN, Reason.PARTLY_SENT, at))
        else:
            settlements.append(Settlement(delivery, _D.RETRY, None, at, retry_at=now, counts=False))
    # A call is saved before it is dialled, so what was only claimed was not.
    for delivery in _claimed_and_open(connection, daemon, Lane.VOICE):
        settlements.append(Settlement(delivery, _D.RETRY, None, at, retry_at=now, counts=False))
    if settlements:
        _ensure_stages(connection)
        _record_settled(connection, settlements)
    if not same_node:
        _give_up_calls(connection, daemon, now)
    connection.exec_driver_sql(_sql(connection, "DELETE FROM claim WHERE daemon = :daemon"), {"daemon": daemon})
    connection.exec_driver_sql(
        _sql(connection, "UPDATE daemon SET stopped_at = :now WHERE id = :daemon"),
        {"daemon": daemon, "now": to_us(now)},
    )
    uncertain = sum(1 for one in settlements if one.state is _D.UNCERTAIN)
    return {"uncertain": uncertain, "returned": len(settlements) - uncertain}


def _give_up_calls(connection: Connection, daemon: int, now: datetime) -> None:
    connection.exec_driver_sql(
        _sql(
            connection,
            f"""UPDATE delivery SET state = {int(_D.UNCERTAIN)}, reason = :reason, changed_at = :now
                 WHERE state = {int(_D.DIALLING)}
                   AND id IN (SELECT delivery FROM call_attempt WHERE daemon = :daemon AND ended_at IS NULL)""",  # noqa: S608
        ),
        {"reason": Reason.DAEMON_STOPPED.value, "now": to_us(now), "daemon": daemon},
    )


def _claimed_and_open(connection: Connection, daemon: int, lane: Lane) -> set[int]:
    rows = connection.exec_driver_sql(
        _sql(connection, "SELECT first_id, last_id, ids FROM claim WHERE daemon = :daemon AND lane = :lane"),
        {"daemon": daemon, "lane": int(lane)},
    ).all()
    found: set[int] = set()
    for first, last, ids in rows:
        if ids is None:
            where, values = f"id BETWEEN :first AND :last AND state = {int(_D.QUEUED)}", {"first": first, "last": last}
        else:
            members = _decode(ids) if isinstance(ids, str) else ids
            where = f"id IN {_in_list(connection)} AND state = {int(_D.RETRY)} AND retry_at IS NULL"
            values = {"ids": _list(connection, members)}
        result = connection.exec_driver_sql(_sql(connection, f"SELECT id FROM delivery WHERE {where}"), values)  # noqa: S608
        found.update(row[0] for row in result)
    return found


def _partly_sent(connection: Connection, deliveries: Collection[int]) -> set[int]:
    rows = connection.exec_driver_sql(
        _sql(connection, f"SELECT DISTINCT delivery FROM segment WHERE delivery IN {_in_list(connection)}"),  # noqa: S608
        {"ids": _list(connection, deliveries)},
    )
    return {row[0] for row in rows}


# ---------------------------------------------------------------- watching


def progress(connection: Connection, actions: Collection[int]) -> Mapping[str, Mapping[str, Any]]:
    """Counts of the alert's deliveries per lane and state, by the action's id."""
    rows = connection.exec_driver_sql(
        _sql(
            connection,
            f"""SELECT a.id, d.lane, d.state, count(*) FROM delivery d JOIN action a ON a.number = d.action
                 WHERE d.action IN {_in_list(connection)} GROUP BY a.id, d.lane, d.state""",  # noqa: S608
        ),
        {"ids": _list(connection, actions)},
    )
    result: dict[str, dict[str, dict[str, int]]] = {}
    for action, lane, state, count in rows:
        result.setdefault(action, {}).setdefault(Lane(lane).word, {})[DeliveryState(state).word] = count
    return result


# ---------------------------------------------------------------- the two databases


def carrier_id(connection: Connection, name: str) -> int:
    """The number of a carrier; a new name gets one."""
    found = connection.exec_driver_sql(_sql(connection, "SELECT id FROM carrier WHERE name = :name"), {"name": name})
    row = found.first()
    if row is not None:
        return int(row[0])
    result = connection.exec_driver_sql(
        _sql(
            connection,
            "INSERT INTO carrier (id, name) SELECT coalesce(max(id), 0) + 1, :name FROM carrier RETURNING id",
        ),
        {"name": name},
    )
    return int(result.scalar_one())


def _ensure_stages(connection: Connection) -> None:
    """Make the temporary tables of this connection, where they are not there yet."""
    if _is_sqlite(connection):
        there = connection.exec_driver_sql("SELECT 1 FROM temp.sqlite_master WHERE name = 'matched'").first()
    else:
        there = connection.exec_driver_sql("SELECT 1 WHERE to_regclass('pg_temp.matched') IS NOT NULL").first()
    if there:
        return
    end = "" if _is_sqlite(connection) else " ON COMMIT DELETE ROWS"
    for table, columns in _STAGES.items():
        body = ", ".join(f"{name} {kind}" for name, kind in columns)
        connection.exec_driver_sql(f"CREATE TEMP TABLE {table} ({body}){end}")


def _stage(connection: Connection, table: str, rows: Sequence[Sequence[Any]]) -> None:
    """Fill a temporary table with one statement."""
    _empty(connection, table)
    if not _is_sqlite(connection):
        _copy(connection, table, rows)
        return
    picks = ", ".join(f"value->>{index}" for index in range(len(_STAGES[table])))
    connection.exec_driver_sql(
        f"INSERT INTO {table} SELECT {picks} FROM json_each(:rows)",  # noqa: S608
        {"rows": _encode(rows).decode()},
    )


def _stage_pairs(connection: Connection, table: str, pairs: Mapping[str, int]) -> None:
    """The same for a table of two columns; an object's names and values come out of JSON without a second parse."""
    _empty(connection, table)
    if not _is_sqlite(connection):
        _copy(connection, table, pairs.items())
        return
    connection.exec_driver_sql(
        f"INSERT INTO {table} SELECT key, value FROM json_each(:rows)",  # noqa: S608
        {"rows": _encode(pairs).decode()},
    )


def _copy(connection: Connection, table: str, rows: Iterable[Sequence[Any]]) -> None:
    """PostgreSQL's own way in."""
    if table == "staged_segment":
        _empty(connection, table)
    columns = ", ".join(name for name, _ in _STAGES[table])
    cursor = connection.connection.cursor()
    try:
        with cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
    finally:
        cursor.close()


def _empty(connection: Connection, table: str) -> None:
    connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608


def _is_sqlite(connection: Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _in_list(connection: Connection) -> str:
    return "(SELECT value FROM json_each(:ids))" if _is_sqlite(connection) else "(SELECT unnest(:ids::bigint[]))"


def _in_texts(connection: Connection) -> str:
    return "(SELECT value FROM json_each(:ids))" if _is_sqlite(connection) else "(SELECT unnest(:ids::text[]))"


def _list(connection: Connection, ids: Collection[Any]) -> Any:
    return _encode(list(ids)).decode() if _is_sqlite(connection) else list(ids)


def execute(connection: Connection, statement: str, values: Mapping[str, Any]) -> Sequence[Row[Any]]:
    """Run a statement with ``:name`` parameters and the driver's own lists (:func:`take_retries`)."""
    return connection.exec_driver_sql(_sql(connection, statement), dict(values)).all()


_TRANSLATED: dict[str, str] = {}
_PARAMETER = re.compile(r"(?<!:):([a-z_]+)\b")  # not the :: of a cast


def _sql(connection: Connection, statement: str) -> str:
    """The statement with its ``:name`` parameters as the driver wants them: SQLite takes them as they are."""
    if _is_sqlite(connection):
        return statement
    translated = _TRANSLATED.get(statement)
    if translated is None:
        translated = _TRANSLATED[statement] = _PARAMETER.sub(r"%(\1)s", statement)
    return translated
