"""Who is selected, who is left out and why, and what is stored for them; on both databases."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fakes.registry import STATION, add_action, add_person, add_place
from sqlalchemy import select
from sqlalchemy.engine import Connection

from gateway.domain.action import ActionRequest, Kind, Urgency, Wording
from gateway.domain.delivery import DeliveryState, Lane, Purpose
from gateway.domain.errors import InvalidRequestError
from gateway.domain.numbers import NumberKind
from gateway.domain.plan import PlanCounts
from gateway.domain.selection import EARTH_RADIUS_M, Area, Circle, LeftOut, Municipality, Polygon, Shape
from gateway.storage.database import Database
from gateway.storage.repositories.selection import plan, selected
from gateway.storage.tables import delivery, dispatch, person

NOON = datetime(2016, 5, 4, 10, 30, tzinfo=UTC)  # half past twelve in Amsterdam
AROUND = Circle(*STATION, 1500.0)
M = math.degrees(1 / EARTH_RADIUS_M)  # a metre northwards, in degrees


@pytest.fixture
def connection(database: Database) -> Iterator[Connection]:
    with database.engine.execution_options(writes=True).begin() as connection:
        for number in (1, 2):
            add_action(connection, number)
        yield connection


def request(*area: Shape, urgency: Urgency = Urgency.IMMEDIATE, lanes: Area | Any = frozenset(Lane)) -> ActionRequest:
    return ActionRequest(
        kind=Kind.MISSING_PERSON,
        area=area or (AROUND,),
        text={"nl": Wording("Vermist: jongen van vijf jaar.")},
        urgency=urgency,
        lanes=lanes,
        expires_in=timedelta(minutes=30),
    )


def count(connection: Connection, wanted: ActionRequest | None = None, now: datetime = NOON) -> PlanCounts:
    with selected(connection, wanted or request(), now) as counts:
        return counts


def planned(connection: Connection, wanted: ActionRequest | None = None, now: datetime = NOON) -> list[tuple[str, str]]:
    """(ref, lane) in the order of the delivery ids."""
    wanted = wanted or request()
    with selected(connection, wanted, now) as counts:
        plan(connection, 1, wanted.urgency, counts, now)
    rows = connection.execute(
        select(person.c.ref, delivery.c.lane)
        .join(delivery, delivery.c.person_id == person.c.id)
        .order_by(delivery.c.id)
    )
    return [(ref, Lane(lane).word) for ref, lane in rows]


def left_out(connection: Connection, wanted: ActionRequest | None = None, now: datetime = NOON) -> dict[str, int]:
    """Reasons and counts; somebody who is always reached keeps the plan from being empty."""
    add_person(connection, "always", mobile="+31600000000")
    return {reason.value: persons for reason, persons in count(connection, wanted, now).left_out.items()}


# ---------------------------------------------------------------- where


def test_the_border_of_a_circle_is_inside_and_a_decimetre_beyond_is_not(connection: Connection) -> None:
    lat, lon = STATION
    add_person(connection, "on", mobile="+31612345601", places=[(lat + 1500.0 * M, lon)])
    add_person(connection, "beyond", mobile="+31612345602", places=[(lat + 1500.1 * M, lon)])
    assert planned(connection) == [("on", "sms")]


@pytest.mark.parametrize(
    ("circle", "inside", "outside"),
    [
        (Circle(0.0, 179.99, 5000.0), (0.0, -179.98), (0.0, -179.96)),  # over the 180th meridian
        (Circle(89.99, 0.0, 5000.0), (89.98, 180.0), (89.96, 180.0)),  # over the pole
        (Circle(-89.99, 10.0, 5000.0), (-89.98, -170.0), (-89.96, -170.0)),
        (Circle(70.0, 20.0, 100_000.0), (70.0, 22.6), (70.0, 22.7)),  # where meridians are close together
        (Circle(52.0, 5.0, 100_000.0), (52.0 + 99_999 * M, 5.0), (52.0 + 100_001 * M, 5.0)),
    ],
)
def test_circles_hold_everywhere_on_earth(
    connection: Connection, circle: Circle, inside: tuple[float, float], outside: tuple[float, float]
) -> None:
    add_person(connection, "inside", mobile="+31612345601", places=[inside])
    add_person(connection, "outside", mobile="+31612345602", places=[outside])
    assert planned(connection, request(circle)) == [("inside", "sms")]


def test_a_polygon_has_its_border_and_not_its_hole(connection: Connection) -> None:
    square = ((5.0, 52.0), (5.1, 52.0), (5.1, 52.1), (5.0, 52.1), (5.0, 52.0))
    hole = ((5.04, 52.04), (5.06, 52.04), (5.06, 52.06), (5.04, 52.06), (5.04, 52.04))
    people = {
        "middle": (52.02, 5.02),
        "corner": (52.0, 5.0),
        "edge": (52.1, 5.037),
        "edge of the hole": (52.05, 5.04),
        "in the hole": (52.05, 5.05),
        "outside": (52.100001, 5.05),
    }
    for index, (ref, where) in enumerate(people.items()):
        add_person(connection, ref, mobile=f"+3161234560{index}", places=[where])
    found = {ref for ref, _ in planned(connection, request(Polygon((square, hole))))}
    assert found == {"middle", "corner", "edge", "edge of the hole"}


def test_a_municipality_is_found_whatever_its_case(connection: Connection) -> None:
    add_person(
        connection,
        "here",
        mobile="+31612345601",
        places=[{"lat": 51.5, "lon": 5.6, "municipality": "Gemert-Bakel"}],
    )
    add_person(connection, "there", mobile="+31612345602")
    assert planned(connection, request(Municipality(" gemert-BAKEL"))) == [("here", "sms")]


def test_an_unknown_municipality_is_named_with_what_may_be_meant(connection: Connection) -> None:
    add_person(connection, "here", mobile="+31612345601", places=[{"lat": 51.5, "lon": 5.6, "municipality": "Helmond"}])
    add_person(connection, "there", mobile="+31612345602")
    with pytest.raises(InvalidRequestError) as error:
        count(connection, request(AROUND, Municipality("Hellmont")))
    assert [(fault.path, fault.message) for fault in error.value.faults] == [
        (
            "area[1].municipality",
            "no participant lives in a municipality 'Hellmont'; did you mean Helmond?",
        )
    ]


def test_one_unknown_municipality_needs_no_index_in_its_path(connection: Connection) -> None:
    with pytest.raises(InvalidRequestError) as error:
        count(connection, request(Municipality("Atlantis")))
    assert error.value.faults[0].path == "area.municipality"


def test_a_list_of_shapes_is_their_union_and_nobody_counts_twice(connection: Connection) -> None:
    square = Polygon((((5.0, 52.3), (5.1, 52.3), (5.1, 52.4), (5.0, 52.4), (5.0, 52.3)),))
    add_person(connection, "in all", mobile="+31612345601")
    far, edge, off = ({"lat": lat, "lon": lon, "municipality": "X"} for lat, lon in ((51, 4), (52.4, 5), (53, 6)))
    add_person(connection, "in the circle", mobile="+31612345602", places=[far])
    add_person(connection, "by name", mobile="+31612345603", places=[(50.0, 3.0)])
    add_person(connection, "in the square", mobile="+31612345604", places=[edge])
    add_person(connection, "nowhere", mobile="+31612345605", places=[off])
    area = request(AROUND, square, Municipality("Weesp"), Circle(51.0, 4.0, 10.0), square)
    assert sorted(planned(connection, area)) == [
        ("by name", "sms"),
        ("in all", "sms"),
        ("in the circle", "sms"),
        ("in the square", "sms"),
    ]


def test_somebody_with_several_addresses_inside_is_reached_once(connection: Connection) -> None:
    lat, lon = STATION
    somebody = add_person(connection, "somebody", mobile="+31612345601")
    add_place(connection, somebody, (lat + 500 * M, lon))
    add_place(connection, somebody, (lat + 50_000 * M, lon))
    assert planned(connection) == [("somebody", "sms")]


def test_an_area_where_nobody_lives_is_refused(connection: Connection) -> None:
    add_person(connection, "elsewhere", mobile="+31612345601", places=[(51.0, 4.0)])
    with pytest.raises(InvalidRequestError) as error:
        count(connection)
    assert str(error.value) == "area: no participants live in it"


def test_an_area_where_all_are_left_out_is_refused_with_the_reasons(connection: Connection) -> None:
    add_person(connection, "gone", mobile="+31612345601", left_at=NOON)
    add_person(connection, "gone too", mobile="+31612345602", left_at=NOON)
    add_person(connection, "no lane", mobile="+31612345603", lanes=2)
    with pytest.raises(InvalidRequestError) as error:
        count(connection)
    assert str(error.value) == "area: nobody in it can be reached (2 left, 1 no_lane)"


# ---------------------------------------------------------------- who not


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"left_at": NOON - timedelta(days=1)}, "left"),
        ({"paused_until": NOON + timedelta(seconds=1)}, "paused"),
        ({"paused_until": NOON}, None),
        ({"lanes": 2}, "no_lane"),
        # The first that fits:
        ({"left_at": NOON, "paused_until": NOON + timedelta(days=1), "lanes": 2}, "left"),
        ({"paused_until": NOON + timedelta(days=1), "lanes": 2}, "paused"),
    ],
)
def test_persons_are_left_out_for_the_first_reason_that_fits(
    connection: Connection, columns: dict[str, Any], reason: str | None
) -> None:
    add_person(connection, "somebody", mobile="+31612345601", **columns)
    assert left_out(connection) == ({reason: 1} if reason else {})


QUIET = {"lat": STATION[0], "lon": STATION[1]}


def at(clock: str, *, winter: bool = False) -> datetime:
    """A moment by Amsterdam's clock."""
    hours, minutes = map(int, clock.split(":"))
    day = datetime(2016, 1, 4, tzinfo=UTC) if winter else datetime(2016, 7, 4, tzinfo=UTC)
    return day + timedelta(hours=hours - (1 if winter else 2), minutes=minutes)


