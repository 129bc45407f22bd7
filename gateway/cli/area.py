"""Areas on the command line: circles, GeoJSON files and municipalities, as the API takes them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

MAX_FILE_BYTES = 16 * 1024 * 1024


class CircleType(click.ParamType):
    """``LAT,LON,RADIUS_M``."""

    name = "circle"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, Any]:
        """To a shape."""
        if isinstance(value, dict):
            return value
        try:
            lat, lon, radius_m = (float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is not LAT,LON,RADIUS_M, like 52.312,5.043,3000", param, ctx)
        return {"circle": {"lat": lat, "lon": lon, "radius_m": radius_m}}


class GeoJsonType(click.ParamType):
    """A file with GeoJSON: every polygon in it, whatever it is wrapped in."""

    name = "geojson"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> list[dict[str, Any]]:
        """To shapes."""
        if isinstance(value, list):
            return value
        path = Path(str(value))
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                self.fail(f"{path} is larger than {MAX_FILE_BYTES} bytes", param, ctx)
            document = json.loads(path.read_text(encoding="utf-8"))
            polygons = list(_polygons(document))
        except OSError as error:
            self.fail(f"{path}: {error.strerror}", param, ctx)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            self.fail(f"{path} is no GeoJSON", param, ctx)
        if not polygons:
            self.fail(f"{path} has no polygon", param, ctx)
        return [{"polygon": {"type": "Polygon", "coordinates": rings}} for rings in polygons]


def _polygons(document: dict[str, Any]) -> Iterator[list[Any]]:
    """The coordinates of each polygon (RFC 7946)."""
    match document["type"]:
        case "Polygon":
            yield document["coordinates"]
        case "MultiPolygon":
            yield from document["coordinates"]
        case "Feature":
            yield from _polygons(document["geometry"])
        case "FeatureCollection":
            for feature in document["features"]:
                yield from _polygons(feature)
        case "GeometryCollection":
            for geometry in document["geometries"]:
                yield from _polygons(geometry)
