from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.selection import (
    EARTH_RADIUS_M,
    MAX_POINTS,
    MAX_SHAPES,
    Area,
    Circle,
    Municipality,
    Polygon,
    Shape,
    area_from_json,
    area_to_json,
    check_area,
    squared_chord,
    unit_vector,
)

SQUARE = ((5.0, 52.0), (5.1, 52.0), (5.1, 52.1), (5.0, 52.1), (5.0, 52.0))
WEESP = Circle(52.312, 5.043, 1500.0)


def faults(*shapes: Shape, max_radius_m: float = 100_000.0) -> dict[str, str]:
    return {fault.path: fault.message for fault in check_area(tuple(shapes), max_radius_m=max_radius_m)}


def ring(*points: tuple[float, float]) -> Polygon:
    return Polygon((points,))


@pytest.mark.parametrize(
    "shapes",
    [
        (WEESP,),
        (Circle(-90, 180, 0.001),),
        (Circle(52, 5, 100_000.0),),
        (Polygon((SQUARE,)),),
        (Polygon((SQUARE, ((5.02, 52.02), (5.04, 52.02), (5.04, 52.04), (5.02, 52.02)))),),
        (Municipality("'s-Hertogenbosch"),),
        (WEESP, Polygon((SQUARE,)), Municipality("Weesp")),
        (WEESP,) * MAX_SHAPES,
    ],
)
def test_sound_areas_have_no_faults(shapes: tuple[Shape, ...]) -> None:
    assert faults(*shapes) == {}


@pytest.mark.parametrize(
    ("shape", "path", "says"),
    [
        (Circle(52, 5, 0), "area.circle.radius_m", "more than 0"),
        (Circle(52, 5, -3), "area.circle.radius_m", "more than 0"),
        (Circle(52, 5, math.nan), "area.circle.radius_m", "more than 0"),
        (Circle(52, 5, math.inf), "area.circle.radius_m", "is inf metres; at most 100,000"),
        (Circle(52, 5, 5_000_000), "area.circle.radius_m", "is 5,000,000 metres; at most 100,000"),
        (Circle(90.1, 5, 10), "area.circle.lat", "-90 to 90"),
        (Circle(math.nan, 5, 10), "area.circle.lat", "-90 to 90"),
        (Circle(52, -180.5, 10), "area.circle.lon", "-180 to 180"),
        (Circle(52, math.inf, 10), "area.circle.lon", "-180 to 180"),
        (Municipality("  "), "area.municipality", "empty"),
        (Polygon(()), "area.polygon.coordinates", "no ring"),
        (Polygon(((),)), "area.polygon.coordinates[0]", "has 0 points"),
        (ring((5, 52), (6, 52), (5, 52)), "area.polygon.coordinates[0]", "has 3 points"),
        (ring((5, 52), (6, 52), (6, 53), (5, 53)), "area.polygon.coordinates[0]", "not closed"),
        (ring((5, 52), (6, 52), (6, 91), (5, 52)), "area.polygon.coordinates[0][2][1]", "-90 to 90"),
        (ring((5, 52), (math.nan, 52), (6, 9), (5, 52)), "area.polygon.coordinates[0][1][0]", "-180 to 180"),
        (ring((52, 5), (152, 5), (181, 6), (52, 5)), "area.polygon.coordinates[0][2][0]", "-180 to 180"),
        (ring((5, 52), (6, 53), (6, 52), (5, 53), (5, 52)), "area.polygon", "crosses itself near 52.50000 N 5.50000 E"),
        (ring((5, 52), (6, 52), (6, 53), (5, 53), (5.5, 52), (5, 52)), "area.polygon", "touches itself near 52.0"),
        (ring((5, 52), (6, 53), (7, 54), (5, 52)), "area.polygon", "encloses nothing"),
        (ring((5, 52), (5, 52), (5, 52), (5, 52)), "area.polygon", "encloses nothing"),
        (ring((179, 1), (-179, 1), (-179, 2), (179, 1)), "area.polygon.coordinates[0]", "180th meridian"),
        (Polygon((SQUARE, SQUARE[:3])), "area.polygon.coordinates[1]", "has 3 points"),
        (Polygon((SQUARE, ((7, 1), (8, 1), (8, 2), (7, 1)))), "area.polygon", "hole that lies outside"),
        (ring(*[(5.0, 52.0)] * (MAX_POINTS + 1)), "area.polygon.coordinates", "has 10,001 points; at most 10,000"),
    ],
)
def test_each_fault_names_its_field_and_says_what_is_wrong(shape: Shape, path: str, says: str) -> None:
    found = faults(shape)
    assert list(found) == [path]
    assert says in found[path]