@pytest.mark.parametrize(
    ("quiet_from", "quiet_to", "now", "quiet"),
    [
        ("22:00", "07:00", at("21:59"), False),
        ("22:00", "07:00", at("22:00"), True),
        ("22:00", "07:00", at("23:59"), True),
        ("22:00", "07:00", at("00:00"), True),
        ("22:00", "07:00", at("06:59"), True),
        ("22:00", "07:00", at("07:00"), False),
        ("22:00", "07:00", at("06:59", winter=True), True),
        ("22:00", "07:00", at("07:00", winter=True), False),
        ("12:00", "14:00", at("11:59"), False),
        ("12:00", "14:00", at("12:00"), True),
        ("12:00", "14:00", at("13:59"), True),
        ("12:00", "14:00", at("14:00"), False),
        ("12:00", "12:00", at("12:00"), False),
    ],
)
def test_quiet_hours_are_local_and_may_cross_midnight(
    connection: Connection, quiet_from: str, quiet_to: str, now: datetime, quiet: bool
) -> None:
    hours = {name: int(t[:2]) * 60 + int(t[3:]) for name, t in (("quiet_from", quiet_from), ("quiet_to", quiet_to))}
    add_person(connection, "sleeper", mobile="+31612345601", places=[QUIET | hours])
    assert left_out(connection, now=now) == ({"quiet_hours": 1} if quiet else {})


