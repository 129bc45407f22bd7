"""The database in threads of its own: one writer for SQLite, a small pool for PostgreSQL, and readers.

Nothing here runs in the reactor thread but the hand-over. A job is a plain function that takes a
:class:`~sqlalchemy.engine.Connection` inside one short transaction and returns a value.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.pool import ConnectionPoolEntry
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.internet.threads import deferToThreadPool
from twisted.python.threadpool import ThreadPool

P = ParamSpec("P")
R = TypeVar("R")

BUSY_TIMEOUT_S = 30.0
WAL_RETRY_S = 0.02
CACHE_KIB = 64 * 1024


def make_engine(url: str | URL) -> Engine:
    """An engine set up for durability: SQLite in WAL with ``synchronous=FULL``, PostgreSQL as it is.

    Raises:
        ValueError: the URL names another database.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed, connect_args={"timeout": BUSY_TIMEOUT_S, "check_same_thread": False})
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.get_backend_name() == "postgresql":
        return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_size=8, pool_pre_ping=True)
    raise ValueError(f"{parsed.get_backend_name()}: only sqlite and postgresql are known")


def _set_up_sqlite(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # The driver would begin transactions by itself, too late and only for some statements; SQLAlchemy says BEGIN.
    connection.isolation_level = None
    _use_wal(connection)
    for pragma in (
        # FULL: what was acknowledged is on the disk, a power cut included.
        "synchronous=FULL",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        f"cache_size=-{CACHE_KIB}",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _use_wal(connection: sqlite3.Connection) -> None:
    # Two processes that open a new file at once both want it alone for this; SQLite does not wait then, it refuses.
    patience = Event()
    for _ in range(int(BUSY_TIMEOUT_S / WAL_RETRY_S)):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            patience.wait(WAL_RETRY_S)
    connection.execute("PRAGMA journal_mode=WAL")


def _begin_sqlite(connection: Connection) -> None:
    # IMMEDIATE where it writes: a reader that turns writer half-way would fail with "database is locked".
    connection.exec_driver_sql("BEGIN IMMEDIATE" if connection.get_execution_options().get("writes") else "BEGIN")


class Database:
    """An engine and the threads that use it.

    Args:
        engine: from :func:`make_engine`.
        reactor: runs the callbacks.
        readers: threads for reading jobs.

    Attributes:
        stopping: set when :meth:`stop` begins; a job in a lent thread ends soon after.
    """

    def __init__(self, engine: Engine, reactor: IReactorFromThreads, readers: int = 4) -> None:
        self.engine = engine
        self._reactor = reactor
        self.is_sqlite = engine.dialect.name == "sqlite"
        self.stopping = False
        self._writing_engine = engine.execution_options(writes=True)
        # SQLite has one writer at a time; more threads would only queue at its lock.
        writers = 1 if self.is_sqlite else 4
        self._writers = ThreadPool(minthreads=1, maxthreads=writers, name="ledger")
        self._readers = ThreadPool(minthreads=0, maxthreads=readers, name="reader")

    def start(self) -> None:
        """Start the threads."""
        self._writers.start()
        self._readers.start()

    def stop(self) -> None:
        """Finish what was handed over, end the threads, close the connections. Blocks until then."""
        self.stopping = True
        self._writers.stop()
        self._readers.stop()
        self.engine.dispose()

    def write(self, job: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """Run a job in a transaction that is committed when it returns and rolled back when it raises."""
        return deferToThreadPool(self._reactor, self._writers, lambda: self.write_now(job, *args, **kwargs))

    def read(self, job: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> Deferred[R]:
        """Run a job that only reads."""
        return deferToThreadPool(self._reactor, self._readers, lambda: self.read_now(job, *args, **kwargs))

    def lend_thread(self, job: Callable[[], R]) -> Deferred[R]:
        """Run a long job that makes its own transactions, with ``read_now`` and ``write_now``, in a reader's thread."""
        return deferToThreadPool(self._reactor, self._readers, job)

    def write_now(self, job: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same in the caller's own thread, for commands that have no reactor."""
        with self._writing_engine.begin() as connection:
            return job(connection, *args, **kwargs)

    def read_now(self, job: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """The same in the caller's own thread."""
        with self.engine.begin() as connection:
            return job(connection, *args, **kwargs)
