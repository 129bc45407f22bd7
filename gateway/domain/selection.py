"""Who is asked: areas on the earth, and why somebody in the area is left out all the same."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any

from gateway.domain.errors import Fault

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 of the earth (IUGG): the sphere on which circles are measured."""

MAX_SHAPES = 50
MAX_POINTS = 10_000
"""Of one polygon: a municipality's border in full detail has some thousands."""


class LeftOut(StrEnum):
    """Why a participant inside the area gets no message; the first that fits, in this order."""

    LEFT = "left"
    PAUSED = "paused"
    QUIET_HOURS = "quiet_hours"
    NO_LANE = "no_lane"
    DUPLICATE_NUMBER = "duplicate_number"


@dataclass(frozen=True, slots=True)
class Circle:
    """A great-circle disc, border included. Degrees WGS 84; metres."""

    lat: float
    lon: float
    radius_m: float


@dataclass(frozen=True, slots=True)
class Polygon:
    """A GeoJSON polygon: a closed outer ring and holes, each a tuple of (lon, lat) in degrees; border included."""

    rings: tuple[tuple[tuple[float, float], ...], ...]


@dataclass(frozen=True, slots=True)
class Municipality:
    """Everybody registered in a municipality, by name, whatever its case."""

    name: str

    @property
    def key(self) -> str:
        """The name as it is compared."""
        return municipality_key(self.name)


Shape = Circle | Polygon | Municipality
Area = tuple[Shape, ...]
"""One shape or several; a person in any of them is inside."""


def municipality_key(name: str) -> str:
    """A municipality's name as it is compared: case folded, blanks joined."""
    return " ".join(name.casefold().split())


def unit_vector(lat: float, lon: float) -> tuple[float, float, float]:
    """The point on the unit sphere at these degrees.

    The distance between two such points is a plain sum of squares, which every database can do without trigonometry.
    """
    phi, lam = math.radians(lat), math.radians(lon)
    return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)


def squared_chord(radius_m: float) -> float:
    """The squared straight-line distance, on the unit sphere, that a great-circle distance of ``radius_m`` spans.

    A billionth and some nanometres are added so that the border counts as inside in spite of rounding (0.2 mm on a
    circle of 400 km).
    """
    half = min(radius_m / (2.0 * EARTH_RADIUS_M), math.pi / 2.0)
    return (2.0 * math.sin(half) + 1e-15) ** 2 * (1.0 + 1e-9)


def check_area(area: Area, *, max_radius_m: float) -> list[Fault]:
    """Every fault of an area, with its path: ``area[1].circle.lat``, without the index where there is one shape."""
    if not area:
        return [Fault("area", "is empty; name at least one circle, polygon or municipality")]
    if len(area) > MAX_SHAPES:
        return [Fault("area", f"has {len(area)} shapes; at most {MAX_SHAPES}")]
    faults: list[Fault] = []
    for index, shape in enumerate(area):
        path = "area" if len(area) == 1 else f"area[{index}]"
        match shape:
            case Circle():
                faults += _circle_faults(shape, f"{path}.circle", max_radius_m)
            case Polygon():
                faults += _polygon_faults(shape, f"{path}.polygon")
            case Municipality():
                if not shape.key:
                    faults.append(Fault(f"{path}.municipality", "is empty"))
    return faults


def _circle_faults(circle: Circle, path: str, max_radius_m: float) -> list[Fault]:
    faults = []
    if not -90.0 <= circle.lat <= 90.0:
        faults.append(Fault(f"{path}.lat", _LAT_RANGE))
    if not -180.0 <= circle.lon <= 180.0:
        faults.append(Fault(f"{path}.lon", _LON_RANGE))
    if not circle.radius_m > 0.0:  # NaN too
        faults.append(Fault(f"{path}.radius_m", "must be more than 0 metres"))
    elif circle.radius_m > max_radius_m:
        size, limit = f"{circle.radius_m:,.10g}", f"{max_radius_m:,.10g}"
        faults.append(Fault(f"{path}.radius_m", f"is {size} metres; at most {limit} are allowed"))
    return faults