@pytest.mark.parametrize(
    ("urgency", "strict", "reached"),
    [
        (Urgency.ROUTINE, False, False),
        (Urgency.IMMEDIATE, False, False),
        (Urgency.LIFE_SAFETY, False, True),
        (Urgency.LIFE_SAFETY, True, False),
    ],
)
def test_only_life_safety_overrides_quiet_hours_and_not_where_they_are_strict(
    connection: Connection, urgency: Urgency, strict: bool, reached: bool
) -> None:
    where = QUIET | {"quiet_from": 600, "quiet_to": 900, "quiet_strict": strict}
    add_person(connection, "sleeper", mobile="+31612345601", places=[where])
    assert left_out(connection, request(urgency=urgency)) == ({} if reached else {"quiet_hours": 1})


def test_somebody_is_quiet_only_if_every_place_inside_is(connection: Connection) -> None:
    asleep = {"quiet_from": 600, "quiet_to": 900}
    add_person(connection, "asleep", mobile="+31612345601", places=[QUIET | asleep, QUIET | asleep])
    add_person(connection, "awake at one", mobile="+31612345602", places=[QUIET | asleep, STATION])
    add_person(connection, "awake elsewhere", mobile="+31612345603", places=[QUIET | asleep, (51.0, 4.0)])
    assert planned(connection) == [("awake at one", "sms")]


