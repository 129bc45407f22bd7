"""Selection and planning: who is asked, on which lane, who is left out and why. Sets in SQL, in one transaction.

The story::

    area -> places inside -> persons -> a number for each lane, or the reason why not (temporary table ``chosen``)
         -> counts (a preview ends here) -> deliveries in one block of ids, nearest first, and a dispatch for each lane

This is a place where speed lives; ``benchmarks/targeting.py`` measures it. Places come from one stretch of a covering
index for each row of grid cells; the border of a circle is a sum of squares; persons and numbers are looked up by their
ids, in an order that is written into the statement, so that no statistics of a database can change the plan.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from sqlalchemy import BigInteger, Column, Float, MetaData, SmallInteger, String, Table, func, insert, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.schema import CreateTable, DropTable

from gateway.domain.action import ActionRequest, Urgency
from gateway.domain.delivery import DeliveryState, Lane, Purpose
from gateway.domain.errors import InvalidRequestError
from gateway.domain.plan import PlanCounts
from gateway.domain.selection import (
    EARTH_RADIUS_M,
    Area,
    Circle,
    LeftOut,
    Municipality,
    Polygon,
    Shape,
    squared_chord,
    unit_vector,
)
from gateway.storage.bulk import insert_rows
from gateway.storage.geography import Box, cell_ranges
from gateway.storage.tables import dispatch, place, to_us

LOCAL_TIME = ZoneInfo("Europe/Amsterdam")
"""The clock of quiet hours."""

BORDER_DEG = 1e-9
"""A tenth of a millimetre: a place so near to a polygon's border lies on it, whatever rounding says."""

_temporary = MetaData()
# The persons in the area: a reason (0, or the place in REASONS, from 1), or a number for at least one lane.
_chosen = Table(
    "chosen",
    _temporary,
    Column("person_id", BigInteger, nullable=False),
    Column("near", Float(53), nullable=False),
    Column("language", String(2), nullable=False),
    Column("country", SmallInteger),  # calling code of the mobile
    Column("reason", SmallInteger, nullable=False),
    Column("sms", BigInteger),  # number.id
    Column("voice", BigInteger),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)
