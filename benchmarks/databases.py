"""The databases that benchmarks run on, each empty, each gone afterwards."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import create_engine, make_url

BACKENDS = ("sqlite", "postgresql")
POSTGRES_VARIABLE = "BURGERNET_TEST_POSTGRES"
"""The server that ``scripts/lib/with-postgres`` started."""


@contextmanager
def empty_database(backend: str) -> Iterator[str]:
    """The URL of a database without tables.

    Raises:
        SystemExit: no PostgreSQL server is at hand.
    """
    if backend == "sqlite":
        with tempfile.TemporaryDirectory(prefix="burgernet-bench-") as folder:
            yield f"sqlite:///{folder}/bench.db"
        return
    server = os.environ.get(POSTGRES_VARIABLE)
    if not server:
        raise SystemExit(f"{POSTGRES_VARIABLE} names no server; ./scripts/bench starts one")
    name = f"burgernet_bench_{os.getpid()}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with admin.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
        admin.dispose()