MOBILE, LANDLINE = "+31612345601", "+31294412345"


@pytest.mark.parametrize(
    ("has", "wants", "uses", "gets"),
    [
        ("mobile", 0, "sms voice", ["sms"]),
        ("landline", 0, "sms voice", ["voice"]),
        ("mobile landline", 0, "sms voice", ["sms"]),
        ("mobile landline", 1, "sms voice", ["sms"]),
        ("mobile landline", 2, "sms voice", ["voice"]),
        ("mobile landline", 3, "sms voice", ["sms", "voice"]),
        ("mobile", 3, "sms voice", ["sms"]),
        ("landline", 3, "sms voice", ["voice"]),
        ("mobile", 2, "sms voice", []),
        ("landline", 1, "sms voice", []),
        ("mobile landline", 3, "sms", ["sms"]),
        ("mobile landline", 3, "voice", ["voice"]),
        ("mobile landline", 0, "voice", []),
        ("mobile landline", 2, "sms", []),
        ("landline", 0, "sms", []),
        # A mobile that may not be texted is none.
        ("pager landline", 0, "sms voice", ["voice"]),
        ("pager", 1, "sms voice", []),
        ("mobile premium", 3, "sms voice", ["sms"]),
    ],
)
def test_lanes_are_those_wanted_and_used_for_which_there_is_a_number(
    connection: Connection, has: str, wants: int, uses: str, gets: list[str]
) -> None:
    numbers: dict[str, Any] = {}
    if "mobile" in has or "pager" in has:
        numbers |= {"mobile": MOBILE, "mobile_kind": NumberKind.MOBILE if "mobile" in has else NumberKind.PAGER}
    if "landline" in has or "premium" in has:
        numbers |= {
            "landline": LANDLINE,
            "landline_kind": NumberKind.FIXED if "landline" in has else NumberKind.PREMIUM,
        }
    add_person(connection, "somebody", lanes=wants, **numbers)
    lanes = frozenset(Lane[word.upper()] for word in uses.split())
    if gets:
        assert planned(connection, request(lanes=lanes)) == [("somebody", lane) for lane in gets]
    else:
        with pytest.raises(InvalidRequestError, match="1 no_lane"):
            planned(connection, request(lanes=lanes))


def test_numbers_of_far_countries_are_no_lane(connection: Connection) -> None:
    add_person(connection, "far", mobile="+88213300001", country=882)
    assert left_out(connection) == {"no_lane": 1}


# ---------------------------------------------------------------- shared numbers


def test_of_several_persons_with_one_number_the_first_gets_the_message(connection: Connection) -> None:
    for ref in ("first", "second", "third"):
        add_person(connection, ref, landline=LANDLINE)
    assert planned(connection) == [("first", "voice")]
    assert count(connection).left_out == {LeftOut.DUPLICATE_NUMBER: 2}


def test_somebody_who_is_left_out_keeps_no_number_from_others(connection: Connection) -> None:
    add_person(connection, "gone", landline=LANDLINE, left_at=NOON)
    add_person(connection, "housemate", landline=LANDLINE)
    assert planned(connection) == [("housemate", "voice")]
    assert count(connection).left_out == {LeftOut.LEFT: 1}


def test_somebody_who_is_still_reached_on_another_lane_is_not_left_out(connection: Connection) -> None:
    add_person(connection, "first", mobile="+31612345601", landline=LANDLINE, lanes=3)
    add_person(connection, "second", mobile="+31612345602", landline=LANDLINE, lanes=3)
    add_person(connection, "third", mobile="+31612345602", landline=LANDLINE, lanes=3)
    assert sorted(planned(connection)) == [("first", "sms"), ("first", "voice"), ("second", "sms")]
    assert count(connection).left_out == {LeftOut.DUPLICATE_NUMBER: 1}


# ---------------------------------------------------------------- counts and deliveries