# Places inside polygons, which Python has looked at.
_inside = Table(
    "inside",
    _temporary,
    Column("person_id", BigInteger, nullable=False),
    Column("near", Float(53), nullable=False),
    Column("quiet", SmallInteger, nullable=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)

REASONS = (LeftOut.LEFT, LeftOut.PAUSED, LeftOut.QUIET_HOURS, LeftOut.NO_LANE, LeftOut.DUPLICATE_NUMBER)
"""In the order in which they are looked at."""


@contextmanager
def selected(connection: Connection, request: ActionRequest, now: datetime) -> Iterator[PlanCounts]:
    """Select whom a request reaches; :func:`plan` works while the context lasts.

    Raises:
        InvalidRequestError: a municipality is unknown, nobody lives in the area, or all who do are left out.
    """
    for table in (_chosen, _inside):
        connection.execute(CreateTable(table))
    _choose(connection, request, now)
    _drop_duplicates(connection)
    counts = _count(connection)
    yield counts
    # After an exception the transaction is rolled back, and the temporary tables with it.
    for table in (_chosen, _inside):
        connection.execute(DropTable(table))


# ---------------------------------------------------------------- persons

_CHOOSE = """
INSERT INTO chosen (person_id, near, language, country, reason, sms, voice)
SELECT person_id, near, language, country, reason,
       CASE WHEN reason = 0 THEN sms END, CASE WHEN reason = 0 THEN voice END
  FROM (SELECT wanted.*,
               CASE WHEN left_at IS NOT NULL THEN 1
                    WHEN paused_until > :now THEN 2
                    WHEN quiet = 1 THEN 3
                    WHEN sms IS NULL AND voice IS NULL THEN 4
                    ELSE 0 END AS reason
          FROM (SELECT i.person_id, i.near, i.quiet, p.language, p.left_at, p.paused_until, p.mobile_country AS country,
                       -- lanes 0: sms where there is a mobile, else voice; a country: the number's class is allowed
                       CASE WHEN :sms AND (p.lanes = 0 OR p.lanes & 1 <> 0) AND p.mobile_country IS NOT NULL
                            THEN p.mobile_id END AS sms,
                       CASE WHEN :voice AND (p.lanes & 2 <> 0 OR p.lanes = 0 AND p.mobile_country IS NULL)
                             AND p.landline_country IS NOT NULL THEN p.landline_id END AS voice
                  FROM (SELECT person_id, min(near) AS near, min(quiet) AS quiet
                          FROM ({places}) AS places GROUP BY person_id) AS i {person}) AS wanted) AS judged"""


def _choose(connection: Connection, request: ActionRequest, now: datetime) -> None:
    """Fill ``chosen``: everybody in the area, once. Of several places the nearest counts, and the least quiet."""
    places, values = _places(connection, request.area, request.urgency, now)
    statement = _CHOOSE.format(
        places=places,
        person=_look_up(connection, "person", "p", "p.id = i.person_id"),
    )
    values |= {"now": to_us(now), "sms": Lane.SMS in request.lanes, "voice": Lane.VOICE in request.lanes}
    connection.execute(text(statement), values)


def _look_up(connection: Connection, table: str, alias: str, condition: str) -> str:
    """A join that goes row by row through an index, in the order of the statement, whatever the planner thinks."""
    if connection.dialect.name == "sqlite":
        return f"CROSS JOIN {table} AS {alias} ON {condition}"
    # OFFSET 0 keeps the planner from turning it into a join that reads the whole table.
    return f"CROSS JOIN LATERAL (SELECT * FROM {table} AS {alias} WHERE {condition} OFFSET 0) AS {alias}"  # noqa: S608


_DROP_DUPLICATES = """
WITH shared AS (SELECT {lane} AS number_id, min(person_id) AS keeper FROM chosen
                 WHERE {lane} IS NOT NULL GROUP BY {lane} HAVING count(*) > 1)
UPDATE chosen SET {lane} = NULL
 WHERE {lane} IN (SELECT number_id FROM shared) AND person_id NOT IN (SELECT keeper FROM shared)"""


def _drop_duplicates(connection: Connection) -> None:
    """One delivery a lane and number: the person with the lowest id keeps it."""
    dropped = 0
    for lane in Lane:
        dropped += connection.execute(text(_DROP_DUPLICATES.format(lane=lane.word))).rowcount
    if dropped:
        connection.execute(text("UPDATE chosen SET reason = 5 WHERE reason = 0 AND sms IS NULL AND voice IS NULL"))


def _count(connection: Connection) -> PlanCounts:
    """The counts; raises InvalidRequestError where nobody is left to be asked."""
    by_sms: dict[tuple[int, str], int] = {}
    by_voice: dict[str, int] = {}
    left_out: dict[LeftOut, int] = {}
    rows = connection.execute(
        text(
            "SELECT reason, country, language, count(sms), count(voice), count(*)"
            " FROM chosen GROUP BY reason, country, language"
        )
    )
    for reason, country, language, sms, voice, persons in rows:
        if reason:
            left_out[REASONS[reason - 1]] = left_out.get(REASONS[reason - 1], 0) + persons
        if sms:
            by_sms[country, language] = by_sms.get((country, language), 0) + sms
        if voice:
            by_voice[language] = by_voice.get(language, 0) + voice
    counts = PlanCounts(
        sms=sum(by_sms.values()),
        voice=sum(by_voice.values()),
        left_out={reason: left_out[reason] for reason in REASONS if reason in left_out},
        sms_by_country_language=by_sms,
        voice_by_language=by_voice,
    )
    if counts.total == 0:
        why = ", ".join(f"{count} {reason.value}" for reason, count in counts.left_out.items())
        message = f"nobody in it can be reached ({why})" if why else "no participants live in it"
        raise InvalidRequestError.at("area", message)
    return counts


# ---------------------------------------------------------------- places


def _places(connection: Connection, area: Area, urgency: Urgency, now: datetime) -> tuple[str, dict[str, Any]]:
    """The places inside, as a query of (person_id, near, quiet), and its values; a place may come more than once.

    ``near`` is the squared chord to the centre of the shape, on the unit sphere.
    """
    local = now.astimezone(LOCAL_TIME)
    values: dict[str, Any] = {"minute": local.hour * 60 + local.minute}
    quiet = quiet_now(urgency)
    queries = []
    for index, shape in enumerate(area):
        path = "area" if len(area) == 1 else f"area[{index}]"
        x, y, z = _centre(connection, shape, path)
        values |= {f"x{index}": x, f"y{index}": y, f"z{index}": z}
        near = " + ".join(f"(p.{axis} - :{axis}{index}) * (p.{axis} - :{axis}{index})" for axis in "xyz")
        columns = f"SELECT p.person_id, {near} AS near, {quiet} AS quiet"
        match shape:
            case Circle():
                values[f"reach{index}"] = squared_chord(shape.radius_m)
                queries.append(
                    f"{columns} FROM {_in_box(connection, _box_around(shape))} WHERE {near} <= :reach{index}"
                )
            case Municipality():
                values[f"key{index}"] = shape.key
                queries.append(f"{columns} FROM place AS p WHERE p.municipality_key = :key{index}")
            case Polygon():
                _stage_polygon(connection, shape, quiet, values["minute"])
    if any(isinstance(shape, Polygon) for shape in area):
        queries.append("SELECT person_id, near, quiet FROM inside")
    return " UNION ALL ".join(queries), values


def quiet_now(urgency: Urgency) -> str:
    """Whether a place is in its quiet hours at ``:minute``, as SQL: 1 or 0. From and to the same minute: never."""
    strict = "AND p.quiet_strict" if urgency is Urgency.LIFE_SAFETY else ""
    return f"""CASE WHEN p.quiet_from IS NOT NULL {strict}
                     AND CASE WHEN p.quiet_from <= p.quiet_to THEN :minute >= p.quiet_from AND :minute < p.quiet_to
                              ELSE :minute >= p.quiet_from OR :minute < p.quiet_to END THEN 1 ELSE 0 END"""


def _in_box(connection: Connection, box: Box) -> str:
    """The places whose cells a box touches, as ``p``."""
    ranges = ", ".join(f"({first}, {last})" for first, last in cell_ranges(box))
    return f"(VALUES {ranges}) AS r " + _look_up(connection, "place", "p", "p.cell BETWEEN r.column1 AND r.column2")


def _box_around(circle: Circle) -> Box:
    """A box that holds a circle, some centimetres wider. Around a pole it goes round the earth."""
    reach = math.degrees(circle.radius_m / EARTH_RADIUS_M) + 1e-6
    south, north = circle.lat - reach, circle.lat + reach
    if south <= -90.0 or north >= 90.0:
        return Box(max(south, -90.0), -180.0, min(north, 90.0), 180.0)
    # The widest parallel is not the centre's: the tangent meridian lies asin(sin r / cos lat) away.
    wide = math.degrees(math.asin(math.sin(math.radians(reach)) / math.cos(math.radians(circle.lat)))) + 1e-6
    return Box(south, circle.lon - wide, north, circle.lon + wide)


def _centre(connection: Connection, shape: Shape, path: str) -> tuple[float, float, float]:
    """From where ``near`` is measured, on or in the unit sphere."""
    match shape:
        case Circle():
            return unit_vector(shape.lat, shape.lon)
        case Polygon():
            centroid = shapely.Polygon(shape.rings[0]).centroid
            return unit_vector(centroid.y, centroid.x)
        case Municipality():
            query = select(func.avg(place.c.x), func.avg(place.c.y), func.avg(place.c.z))
            x, y, z = connection.execute(query.where(place.c.municipality_key == shape.key)).one()
            if x is None:
                raise InvalidRequestError.at(f"{path}.municipality", _unknown(connection, shape))
            return x, y, z


def _unknown(connection: Connection, municipality: Municipality) -> str:
    """Says so, and what may have been meant."""
    # One step a name through the index, where DISTINCT would read 1.6 million rows.
    names = connection.execute(
        text("""
            WITH RECURSIVE known(name) AS (
                SELECT min(municipality_key) FROM place
                UNION ALL
                SELECT (SELECT min(municipality_key) FROM place WHERE municipality_key > known.name)
                  FROM known WHERE known.name IS NOT NULL)
            SELECT name, (SELECT municipality FROM place WHERE municipality_key = name LIMIT 1)
              FROM known WHERE name <> ''""")
    ).all()
    shown: dict[str, str] = dict(names)
    near = difflib.get_close_matches(municipality.key, shown, n=3)
    meant = f"; did you mean {' or '.join(shown[key] for key in near)}?" if near else ""
    return f"no participant lives in a municipality {municipality.name.strip()!r}{meant}"


def _stage_polygon(connection: Connection, polygon: Polygon, quiet: str, minute: int) -> None:
    """Put the places inside into ``inside``: the cells of the polygon's box in SQL, its border in numpy."""
    shape = shapely.Polygon(polygon.rings[0], polygon.rings[1:])
    west, south, east, north = shape.bounds
    box = Box(south - 1e-6, west - 1e-6, north + 1e-6, east + 1e-6)
    query = f"SELECT p.person_id, p.x, p.y, p.z, {quiet} AS quiet FROM {_in_box(connection, box)}"  # noqa: S608
    rows = connection.execute(text(query), {"minute": minute}).cursor.fetchall()
    if not rows:
        return
    person_id, x, y, z, is_quiet = np.array(rows, dtype=np.float64).T  # ids are below 2**53
    lon, lat = np.degrees(np.arctan2(y, x)), np.degrees(np.arcsin(np.clip(z, -1.0, 1.0)))
    wide = shape.buffer(BORDER_DEG, join_style="mitre")
    shapely.prepare(wide)
    inside = shapely.contains_xy(wide, lon, lat)
    centre = np.array(unit_vector(shape.centroid.y, shape.centroid.x))
    near = ((np.stack((x, y, z), axis=1) - centre) ** 2).sum(axis=1)
    columns = (person_id[inside].astype(np.int64), near[inside], is_quiet[inside].astype(np.int64))
    found = zip(*(column.tolist() for column in columns), strict=True)
    insert_rows(connection, _inside, ("person_id", "near", "quiet"), found)


# ---------------------------------------------------------------- deliveries

_PLAN = f"""
INSERT INTO delivery (id, action, person_id, number_id, language, lane, purpose, version, state, attempts)
SELECT :before + row_number() OVER (ORDER BY near, person_id), :action, person_id, {{lane}}, language,
       :lane, {int(Purpose.ALERT)}, 1, {int(DeliveryState.QUEUED)}, 0
  FROM chosen WHERE {{lane}} IS NOT NULL"""  # noqa: S608 - constants of ours


def plan(connection: Connection, action: int, urgency: Urgency, counts: PlanCounts, now: datetime) -> None:
    """Store a delivery for everybody who is :func:`selected`: a block of ids and a dispatch for each lane."""
    first = take_block(connection, counts.total)
    for lane, count in ((Lane.SMS, counts.sms), (Lane.VOICE, counts.voice)):
        if count:
            values = {"before": first - 1, "action": action, "lane": int(lane)}
            connection.execute(text(_PLAN.format(lane=lane.word)), values)
            add_dispatch(connection, action, lane, Purpose.ALERT, urgency, (first, first + count - 1), now)
            first += count


def take_block(connection: Connection, count: int) -> int:
    """The first of ``count`` consecutive delivery ids that are the caller's. Others wait until its transaction ends."""
    statement = text("""
        INSERT INTO delivery_block (id, next_delivery) VALUES (1, 1 + :count)
            ON CONFLICT (id) DO UPDATE SET next_delivery = delivery_block.next_delivery + :count
        RETURNING next_delivery""")
    return int(connection.execute(statement, {"count": count}).scalar_one()) - count


def add_dispatch(
    connection: Connection,
    action: int,
    lane: Lane,
    purpose: Purpose,
    urgency: Urgency,
    ids: tuple[int, int],
    now: datetime,
) -> None:
    """Let the lanes claim the deliveries with these ids, first and last included."""
    connection.execute(
        insert(dispatch).values(
            action=action,
            lane=int(lane),
            purpose=int(purpose),
            urgency=int(urgency),
            first_id=ids[0],
            last_id=ids[1],
            next_id=ids[0],
            waiting=True,
            created_at=now,
        )
    )
