from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from gateway.storage.geography import COLUMNS, ROWS, Box, cell, cell_ranges, cells

LATS = st.floats(-90, 90)
LONS = st.floats(-180, 180)


def holds(ranges: list[tuple[int, int]], number: int) -> bool:
    return any(first <= number <= last for first, last in ranges)


def test_neighbours_in_a_row_are_consecutive_integers() -> None:
    here = cell(52.312, 5.043)
    assert cell(52.312, 5.043 + 1 / 33) == here + 1
    assert cell(52.312 + 1 / 55, 5.043) == here + COLUMNS


def test_the_corners_of_the_earth_are_on_the_grid() -> None:
    assert cell(-90, -180) == 0
    assert cell(90, 179.9999) == ROWS * COLUMNS - 1
    assert cell(90, 180) == (ROWS - 1) * COLUMNS


@given(LATS, LONS)
def test_many_points_get_the_cells_that_single_points_get(lat: float, lon: float) -> None:
    assert cells(np.array([lat]), np.array([lon])).tolist() == [cell(lat, lon)]


@given(LATS, LATS, LONS, st.floats(0, 360), st.floats(0, 1), st.floats(0, 1))
def test_a_box_touches_the_cell_of_every_point_in_it(
    lat1: float, lat2: float, west: float, width: float, up: float, right: float
) -> None:
    south, north = sorted((lat1, lat2))
    east = west + width
    lat = min(max(south + up * (north - south), south), north)
    lon = min(west + right * width, east)
    assert holds(cell_ranges(Box(south, west, north, east)), cell(lat, lon))


def test_a_box_of_three_kilometres_is_a_handful_of_ranges() -> None:
    ranges = cell_ranges(Box(52.285, 4.999, 52.339, 5.087))
    assert 3 <= len(ranges) <= 5
    assert all(last - first < 6 for first, last in ranges)
    assert not holds(ranges, cell(52.312, 5.2))


def test_a_box_across_the_180th_meridian_has_both_sides() -> None:
    ranges = cell_ranges(Box(0.0, 179.0, 0.001, -179.0))
    assert holds(ranges, cell(0.0005, 179.5))
    assert holds(ranges, cell(0.0005, -179.5))
    assert not holds(ranges, cell(0.0005, 0.0))


def test_a_box_around_the_earth_is_one_range() -> None:
    assert cell_ranges(Box(-90, -180, 90, 180)) == [(0, ROWS * COLUMNS - 1)]