def test_counts_tell_sms_by_country_and_language_and_voice_by_language(connection: Connection) -> None:
    add_person(connection, "a", mobile="+31612345601")
    add_person(connection, "b", mobile="+31612345602")
    add_person(connection, "c", mobile="+31612345603", language="de")
    add_person(connection, "d", mobile="+4915123456789", language="de", country=49)
    add_person(connection, "e", landline=LANDLINE, language="fy")
    add_person(connection, "f", landline="+4924512345", country=49)
    add_person(connection, "g", mobile="+31612345604", left_at=NOON)
    counts = count(connection)
    assert counts == PlanCounts(
        sms=4,
        voice=2,
        left_out={LeftOut.LEFT: 1},
        sms_by_country_language={(31, "nl"): 2, (31, "de"): 1, (49, "de"): 1},
        voice_by_language={"fy": 1, "nl": 1},
    )


def test_the_nearest_are_first_in_line(connection: Connection) -> None:
    lat, lon = STATION
    for index, metres in enumerate((900, 100, 1400, 0, 500)):
        places = [(lat + metres * M, lon), (lat + 1499 * M, lon)]
        add_person(connection, f"{metres}", mobile=f"+3161234560{index}", places=places)
    assert [ref for ref, _ in planned(connection)] == ["0", "100", "500", "900", "1400"]


@pytest.mark.parametrize(
    "shape",
    [
        Polygon((((5.0, 52.3), (5.1, 52.3), (5.1, 52.4), (5.0, 52.4), (5.0, 52.3)),)),
        Municipality("Weesp"),
    ],
)
def test_polygons_and_municipalities_begin_in_their_middle(connection: Connection, shape: Shape) -> None:
    # Nine in a square, so that the middle is the middle of the people too.
    for index in range(9):
        where = (52.31 + 0.04 * (index // 3), 5.01 + 0.04 * (index % 3))
        add_person(connection, f"{index}", mobile=f"+3161234560{index}", places=[where])
    refs = [ref for ref, _ in planned(connection, request(shape))]
    assert refs[0] == "4"
    assert set(refs[-4:]) == {"0", "2", "6", "8"}


def test_deliveries_of_a_lane_are_one_block_of_ids_with_a_dispatch(connection: Connection) -> None:
    for index in range(3):
        add_person(connection, f"m{index}", mobile=f"+3161234560{index}", language="de")
    for index in range(2):
        add_person(connection, f"l{index}", landline=f"+3129441234{index}")
    wanted = request(urgency=Urgency.LIFE_SAFETY)
    for action in (1, 2):
        with selected(connection, wanted, NOON) as counts:
            plan(connection, action, wanted.urgency, counts, NOON)
    rows = connection.execute(select(dispatch).order_by(dispatch.c.id)).all()
    assert [(r.action, r.lane, r.first_id, r.last_id, r.next_id) for r in rows] == [
        (1, Lane.SMS, 1, 3, 1),
        (1, Lane.VOICE, 4, 5, 4),
        (2, Lane.SMS, 6, 8, 6),
        (2, Lane.VOICE, 9, 10, 9),
    ]
    assert {(r.purpose, r.urgency, r.waiting, r.created_at) for r in rows} == {(Purpose.ALERT, 2, True, NOON)}
    stored = connection.execute(select(delivery).order_by(delivery.c.id)).all()
    assert [(d.id, d.action, d.lane) for d in stored] == [
        *[(n, 1, Lane.SMS) for n in (1, 2, 3)],
        *[(n, 1, Lane.VOICE) for n in (4, 5)],
        *[(n, 2, Lane.SMS) for n in (6, 7, 8)],
        *[(n, 2, Lane.VOICE) for n in (9, 10)],
    ]
    assert {(d.state, d.version, d.attempts, d.purpose, d.reason, d.changed_at) for d in stored} == {
        (DeliveryState.QUEUED, 1, 0, Purpose.ALERT, None, None)
    }
    assert {d.language for d in stored if d.lane == Lane.SMS} == {"de"}


def test_selecting_leaves_nothing_behind(connection: Connection) -> None:
    add_person(connection, "somebody", mobile="+31612345601")
    assert count(connection) == count(connection)
    assert connection.execute(select(delivery)).first() is None
    assert connection.execute(select(dispatch)).first() is None
