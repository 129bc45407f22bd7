"""The grid over the earth: which cell a point lies in, and which cells a box touches.

A cell is one integer, so that an ordinary index finds a neighbourhood. Cells of one latitude row are consecutive
integers: a box is a few ranges, one a row. At 52 degrees north a cell is some 2.0 km by 2.1 km.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROWS_PER_DEGREE = 55
COLUMNS_PER_DEGREE = 33
ROWS = 180 * ROWS_PER_DEGREE
COLUMNS = 360 * COLUMNS_PER_DEGREE


class Box(NamedTuple):
    """A box in degrees, borders included. ``west`` greater than ``east`` crosses the 180th meridian."""

    south: float
    west: float
    north: float
    east: float


def cell(lat: float, lon: float) -> int:
    """The cell of a point in degrees. The poles belong to the outermost rows, 180 degrees east to the first column."""
    return _row(lat) * COLUMNS + _column(lon)


def cells(lats: NDArray[np.float64], lons: NDArray[np.float64]) -> NDArray[np.int64]:
    """:func:`cell` of many points; two arrays of one shape."""
    rows = np.clip(np.floor((lats + 90.0) * ROWS_PER_DEGREE), 0, ROWS - 1)
    columns = np.minimum(np.floor(np.mod(lons + 180.0, 360.0) * COLUMNS_PER_DEGREE), COLUMNS - 1)
    numbers: NDArray[np.float64] = rows * COLUMNS + columns  # below 2**27: exact
    return numbers.astype(np.int64)


def cell_ranges(box: Box | tuple[float, float, float, float]) -> list[tuple[int, int]]:
    """The cells that a box (south, west, north, east) touches: ascending ranges, first and last included.

    Every point inside the box has its cell in one of them; points outside may have theirs there too.
    """
    south, west, north, east = box
    if east - west >= 360.0:
        columns = [(0, COLUMNS - 1)]
    elif (first := _column(west)) <= (last := _column(east)) and _turned(west) <= _turned(east):
        columns = [(first, last)]
    else:
        columns = [(0, last), (first, COLUMNS - 1)] if last < first else [(0, COLUMNS - 1)]
    ranges: list[tuple[int, int]] = []
    for row in range(_row(south), _row(north) + 1):
        base = row * COLUMNS
        for low, high in columns:
            if ranges and ranges[-1][1] + 1 == base + low:
                ranges[-1] = (ranges[-1][0], base + high)
            else:
                ranges.append((base + low, base + high))
    return ranges


def _row(lat: float) -> int:
    return min(max(math.floor((lat + 90.0) * ROWS_PER_DEGREE), 0), ROWS - 1)


def _turned(lon: float) -> float:
    """Degrees east of the 180th meridian, from 0 up to 360."""
    return (lon + 180.0) % 360.0


def _column(lon: float) -> int:
    # A remainder may round up to 360 itself.
    return min(math.floor(_turned(lon) * COLUMNS_PER_DEGREE), COLUMNS - 1)
