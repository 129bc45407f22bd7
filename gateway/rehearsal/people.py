"""Made-up participants around real places, for the demo and the benchmarks.

Nobody here exists, but their numbers might: the Netherlands set no range aside for drama. Only simulated carriers and
the simulated telephone network may ever see them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

HEADER = "ref,mobile,landline,lat,lon,municipality,language,lanes,quiet_from,quiet_to,quiet_strict,label"
CLUSTERED = 0.6
"""Share of the people who live around a town; the others are spread over the country."""


class Town(NamedTuple):
    """A municipality's main town.

    Attributes:
        weight: inhabitants in thousands, about: how many of the people live around it.
        area_code: with the country, of its fixed lines.
        german: share of the mobiles that are German.
        language: what some of the people there prefer to Dutch.
    """

    municipality: str
    lat: float
    lon: float
    weight: int
    area_code: str
    german: float = 0.0
    language: str = "en"


TOWNS = (
    Town("Amsterdam", 52.373, 4.892, 900, "+3120"),
    Town("Rotterdam", 51.922, 4.479, 650, "+3110"),
    Town("Den Haag", 52.080, 4.310, 550, "+3170"),
    Town("Utrecht", 52.091, 5.122, 360, "+3130"),
    Town("Eindhoven", 51.441, 5.478, 240, "+3140"),
    Town("Groningen", 53.219, 6.567, 235, "+3150"),
    Town("Tilburg", 51.556, 5.091, 225, "+3113"),
    Town("Almere", 52.371, 5.222, 220, "+3136"),
    Town("Breda", 51.589, 4.776, 185, "+3176"),
    Town("Nijmegen", 51.843, 5.853, 180, "+3124", 0.02, "de"),
    Town("Apeldoorn", 52.211, 5.970, 165, "+3155"),
    Town("Haarlem", 52.387, 4.646, 162, "+3123"),
    Town("Arnhem", 51.985, 5.899, 162, "+3126"),
    Town("Enschede", 52.221, 6.894, 160, "+3153", 0.03, "de"),
    Town("Amersfoort", 52.156, 5.388, 158, "+3133"),
    Town("Zaanstad", 52.440, 4.829, 157, "+3175"),
    Town("'s-Hertogenbosch", 51.690, 5.304, 156, "+3173"),
    Town("Zwolle", 52.516, 6.083, 130, "+3138"),
    Town("Zoetermeer", 52.061, 4.494, 125, "+3179"),
    Town("Leeuwarden", 53.201, 5.799, 124, "+3158", 0.0, "fy"),
    Town("Leiden", 52.160, 4.497, 124, "+3171"),
    Town("Maastricht", 50.851, 5.691, 121, "+3143", 0.01, "fr"),
    Town("Dordrecht", 51.813, 4.690, 119, "+3178"),
    Town("Ede", 52.048, 5.665, 118, "+31318"),
    Town("Alkmaar", 52.632, 4.749, 109, "+3172"),
    Town("Emmen", 52.785, 6.898, 107, "+31591", 0.02, "de"),
    Town("Delft", 52.012, 4.357, 104, "+3115"),
    Town("Venlo", 51.370, 6.172, 102, "+3177", 0.03, "de"),
    Town("Deventer", 52.255, 6.164, 101, "+31570"),
    Town("Helmond", 51.479, 5.661, 93, "+31492"),
    Town("Oss", 51.765, 5.518, 92, "+31412"),
    Town("Sittard-Geleen", 51.000, 5.869, 92, "+3146", 0.03, "de"),
    Town("Hilversum", 52.224, 5.176, 91, "+3135"),
    Town("Súdwest-Fryslân", 53.032, 5.659, 90, "+31515", 0.0, "fy"),
    Town("Heerlen", 50.888, 5.979, 87, "+3145", 0.04, "de"),
    Town("Lelystad", 52.518, 5.471, 80, "+31320"),
    Town("Purmerend", 52.505, 4.960, 80, "+31299"),
    Town("Roosendaal", 51.531, 4.465, 77, "+31165"),
    Town("Gouda", 52.011, 4.711, 74, "+31182"),
    Town("Hoorn", 52.643, 5.060, 73, "+31229"),
    Town("Assen", 52.993, 6.564, 68, "+31592"),
    Town("Veenendaal", 52.027, 5.554, 67, "+31318"),
    Town("Roermond", 51.194, 5.987, 59, "+31475", 0.04, "de"),
    Town("Doetinchem", 51.965, 6.289, 58, "+31314", 0.02, "de"),
    Town("Den Helder", 52.957, 4.760, 56, "+31223"),
    Town("Hoogeveen", 52.723, 6.476, 56, "+31528"),
    Town("Terneuzen", 51.335, 3.828, 54, "+31115", 0.0, "fr"),
    Town("Utrechtse Heuvelrug", 52.054, 5.283, 50, "+31343"),
    Town("Middelburg", 51.499, 3.611, 49, "+31118"),
    Town("Goes", 51.504, 3.888, 39, "+31113"),
    Town("Gemert-Bakel", 51.556, 5.688, 31, "+31492"),
    Town("Winterswijk", 51.972, 6.719, 29, "+31543", 0.03, "de"),
    Town("Geilenkirchen", 50.966, 6.119, 28, "+492451", 0.95, "de"),
    Town("Weesp", 52.312, 5.043, 20, "+31294"),
    Town("Texel", 53.055, 4.797, 14, "+31222"),
)
"""Where the people live. Places and sizes are real, rounded."""

# The country's outline, roughly, sea and large waters left out where that takes few corners: (lon, lat).
_OUTLINE = (
    (3.40, 51.37), (3.45, 51.53), (3.70, 51.72), (4.02, 52.00), (4.40, 52.30), (4.58, 52.50), (4.70, 52.95),
    (5.05, 52.93), (5.15, 52.70), (5.30, 52.75), (5.42, 53.10), (5.40, 53.22), (6.00, 53.40), (6.80, 53.45),
    (7.00, 53.30), (7.20, 53.23), (7.05, 52.85), (7.05, 52.64), (6.72, 52.63), (6.70, 52.49), (7.05, 52.40),
    (7.05, 52.23), (6.75, 52.10), (6.83, 51.97), (6.40, 51.83), (5.97, 51.82), (6.10, 51.65), (6.22, 51.40),
    (6.08, 51.20), (6.07, 51.05), (5.90, 50.98), (6.08, 50.92), (6.02, 50.76), (5.70, 50.76), (5.65, 50.85),
    (5.84, 51.15), (5.50, 51.29), (5.24, 51.26), (5.04, 51.47), (4.78, 51.42), (4.40, 51.37), (4.25, 51.37),
    (3.90, 51.21), (3.52, 51.25),
)  # fmt: skip

_BATCH = 10_000
_SECOND_PLACE_AFTER = 10_000
_TOWN_SIGMA_KM = 2.0
_KM_PER_DEGREE = 111.2
# Steps through a range without meeting a number twice: prime to the range's length.
_MOBILE_PREFIXES = ("1", "2", "3", "4", "5", "8")
_STEP = 37_139_213
_LABELS = ("thuis", "werk", "ouders", "")


@dataclass(frozen=True, slots=True)
class _Draws:
    """The dice of a batch of people: positions, the town of each, and uniform numbers to decide by."""

    lats: NDArray[np.float64]
    lons: NDArray[np.float64]
    towns: NDArray[np.int64]
    chances: NDArray[np.float64]


def write_people(file: BinaryIO, count: int, seed: int = 1, towns: Sequence[Town] = TOWNS) -> int:
    """Write so many made-up participants as a CSV that ``burgernet participants import`` takes.

    The same arguments give the same file. One in twenty has a second place, whose row stands up to ten thousand rows
    further. Some 12 % have a landline only, 8 % both.

    Args:
        file: open for writing bytes.
        count: persons.
        seed: of the dice.
        towns: where they live; of one town only, nobody lives elsewhere in the country.

    Returns:
        The rows written, the header not counted.
    """
    file.write(HEADER.encode() + b"\n")
    rows = 0
    for some in _row_batches(count, np.random.default_rng(seed), towns):
        file.write("".join(some).encode())
        rows += len(some)
    return rows


def _row_batches(count: int, dice: np.random.Generator, towns: Sequence[Town]) -> Iterator[list[str]]:
    later: deque[tuple[int, str]] = deque()
    landlines: Counter[str] = Counter()
    for first in range(0, count, _BATCH):
        draws = _draw(dice, min(_BATCH, count - first), towns)
        rows: list[str] = []
        for at in range(len(draws.towns)):
            person = first + at
            rows.append(_row(person, draws, at, towns, landlines))
            if draws.chances[at, 0] < 0.05:
                when = person + int(draws.chances[at, 1] * _SECOND_PLACE_AFTER)
                later.append((when, _second_row(person, draws, at, towns)))
            while later and later[0][0] <= person:
                rows.append(later.popleft()[1])
        yield rows
    yield [row for _, row in later]


def _draw(dice: np.random.Generator, count: int, towns: Sequence[Town]) -> _Draws:
    weights = np.array([town.weight for town in towns], dtype=np.float64)
    chosen = dice.choice(len(towns), size=count, p=weights / weights.sum())
    town_lats = np.array([town.lat for town in towns])
    town_lons = np.array([town.lon for town in towns])
    north, east = dice.normal(0.0, _TOWN_SIGMA_KM, (2, count)) / _KM_PER_DEGREE
    lats = town_lats[chosen] + north
    lons = town_lons[chosen] + east / np.cos(np.radians(town_lats[chosen]))
    if len(towns) > 1:
        spread = np.flatnonzero(dice.random(count) >= CLUSTERED)
        lats[spread], lons[spread] = _anywhere(dice, len(spread))
        # Whoever lives anywhere belongs to the nearest town, as the crow flies on a plane: near enough for a rehearsal.
        squares = (lats[spread, None] - town_lats) ** 2 + ((lons[spread, None] - town_lons) * 0.61) ** 2
        chosen[spread] = squares.argmin(axis=1)
    return _Draws(lats, lons, chosen, dice.random((count, 10)))


def _anywhere(dice: np.random.Generator, count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    country = shapely.Polygon(_OUTLINE)
    shapely.prepare(country)
    west, south, east, north = country.bounds
    lats, lons = np.empty(0), np.empty(0)
    while len(lats) < count:
        some_lons, some_lats = dice.uniform(west, east, 2 * count), dice.uniform(south, north, 2 * count)
        inside = shapely.contains_xy(country, some_lons, some_lats)
        lats, lons = np.append(lats, some_lats[inside]), np.append(lons, some_lons[inside])
    return lats[:count], lons[:count]


def _row(person: int, draws: _Draws, at: int, towns: Sequence[Town], landlines: Counter[str]) -> str:
    town = towns[int(draws.towns[at])]
    _, _, lines, abroad, form, tongue, lane, quiet, label, _ = draws.chances[at].tolist()
    has_mobile, has_landline = lines >= 0.12, lines < 0.20
    mobile = landline = ""
    if has_mobile:
        mobile = _german_mobile(person) if abroad < town.german else _mobile(person, form)
    if has_landline:
        landline = _landline(town.area_code, landlines[town.area_code])
        landlines[town.area_code] += 1
    lanes = ""
    if lane < 0.3 and has_mobile and has_landline:
        lanes = "sms voice"
    elif lane < 0.05:
        lanes = "sms" if has_mobile else "voice"
    language = "" if tongue >= 0.1 else town.language if tongue < 0.06 else "en"
    hours = "23:00,07:00,yes" if quiet < 0.02 else "22:30,06:30,no" if quiet < 0.15 else ",,"
    return (
        f"P{person + 1:08d},{mobile},{landline},{draws.lats[at]:.6f},{draws.lons[at]:.6f},{town.municipality},"
        f"{language},{lanes},{hours},{_LABELS[int(label * len(_LABELS))]}\n"
    )


def _second_row(person: int, draws: _Draws, at: int, towns: Sequence[Town]) -> str:
    """Another place of the same person: near another town; what is the person's stands in the first row."""
    town = towns[int(draws.chances[at, 9] * len(towns))]
    lat, lon = town.lat + (draws.chances[at, 1] - 0.5) * 0.05, town.lon + (draws.chances[at, 2] - 0.5) * 0.08
    return f"P{person + 1:08d},,,{lat:.6f},{lon:.6f},{town.municipality},,,,,,werk\n"


def _mobile(person: int, form: float) -> str:
    block, rest = divmod(person * _STEP % (10_000_000 * len(_MOBILE_PREFIXES)), 10_000_000)
    digits = f"6{_MOBILE_PREFIXES[block]}{rest:07d}"
    if form < 0.8:
        return "0" + digits
    return f"06-{digits[1:]}" if form < 0.9 else f"+31 6 {digits[1:]}"


def _german_mobile(person: int) -> str:
    return f"+49151{person * _STEP % 80_000_000 + 10_000_000}"


def _landline(area_code: str, nth: int) -> str:
    """Subscribers' numbers begin with 2 to 9, and a Dutch number has nine digits with its area code."""
    digits = 9 - len(area_code.removeprefix("+31")) if area_code.startswith("+31") else 5
    span = 8 * 10 ** (digits - 1)
    return f"{area_code}{nth * _STEP % span + span // 4}"
