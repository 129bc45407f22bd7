"""The database in its threads: what is committed, what is rolled back, what is left when it stops."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, event, func, insert, select
from sqlalchemy.exc import IntegrityError
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase

from gateway.storage.database import Database, make_engine
from gateway.storage.tables import carrier, metadata


@pytest.fixture
def sqlite_engine(new_database_url: Callable[..., str]) -> Iterator[Engine]:
    engine = make_engine(new_database_url("sqlite"))
    yield engine
    engine.dispose()


def add(connection: Connection, name: str) -> str:
    connection.execute(insert(carrier).values(name=name))
    return threading.current_thread().name


def add_then_fail(connection: Connection, name: str) -> None:
    add(connection, name)
    raise LookupError(name)


def names(connection: Connection) -> list[str]:
    return list(connection.scalars(select(carrier.c.name).order_by(carrier.c.name)))


def our_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "-ledger-" in thread.name or "-reader-" in thread.name]


async def test_written_row_is_read_back(running_database: Database) -> None:
    await running_database.write(add, "KPN")
    assert await running_database.read(names) == ["KPN"]


async def test_job_gives_its_value_and_takes_keywords(running_database: Database) -> None:
    def count(connection: Connection, *, times: int) -> int:
        return times * connection.scalar(select(func.count()).select_from(carrier))

    await running_database.write(add, "KPN")
    assert await running_database.read(count, times=3) == 3


async def test_jobs_run_outside_the_reactor_thread(running_database: Database) -> None:
    thread = await running_database.write(add, "KPN")
    assert thread != threading.current_thread().name
    assert "-ledger-" in thread


async def test_failed_job_raises_and_leaves_nothing(running_database: Database) -> None:
    with pytest.raises(LookupError):
        await running_database.write(add_then_fail, "KPN")
    assert await running_database.read(names) == []


async def test_refused_row_rolls_back_the_whole_job(running_database: Database) -> None:
    def add_twice(connection: Connection) -> None:
        add(connection, "KPN")
        add(connection, "KPN")

    with pytest.raises(IntegrityError):
        await running_database.write(add_twice)
    assert await running_database.read(names) == []


async def test_writing_goes_on_after_a_failure(running_database: Database) -> None:
    with pytest.raises(LookupError):
        await running_database.write(add_then_fail, "KPN")
    await running_database.write(add, "Odido")
    assert await running_database.read(names) == ["Odido"]


async def test_many_writers_at_once_lose_nothing(running_database: Database) -> None:
    wanted = [f"carrier {n:02}" for n in range(40)]
    await gatherResults([running_database.write(add, name) for name in wanted])
    assert await running_database.read(names) == wanted


async def test_reader_does_not_wait_for_a_writer(running_database: Database) -> None:
    read_meanwhile = threading.Event()

    def write_while_somebody_reads(connection: Connection) -> bool:
        add(connection, "KPN")
        return read_meanwhile.wait(timeout=20)

    writing = running_database.write(write_while_somebody_reads)
    assert await running_database.read(names) == []
    read_meanwhile.set()
    assert await writing is True
    assert await running_database.read(names) == ["KPN"]


async def test_stop_finishes_what_was_handed_over(database: Database) -> None:
    database.start()
    handed_over = [database.write(add, f"carrier {n}") for n in range(5)]
    database.stop()
    await gatherResults(handed_over)
    assert len(database.read_now(names)) == 5


async def test_stop_ends_every_thread(database: Database) -> None:
    database.start()
    await database.write(add, "KPN")
    await database.read(names)
    assert our_threads()
    database.stop()
    assert our_threads() == []


def test_without_threads_a_job_runs_where_it_is_called(database: Database) -> None:
    assert database.write_now(add, "KPN") == threading.current_thread().name
    assert database.read_now(names) == ["KPN"]


def test_without_threads_a_failed_job_leaves_nothing(database: Database) -> None:
    with pytest.raises(LookupError):
        database.write_now(add_then_fail, "KPN")
    assert database.read_now(names) == []


def test_database_knows_its_kind(database: Database, backend: str) -> None:
    assert database.is_sqlite is (backend == "sqlite")


def test_every_table_exists(database: Database) -> None:
    for table in metadata.sorted_tables:
        assert database.read_now(lambda connection, t=table: list(connection.execute(select(t)))) == []


def test_each_test_gets_a_database_of_its_own(new_database_url: Callable[..., str], backend: str) -> None:
    first, second = make_engine(new_database_url(backend)), make_engine(new_database_url(backend))
    with first.begin() as connection:
        add(connection, "KPN")
    with second.begin() as connection:
        assert names(connection) == []
    first.dispose()
    second.dispose()


def test_database_without_tables_has_none(empty_database_url: str) -> None:
    engine = make_engine(empty_database_url)
    metadata.create_all(engine, checkfirst=False)  # would fail on a table that is there
    engine.dispose()


def test_sqlite_keeps_what_it_acknowledged_through_a_power_cut(sqlite_engine: Engine) -> None:
    with sqlite_engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2}  # 2 is FULL


def test_sqlite_holds_to_foreign_keys(sqlite_engine: Engine) -> None:
    with pytest.raises(IntegrityError), sqlite_engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO claim (daemon, lane, claimed_at) VALUES (:daemon, 1, 0)", {"daemon": 4711}
        )


def test_sqlite_writer_takes_its_lock_at_the_start(sqlite_engine: Engine) -> None:
    """A job that reads first and writes then would else fail when another wrote in between."""
    database = Database(sqlite_engine, reactor=None)
    statements: list[str] = []
    event.listen(sqlite_engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    database.write_now(names)
    database.read_now(names)
    assert [statement for statement in statements if statement.startswith("BEGIN")] == ["BEGIN IMMEDIATE", "BEGIN"]


def test_sqlite_file_gets_its_folder(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path}/not/there/yet.db")
    metadata.create_all(engine)
    engine.dispose()
    assert (tmp_path / "not" / "there" / "yet.db").stat().st_size > 0


@pytest.mark.parametrize("url", ["mysql://localhost/burgernet", "oracle://localhost/burgernet"])
def test_other_databases_are_refused_by_name(url: str) -> None:
    with pytest.raises(ValueError, match=url.split(":")[0]):
        make_engine(url)


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg", "postgresql+psycopg2"])
def test_postgresql_is_always_reached_through_psycopg_3(scheme: str) -> None:
    assert make_engine(f"{scheme}://localhost/burgernet").driver == "psycopg"


@pytest.mark.usefixtures("trial_database")
class SqliteInTrialTest(TestCase):
    """Trial's TestCases get theirs by a class attribute."""

    backend = "sqlite"
    database: Database

    async def test_written_row_is_read_back(self) -> None:
        self.database.start()
        self.addCleanup(self.database.stop)
        await self.database.write(add, "KPN")
        assert await self.database.read(names) == ["KPN"]


@pytest.mark.postgres
class PostgresInTrialTest(SqliteInTrialTest):
    """The same on PostgreSQL."""

    backend = "postgres"
