"""The schema that the revisions make is the schema that the code expects, on both databases."""

from __future__ import annotations

import threading
import warnings

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from gateway.storage import migrate
from gateway.storage.database import make_engine
from gateway.storage.tables import metadata


def _comparable(_: object, name: str | None, *__: object) -> bool:
    """Alembic cannot compare an index on an expression; a test of its own looks at that one."""
    return name != "ix_dispatch_waiting"


def test_revisions_make_the_tables_that_the_code_knows(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        assert migrate.current(engine) is None
        migrate.upgrade(engine)
        assert migrate.is_current(engine)
        with engine.connect() as connection, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "autogenerate skipping")
            context = MigrationContext.configure(connection, opts={"include_object": _comparable})
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def test_the_index_of_waiting_work_is_there(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        migrate.upgrade(engine)
        with engine.connect() as connection, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Skipped unsupported reflection")
            table = "sqlite_master" if engine.dialect.name == "sqlite" else "pg_indexes"
            column = "name" if engine.dialect.name == "sqlite" else "indexname"
            found = connection.exec_driver_sql(f"SELECT {column} FROM {table}").scalars().all()
        assert "ix_dispatch_waiting" in found
    finally:
        engine.dispose()


def test_upgrading_twice_changes_nothing(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        migrate.upgrade(engine)
        before = sorted(inspect(engine).get_table_names())
        migrate.upgrade(engine)
        assert sorted(inspect(engine).get_table_names()) == before
    finally:
        engine.dispose()


def test_two_daemons_that_start_at_once_upgrade_once(empty_database_url: str) -> None:
    engines = [make_engine(empty_database_url) for _ in range(2)]
    failures: list[BaseException] = []

    def run(index: int) -> None:
        try:
            migrate.upgrade(engines[index])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert failures == []
        assert migrate.is_current(engines[0])
    finally:
        for engine in engines:
            engine.dispose()


@pytest.mark.parametrize("table", ["delivery", "segment", "claim", "place"])
def test_a_fresh_database_is_empty(empty_database_url: str, table: str) -> None:
    engine = make_engine(empty_database_url)
    try:
        migrate.upgrade(engine)
        with engine.connect() as connection:
            assert connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0
    finally:
        engine.dispose()
