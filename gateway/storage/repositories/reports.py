"""The report on an action: aggregates in SQL over its ranges of deliveries; no delivery becomes a Python row."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, select, text
from sqlalchemy.engine import Connection

from gateway.domain.action import Urgency
from gateway.domain.delivery import DeliveryState, Lane, Purpose
from gateway.domain.errors import NotFoundError
from gateway.domain.report import ReachPoint, Report, ResponseCounts, SmsCounts, VoiceCounts
from gateway.domain.response import ResponseKind
from gateway.storage.tables import action, action_version, dispatch, to_us

REACH_POINTS = 200
"""How many points a reach curve has at most. Even, and a multiple of 20: so half and 95 % fall between points."""

_S = DeliveryState
_REACHED = {Lane.SMS: (_S.DELIVERED,), Lane.VOICE: (_S.HEARD_FULL, _S.HEARD_PART, _S.VOICEMAIL)}
_NEVER = (_S.FAILED, _S.CANCELLED, _S.EXPIRED)


class _Range(NamedTuple):
    lane: Lane
    purpose: Purpose
    first_id: int
    last_id: int


class _Tally(NamedTuple):
    """Deliveries of one state and reason."""

    state: DeliveryState
    reason: str | None
    persons: int
    tried: int


def report(connection: Connection, action_id: str) -> Report:
    """The report without cost. Raises NotFoundError."""
    row = connection.execute(select(action).where(action.c.id == action_id)).first()
    if row is None:
        raise NotFoundError(f"there is no action {action_id}")
    ranges = _ranges(connection, row.number)
    alerts = [one for one in ranges if one.purpose is Purpose.ALERT]
    curve, first, half, most = _reach(connection, alerts, row.created_at)
    return Report(
        action=_about(row),
        versions=_versions(connection, row.number),
        sms=_sms(connection, [one for one in alerts if one.lane is Lane.SMS]),
        voice=_voice(connection, [one for one in alerts if one.lane is Lane.VOICE]),
        reach=curve,
        first_s=first,
        t50_s=half,
        t95_s=most,
        responses=_responses(connection, row.number),
        segments=_segments(connection, [one for one in ranges if one.lane is Lane.SMS]),
    )


def _about(row: Row[Any]) -> dict[str, object]:
    return {
        "id": row.id,
        "code": row.code,
        "kind": row.kind,
        "domain": row.domain,
        "urgency": Urgency(row.urgency).word,
        "state": row.state,
        "outcome": row.outcome,
        "control_room": row.control_room,
        "place": row.place,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "closed_at": row.closed_at,
        "planned": row.planned,
        "left_out": row.left_out,
    }


def _versions(connection: Connection, number: int) -> list[dict[str, object]]:
    query = select(action_version).where(action_version.c.action == number).order_by(action_version.c.version)
    return [
        {
            "version": row.version,
            "purpose": Purpose(row.purpose).name.lower(),
            "at": row.created_at,
            "by": row.created_by,
            "text": row.text,
        }
        for row in connection.execute(query)
    ]


def _ranges(connection: Connection, number: int) -> list[_Range]:
    query = select(dispatch.c.lane, dispatch.c.purpose, dispatch.c.first_id, dispatch.c.last_id)
    rows = connection.execute(query.where(dispatch.c.action == number).order_by(dispatch.c.first_id))
    return [_Range(Lane(lane), Purpose(purpose), first, last) for lane, purpose, first, last in rows]


# ---------------------------------------------------------------- counts


def _tally(connection: Connection, ranges: Sequence[_Range]) -> list[_Tally]:
    statement = text("""
        SELECT state, reason, count(*), sum(CASE WHEN attempts > 0 THEN 1 ELSE 0 END)
          FROM delivery WHERE id BETWEEN :first AND :last GROUP BY state, reason""")
    return [
        _Tally(_S(state), reason, persons, tried)
        for one in ranges
        for state, reason, persons, tried in connection.execute(statement, {"first": one.first_id, "last": one.last_id})
    ]


def _sms(connection: Connection, ranges: Sequence[_Range]) -> SmsCounts:
    tallies = _tally(connection, ranges)
    return SmsCounts(
        planned=_sum(tallies, *DeliveryState),
        submitted=_accepted(connection, ranges),
        delivered=_sum(tallies, _S.DELIVERED),
        failed=_failed(tallies),
        uncertain=_sum(tallies, _S.UNCERTAIN),
        pending=_sum(tallies, _S.QUEUED, _S.RETRY),
        awaiting_receipt=_sum(tallies, _S.SUBMITTED),
    )


def _voice(connection: Connection, ranges: Sequence[_Range]) -> VoiceCounts:
    tallies = _tally(connection, ranges)
    return VoiceCounts(
        planned=_sum(tallies, *DeliveryState),
        dialled=sum(one.persons if one.state is _S.DIALLING else one.tried for one in tallies),
        answered=_sum(tallies, *_REACHED[Lane.VOICE]),
        heard_full=_sum(tallies, _S.HEARD_FULL),
        heard_part=_sum(tallies, _S.HEARD_PART),
        voicemail=_sum(tallies, _S.VOICEMAIL),
        failed=_failed(tallies),
        uncertain=_sum(tallies, _S.UNCERTAIN),
        pending=_sum(tallies, _S.QUEUED, _S.RETRY, _S.DIALLING),
    )


def _sum(tallies: Sequence[_Tally], *states: DeliveryState) -> int:
    return sum(one.persons for one in tallies if one.state in states)


def _failed(tallies: Sequence[_Tally]) -> dict[str, int]:
    """Those who will not get it, by reason, most first; what was cancelled or expired before it left among them."""
    failed: dict[str, int] = {}
    for one in tallies:
        if one.state in _NEVER:
            reason = one.reason or one.state.word
            failed[reason] = failed.get(reason, 0) + one.persons
    return dict(sorted(failed.items(), key=lambda item: (-item[1], item[0])))


def _accepted(connection: Connection, ranges: Sequence[_Range]) -> int:
    """Deliveries of which a carrier accepted every part, whatever followed."""
    statement = text("""
        SELECT count(*) FROM (SELECT delivery FROM segment WHERE delivery BETWEEN :first AND :last
                               GROUP BY delivery HAVING count(*) >= max(parts)) AS whole""")
    return sum(
        int(connection.execute(statement, {"first": one.first_id, "last": one.last_id}).scalar_one()) for one in ranges
    )


def _segments(connection: Connection, ranges: Sequence[_Range]) -> dict[int, int]:
    """Segments that carriers accepted, by calling code; 0 where the number was forgotten since."""
    statement = text("""
        SELECT coalesce(n.country, 0), count(*)
          FROM segment AS s JOIN delivery AS d ON d.id = s.delivery LEFT JOIN number AS n ON n.id = d.number_id
         WHERE s.delivery BETWEEN :first AND :last GROUP BY coalesce(n.country, 0)""")
    segments: dict[int, int] = {}
    for one in ranges:
        for country, count in connection.execute(statement, {"first": one.first_id, "last": one.last_id}):
            segments[country] = segments.get(country, 0) + count
    return segments


def _responses(connection: Connection, number: int) -> ResponseCounts:
    statement = text("""
        SELECT kind, count(*), sum(CASE WHEN spoke_to_operator THEN 1 ELSE 0 END),
               sum(CASE WHEN useful THEN 1 ELSE 0 END), sum(CASE WHEN led_to_success THEN 1 ELSE 0 END)
          FROM response WHERE action = :action GROUP BY kind""")
    rows = connection.execute(statement, {"action": number}).all()
    kinds = {ResponseKind(kind): count for kind, count, *_ in rows}
    return ResponseCounts(
        total=sum(kinds.values()),
        call=kinds.get(ResponseKind.CALL, 0),
        sms=kinds.get(ResponseKind.SMS, 0),
        keypress=kinds.get(ResponseKind.KEYPRESS, 0),
        spoke_to_operator=sum(row[2] for row in rows),
        useful=sum(row[3] for row in rows),
        led_to_success=sum(row[4] for row in rows),
    )


# ---------------------------------------------------------------- reach

_Reach = tuple[list[ReachPoint], float | None, float | None, float | None]


def _reach(connection: Connection, ranges: Sequence[_Range], start: datetime) -> _Reach:
    """The curve, and when the first, half and 95 % of those reached so far were reached, in seconds from the start.

    Those reached are cut, in the order of time, into as many equal slices as the curve has points; each slice ends in
    a point. So the curve is finest where most happens, however long its tail.
    """
    queries: list[str] = []
    values: dict[str, int] = {}
    for index, one in enumerate(ranges):
        values |= {f"first{index}": one.first_id, f"last{index}": one.last_id}
        queries.append(
            f"SELECT lane, changed_at FROM delivery WHERE id BETWEEN :first{index} AND :last{index}"  # noqa: S608
            f" AND state IN ({', '.join(str(int(state)) for state in _REACHED[one.lane])})"
        )
    if not queries:
        return [], None, None, None
    statement = f"""
        SELECT n * {REACH_POINTS} / total AS slice, min(changed_at), max(changed_at),
               sum(CASE WHEN lane = {int(Lane.SMS)} THEN 1 ELSE 0 END),
               sum(CASE WHEN lane = {int(Lane.VOICE)} THEN 1 ELSE 0 END)
          FROM (SELECT lane, changed_at, row_number() OVER (ORDER BY changed_at) - 1 AS n, count(*) OVER () AS total
                  FROM ({" UNION ALL ".join(queries)}) AS reached) AS numbered
         GROUP BY slice ORDER BY slice"""  # noqa: S608 - constants of ours
    slices = connection.execute(text(statement), values).all()
    if not slices:
        return [], None, None, None
    zero = to_us(start)

    def seconds(at: int) -> float:
        # A carrier's clock may be behind ours, and often tells minutes only.
        return max(round((at - zero) / 1e6, 3), 0.0)

    def until(share: float) -> float:
        return seconds(max(row[2] for row in slices if row[0] < share * REACH_POINTS))

    points: dict[float, ReachPoint] = {}
    sms = voice = 0
    for _, _, last, by_sms, by_voice in slices:
        sms, voice = sms + by_sms, voice + by_voice
        points[seconds(last)] = ReachPoint(seconds(last), sms, voice)
    return list(points.values()), seconds(slices[0][1]), until(0.5), until(0.95)
