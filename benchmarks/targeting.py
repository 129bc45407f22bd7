"""From an area to stored deliveries, out of many participants; SQLite and PostgreSQL.

Beside each, in the same run, a bare floor: one SELECT of as many places by their grid cells, and as many rows of the
delivery's columns inserted by executemany (SQLite) or COPY (PostgreSQL), in one transaction.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Column, Integer, MetaData, SmallInteger, String
from sqlalchemy import Table as SqlTable
from sqlalchemy.engine import Connection

from benchmarks.databases import BACKENDS, empty_database
from gateway.domain.action import ActionRequest, Kind, Urgency, Wording
from gateway.domain.delivery import Lane
from gateway.domain.selection import Circle, Municipality, Polygon, Shape
from gateway.rehearsal.people import TOWNS, write_people
from gateway.storage.bulk import insert_rows
from gateway.storage.database import Database, make_engine
from gateway.storage.geography import cell_ranges
from gateway.storage.migrate import upgrade
from gateway.storage.repositories import actions
from gateway.storage.repositories.participant_import import import_csv
from gateway.storage.vault import Vault

TOWN = next(town for town in TOWNS if town.municipality == "Delft")
RADIUS_M = 3000.0
SIDE_DEGREES = 0.02  # half a side of the polygon, in latitude; some 2.2 km

_BARE = SqlTable(
    "bare",
    MetaData(),
    *(Column(name, Integer) for name in ("id", "action", "person_id", "number_id", "lane", "purpose", "version")),
    Column("language", String(2)),
    Column("state", SmallInteger),
    Column("attempts", SmallInteger),
)


def main(argv: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="bench targeting", description=__doc__)
    parser.add_argument("-n", "--people", type=int, nargs="+", default=[10_000, 100_000, 1_600_000])
    parser.add_argument("--backend", choices=BACKENDS, action="append")
    parser.add_argument("--repeat", type=int, default=9)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    rows = [
        row
        for backend in options.backend or BACKENDS
        for people in options.people
        for row in measure(backend, people, options.repeat)
    ]
    if options.json:
        print(json.dumps(rows, indent=2))
        return 0
    table = Table("", "people", "area", "deliveries", "median ms", "slowest ms", "bare ms", title="planned and stored")
    for row in rows:
        table.add_row(
            row["backend"],
            f"{row['people']:,}",
            row["area"],
            f"{row['deliveries']:,}",
            f"{row['median_ms']:.1f}",
            f"{row['slowest_ms']:.1f}",
            f"{row['bare_ms']:.1f}",
        )
    Console().print(table)
    return 0


def measure(backend: str, people: int, repeat: int) -> list[dict[str, Any]]:
    """One database with so many people: each kind of area."""
    with empty_database(backend) as url, tempfile.TemporaryDirectory(prefix="burgernet-bench-") as folder:
        engine = make_engine(url)
        upgrade(engine)
        database = Database(engine, None)  # type: ignore[arg-type] - without threads, no reactor is asked
        with (Path(folder) / "people.csv").open("w+b") as file:
            write_people(file, people)
            file.seek(0)
            import_csv(database, Vault.from_key_file(Path(folder) / "key"), file, datetime.now(UTC))
        database.write_now(_BARE.create)
        if backend == "postgresql":
            # What autovacuum does by itself within a minute of such an import.
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("ANALYZE")
        rows = [_measure_area(database, name, area, repeat) for name, area in _areas().items()]
        engine.dispose()
    return [{"backend": backend, "people": people, **row} for row in rows]


def _areas() -> dict[str, Shape]:
    lat, lon, half = TOWN.lat, TOWN.lon, SIDE_DEGREES
    corners = [(lon - half, lat - half), (lon + half, lat - half), (lon + half, lat + half), (lon - half, lat + half)]
    return {
        "circle of 3 km": Circle(lat, lon, RADIUS_M),
        "polygon of 4 corners": Polygon(((*corners, corners[0]),)),
        "municipality": Municipality(TOWN.municipality),
    }


def _measure_area(database: Database, name: str, area: Shape, repeat: int) -> dict[str, Any]:
    planned = 0

    def once() -> None:
        nonlocal planned
        _, counts, _ = database.write_now(actions.create, _request(area), "bench", datetime.now(UTC), None)
        planned = counts.total

    times = _times(once, repeat)
    bare = _times(lambda: database.write_now(_bare, planned), repeat)
    return {
        "area": name,
        "deliveries": planned,
        "median_ms": statistics.median(times),
        "slowest_ms": max(times),
        "bare_ms": statistics.median(bare),
    }


def _times(job: Callable[[], None], repeat: int) -> list[float]:
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        job()
        times.append((time.perf_counter() - began) * 1000)
    return times


def _request(area: Shape) -> ActionRequest:
    return ActionRequest(
        kind=Kind.MISSING_PERSON,
        area=(area,),
        text={"nl": Wording("Vermist: jongen van vijf jaar.")},
        urgency=Urgency.LIFE_SAFETY,
        lanes=frozenset({Lane.SMS}),
        expires_in=timedelta(minutes=30),
    )


def _bare(connection: Connection, rows: int) -> None:
    box = (TOWN.lat - 0.027, TOWN.lon - 0.044, TOWN.lat + 0.027, TOWN.lon + 0.044)
    ranges = " OR ".join(f"cell BETWEEN {low} AND {high}" for low, high in cell_ranges(box))
    connection.exec_driver_sql(f"SELECT person_id FROM place WHERE {ranges}").all()
    columns = [column.name for column in _BARE.columns]
    insert_rows(connection, _BARE, columns, ((i, 1, i, i, 1, 0, 1, "nl", 0, 0) for i in range(rows)))