def _polygon_faults(polygon: Polygon, path: str) -> list[Fault]:
    """The first kind of fault only: a ring that is no ring need not be told that it also crosses itself."""
    if not polygon.rings:
        return [Fault(f"{path}.coordinates", "has no ring")]
    points = sum(len(ring) for ring in polygon.rings)
    if points > MAX_POINTS:
        return [Fault(f"{path}.coordinates", f"has {points:,} points; at most {MAX_POINTS:,}")]
    faults = []
    for index, ring in enumerate(polygon.rings):
        fault = _ring_fault(ring, f"{path}.coordinates[{index}]")
        if fault is not None:
            faults.append(fault)
    return faults or _geometry_faults(polygon, path)


def _ring_fault(ring: Sequence[tuple[float, float]], path: str) -> Fault | None:
    if len(ring) < 4:
        return Fault(path, f"has {len(ring)} points; a ring has at least 4, the last equal to the first")
    for index, (lon, lat) in enumerate(ring):
        if not -180.0 <= lon <= 180.0:
            return Fault(f"{path}[{index}][0]", _LON_RANGE)
        if not -90.0 <= lat <= 90.0:
            return Fault(f"{path}[{index}][1]", _LAT_RANGE)
    if ring[0] != ring[-1]:
        return Fault(path, "is not closed; the last point must equal the first")
    if any(abs(b[0] - a[0]) > 180.0 for a, b in pairwise(ring)):
        # RFC 7946 section 3.1.9: cut in two there.
        return Fault(path, "crosses the 180th meridian; draw it as two polygons, one on either side")
    return None


def _geometry_faults(polygon: Polygon, path: str) -> list[Fault]:
    # Imported here: with numpy it takes a third of a second, which most commands need not wait for.
    import shapely
    from shapely.validation import explain_validity

    shape = shapely.Polygon(polygon.rings[0], polygon.rings[1:])
    if shape.is_valid:
        return []
    if shape.convex_hull.area == 0.0:
        return [Fault(path, "encloses nothing")]
    explained = re.fullmatch(r"(?P<what>[^\[]+)\[(?P<lon>\S+) (?P<lat>\S+)\]", explain_validity(shape))
    if explained is None:
        return [Fault(path, "is not a valid polygon")]
    what = _INVALID.get(explained["what"], f"is not a valid polygon ({explained['what'].lower()})")
    return [Fault(path, f"{what} near {float(explained['lat']):.5f} N {float(explained['lon']):.5f} E")]


_LAT_RANGE = "must be from -90 to 90 degrees"
_LON_RANGE = "must be from -180 to 180 degrees"
_INVALID = {  # GEOS's words, and ours
    "Self-intersection": "crosses itself",
    "Ring Self-intersection": "touches itself",
    "Hole lies outside shell": "has a hole that lies outside it",
    "Holes are nested": "has a hole within a hole",
    "Interior is disconnected": "is cut in two by its holes",
}


# ---------------------------------------------------------------- as JSON


def area_to_json(area: Area) -> list[dict[str, Any]]:
    """An area as the API takes it: a list of objects, each with one of ``circle``, ``polygon`` and ``municipality``."""
    return [_shape_to_json(shape) for shape in area]


def _shape_to_json(shape: Shape) -> dict[str, Any]:
    match shape:
        case Circle(lat, lon, radius_m):
            return {"circle": {"lat": lat, "lon": lon, "radius_m": radius_m}}
        case Polygon(rings):
            coordinates = [[list(point) for point in ring] for ring in rings]
            return {"polygon": {"type": "Polygon", "coordinates": coordinates}}
        case Municipality(name):
            return {"municipality": name}


def area_from_json(value: Sequence[Mapping[str, Any]]) -> Area:
    """The area that :func:`area_to_json` wrote. For what comes from outside, the web layer's schemas are there."""
    return tuple(_shape_from_json(shape) for shape in value)


def _shape_from_json(value: Mapping[str, Any]) -> Shape:
    if "circle" in value:
        return Circle(**value["circle"])
    if "polygon" in value:
        return Polygon(tuple(tuple((lon, lat) for lon, lat in ring) for ring in value["polygon"]["coordinates"]))
    return Municipality(value["municipality"])