def test_an_empty_area_is_refused() -> None:
    assert "empty" in faults()["area"]


def test_too_many_shapes_are_refused() -> None:
    assert "51 shapes" in faults(*[WEESP] * (MAX_SHAPES + 1))["area"]


def test_in_a_list_every_fault_carries_the_index_of_its_shape() -> None:
    found = faults(WEESP, Circle(99, 5, -1), Municipality(""), Polygon(()))
    assert set(found) == {
        "area[1].circle.lat",
        "area[1].circle.radius_m",
        "area[2].municipality",
        "area[3].polygon.coordinates",
    }


def test_a_smaller_limit_of_the_policy_holds() -> None:
    found = faults(Circle(52, 5, 2500.1), max_radius_m=2500)
    assert found == {"area.circle.radius_m": "is 2,500.1 metres; at most 2,500 are allowed"}


def test_municipalities_are_compared_whatever_their_case_and_blanks() -> None:
    assert Municipality("  GEMERT-bakel ").key == Municipality("Gemert-Bakel").key
    assert Municipality("Bergen  op Zoom").key == Municipality("bergen op zoom").key


@pytest.mark.parametrize(
    "area",
    [
        (WEESP,),
        (Polygon((SQUARE, ((5.02, 52.02), (5.04, 52.02), (5.04, 52.04), (5.02, 52.02)))), Municipality("Weesp")),
    ],
)
def test_an_area_survives_the_way_through_json(area: Area) -> None:
    assert area_from_json(area_to_json(area)) == area


def test_json_is_what_the_api_takes() -> None:
    assert area_to_json((WEESP, Municipality("Weesp"), Polygon((SQUARE,)))) == [
        {"circle": {"lat": 52.312, "lon": 5.043, "radius_m": 1500.0}},
        {"municipality": "Weesp"},
        {"polygon": {"type": "Polygon", "coordinates": [[list(point) for point in SQUARE]]}},
    ]


def haversine_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    phi1, phi2 = math.radians(lat1), math.radians(lat2)
    a = math.sin((phi2 - phi1) / 2) ** 2
    a += math.cos(phi1) * math.cos(phi2) * math.sin(math.radians(lon2 - lon1) / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(a)))


LATS = st.floats(-90, 90)
LONS = st.floats(-180, 180)


@given(LATS, LONS, LATS, LONS, st.floats(1.0, 25_000_000.0))
def test_the_squared_chord_tells_inside_from_outside_as_the_haversine_does(
    lat1: float, lon1: float, lat2: float, lon2: float, radius_m: float
) -> None:
    distance = haversine_m(lat1, lon1, lat2, lon2)
    squares = sum((a - b) ** 2 for a, b in zip(unit_vector(lat1, lon1), unit_vector(lat2, lon2), strict=True))
    inside = squares <= squared_chord(radius_m)
    # Near the antipode the haversine itself is off by metres; near the border both may round.
    slack = 1e-6 * radius_m + (10.0 if distance > 19_000_000 else 1e-3)
    if abs(distance - radius_m) > slack:
        assert inside == (distance < radius_m)


@pytest.mark.parametrize("radius_m", [0.1, 1.0, 10.0, 1000.0, 3000.0, 99_999.0])
def test_the_border_of_a_circle_is_inside(radius_m: float) -> None:
    lat, lon = 52.0, 5.0
    edge = lon + math.degrees(2 * math.asin(math.sin(radius_m / 2 / EARTH_RADIUS_M) / math.cos(math.radians(lat))))
    beyond = lon + (edge - lon) * (1 + 1e-6)

    def squares(east: float) -> float:
        return sum((a - b) ** 2 for a, b in zip(unit_vector(lat, lon), unit_vector(lat, east), strict=True))

    assert squares(edge) <= squared_chord(radius_m)
    assert squares(beyond) > squared_chord(radius_m)
