"""The selection in SQL against a plain one in Python, on random people and areas; on both databases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import shapely
from fakes.registry import add_action, add_person
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.domain.action import ActionRequest, Kind, Urgency, Wording
from gateway.domain.delivery import Lane
from gateway.domain.errors import InvalidRequestError
from gateway.domain.selection import EARTH_RADIUS_M, Circle, LeftOut, Municipality, Polygon, Shape, check_area
from gateway.storage.database import Database
from gateway.storage.repositories.selection import plan, selected
from gateway.storage.tables import delivery, person

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TOWNS = ("Weesp", "Diemen", "Muiden")
NOW = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)


@dataclass(frozen=True)
class Home:
    lat: float
    lon: float
    town: str
    quiet: tuple[int, int] | None
    strict: bool


@dataclass(frozen=True)
class Somebody:
    homes: tuple[Home, ...]
    mobile: int | None
    landline: int | None
    lanes: int
    left: bool
    paused: bool


# Some ten kilometres around Weesp, on a lattice so that people live on borders and share addresses.
LATS = st.integers(0, 400).map(lambda n: 52.2 + n * 0.00025)
LONS = st.integers(0, 400).map(lambda n: 4.9 + n * 0.0005)
MINUTES = st.integers(0, 1439)
HOMES = st.builds(
    Home,
    lat=LATS,
    lon=LONS,
    town=st.sampled_from(TOWNS),
    quiet=st.none() | st.tuples(MINUTES, MINUTES),
    strict=st.booleans(),
)
PEOPLE = st.lists(
    st.builds(
        Somebody,
        homes=st.lists(HOMES, min_size=1, max_size=3).map(tuple),
        mobile=st.none() | st.integers(0, 9),
        landline=st.none() | st.integers(0, 9),
        lanes=st.integers(0, 3),
        left=st.sampled_from([False] * 9 + [True]),
        paused=st.sampled_from([False] * 9 + [True]),
    ),
    max_size=40,
)


def ring(points: list[tuple[float, float]]) -> Polygon:
    return Polygon(((*points, points[0]),))


SHAPES = st.one_of(
    st.builds(Circle, lat=LATS, lon=LONS, radius_m=st.floats(100.0, 6000.0)),
    st.lists(st.tuples(LONS, LATS), min_size=3, max_size=6, unique=True).map(ring),
    st.sampled_from(TOWNS).map(Municipality),
)
AREAS = st.lists(SHAPES, min_size=1, max_size=4).map(tuple).filter(lambda a: not check_area(a, max_radius_m=1e6))


# ---------------------------------------------------------------- the plain way


def distance_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    a = math.sin((phi2 - phi1) / 2) ** 2
    a += math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(math.sqrt(a))


def is_inside(home: Home, shape: Shape) -> bool:
    match shape:
        case Circle():
            return distance_m(home.lat, home.lon, shape.lat, shape.lon) <= shape.radius_m
        case Polygon():
            # A point of a slanting edge is hardly ever exactly on it in binary.
            return shapely.Polygon(shape.rings[0]).distance(shapely.Point(home.lon, home.lat)) < 1e-12
        case Municipality():
            return home.town.lower() == shape.name.lower()


def is_quiet(home: Home, urgency: Urgency, now: datetime) -> bool:
    if home.quiet is None or (urgency is Urgency.LIFE_SAFETY and not home.strict):
        return False
    local = now.astimezone(AMSTERDAM)
    begin, end = home.quiet
    length, passed = (end - begin) % 1440, (local.hour * 60 + local.minute - begin) % 1440
    return passed < length


def plainly(
    people: list[Somebody], request: ActionRequest, now: datetime
) -> tuple[set[tuple[int, str]], dict[LeftOut, int]]:
    """((person, lane) of every delivery, persons by reason)."""
    deliveries: set[tuple[int, str]] = set()
    reasons: list[LeftOut] = []
    taken: set[tuple[str, int]] = set()
    for index, one in enumerate(people):
        inside = [home for home in one.homes if any(is_inside(home, shape) for shape in request.area)]
        if not inside:
            continue
        wants = {0: ["sms" if one.mobile is not None else "voice"], 1: ["sms"], 2: ["voice"], 3: ["sms", "voice"]}
        numbers = {"sms": one.mobile, "voice": one.landline}
        uses = [lane.word for lane in request.lanes]
        lanes = [lane for lane in wants[one.lanes] if lane in uses and numbers[lane] is not None]
        free = [lane for lane in lanes if (lane, numbers[lane]) not in taken]
        if one.left:
            reasons.append(LeftOut.LEFT)
        elif one.paused:
            reasons.append(LeftOut.PAUSED)
        elif all(is_quiet(home, request.urgency, now) for home in inside):
            reasons.append(LeftOut.QUIET_HOURS)
        elif not lanes:
            reasons.append(LeftOut.NO_LANE)
        elif not free:
            reasons.append(LeftOut.DUPLICATE_NUMBER)
        else:
            deliveries |= {(index, lane) for lane in free}
            taken |= {(lane, numbers[lane] or 0) for lane in free}
    return deliveries, {reason: reasons.count(reason) for reason in set(reasons)}


# ---------------------------------------------------------------- both


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    people=PEOPLE,
    area=AREAS,
    urgency=st.sampled_from(Urgency),
    lanes=st.sets(st.sampled_from(Lane), min_size=1).map(frozenset),
    after=st.integers(0, 60 * 24 * 365),
)
def test_sql_selects_whom_python_would(
    database: Database,
    people: list[Somebody],
    area: tuple[Shape, ...],
    urgency: Urgency,
    lanes: frozenset[Lane],
    after: int,
) -> None:
    now = NOW + timedelta(minutes=after)
    text = {"nl": Wording("Kijkt u uit?")}
    request = ActionRequest(Kind.INFORMATION, area, text, urgency, lanes, timedelta(minutes=30))
    deliveries, left_out = plainly(people, request, now)
    with database.engine.execution_options(writes=True).connect() as connection, connection.begin() as transaction:
        add_action(connection, 1)
        # One stranger a town, far away, so that every town is known.
        for town in TOWNS:
            add_person(connection, town, places=[{"lat": 0.0, "lon": 0.0, "municipality": town}], left_at=NOW)
        strangers = {shape.name for shape in area if isinstance(shape, Municipality)}
        if strangers:
            left_out = left_out | {LeftOut.LEFT: left_out.get(LeftOut.LEFT, 0) + len(strangers)}
        for index, one in enumerate(people):
            add_person(
                connection,
                f"{index}",
                places=[
                    {
                        "lat": home.lat,
                        "lon": home.lon,
                        "municipality": home.town,
                        "quiet_from": home.quiet and home.quiet[0],
                        "quiet_to": home.quiet and home.quiet[1],
                        "quiet_strict": home.strict,
                    }
                    for home in one.homes
                ],
                mobile=None if one.mobile is None else f"+3161234567{one.mobile}",
                landline=None if one.landline is None else f"+3129441234{one.landline}",
                lanes=one.lanes,
                left_at=NOW if one.left else None,
                paused_until=now + timedelta(seconds=1) if one.paused else None,
            )
        try:
            with selected(connection, request, now) as counts:
                plan(connection, 1, urgency, counts, now)
        except InvalidRequestError:
            assert deliveries == set()
        else:
            rows = connection.execute(
                select(person.c.ref, delivery.c.lane).join(delivery, delivery.c.person_id == person.c.id)
            ).all()
            assert {(int(ref), Lane(lane).word) for ref, lane in rows} == deliveries
            assert len(rows) == len(deliveries)
            assert (counts.sms, counts.voice) == tuple(
                sum(lane == word for _, lane in deliveries) for word in ("sms", "voice")
            )
            assert dict(counts.left_out) == left_out
        transaction.rollback()
