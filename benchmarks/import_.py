"""The import of a participants' file, first, again unchanged, and the memory it takes; SQLite and PostgreSQL.

Beside it, in the same run: as many rows of about the same columns into a bare table by executemany (SQLite) or COPY
(PostgreSQL), with nothing parsed, checked, sealed or compared.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from sqlalchemy import Column, Integer, LargeBinary, MetaData, String
from sqlalchemy import Table as SqlTable
from sqlalchemy.engine import Connection

from benchmarks.databases import BACKENDS, empty_database
from gateway.rehearsal.people import write_people
from gateway.storage.bulk import insert_rows
from gateway.storage.database import Database, make_engine
from gateway.storage.migrate import upgrade
from gateway.storage.repositories.participant_import import import_csv
from gateway.storage.vault import Vault

_BARE = SqlTable(
    "bare",
    MetaData(),
    Column("id", Integer),
    Column("ref", String(80)),
    Column("blind", LargeBinary(16)),
    Column("sealed", LargeBinary(40)),
    Column("cell", Integer),
)


def main(argv: list[str]) -> int:
    """Measure, print."""
    parser = argparse.ArgumentParser(prog="bench import", description=__doc__)
    parser.add_argument("-n", "--people", type=int, default=1_600_000)
    parser.add_argument("--backend", choices=BACKENDS, action="append")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="burgernet-bench-") as folder:
        path = Path(folder) / "people.csv"
        with path.open("wb") as file:
            rows = write_people(file, options.people)
        runs = [measure(backend, path, rows) for backend in options.backend or BACKENDS]
    if options.json:
        print(json.dumps({"rows": rows, "runs": runs}, indent=2))
        return 0
    table = Table("", "first, rows/s", "s", "again, rows/s", "s", "bare rows/s", "memory MB", title=f"{rows:,} rows")
    for run in runs:
        table.add_row(
            run["backend"],
            f"{rows / run['first_s']:,.0f}",
            f"{run['first_s']:.0f}",
            f"{rows / run['again_s']:,.0f}",
            f"{run['again_s']:.0f}",
            f"{rows / run['bare_s']:,.0f}",
            f"{run['rss_mb']:.0f}",
        )
    Console().print(table)
    return 0


def measure(backend: str, path: Path, rows: int) -> dict[str, Any]:
    """One database."""
    with empty_database(backend) as url, tempfile.TemporaryDirectory() as keys:
        engine = make_engine(url)
        upgrade(engine)
        database = Database(engine, None)  # type: ignore[arg-type] - without threads, no reactor is asked
        vault = Vault.from_key_file(Path(keys) / "key")
        first_s = _timed(path, lambda file, tell: import_csv(database, vault, file, datetime.now(UTC), tell))
        again_s = _timed(path, lambda file, tell: import_csv(database, vault, file, datetime.now(UTC), tell))
        # Linux counts in KiB; the most that this process ever held.
        rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began = time.perf_counter()
        database.write_now(_insert_bare, rows)
        bare_s = time.perf_counter() - began
        engine.dispose()
    return {"backend": backend, "first_s": first_s, "again_s": again_s, "bare_s": bare_s, "rss_mb": rss_mb}


def _timed(path: Path, job: Callable[[BinaryIO, Callable[[str, int, int | None], None]], object]) -> float:
    with path.open("rb") as file, Progress(console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("")
        began = time.perf_counter()
        job(file, lambda step, done, total: progress.update(bar, description=step, completed=done, total=total))
        return time.perf_counter() - began


def _insert_bare(connection: Connection, rows: int) -> None:
    _BARE.create(connection)
    columns = [column.name for column in _BARE.columns]
    insert_rows(connection, _BARE, columns, ((i, f"p{i}", b"x" * 16, b"y" * 40, i) for i in range(rows)))
