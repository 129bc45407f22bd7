"""What every test may ask for: databases of both kinds, a reactor that is left as it was found, a free port.

``./scripts/test`` starts the PostgreSQL and names it in ``BURGERNET_TEST_POSTGRES``; without it the tests that need it
fail. For a single test: ``./scripts/test --quick -k late_receipt``.
"""

from __future__ import annotations

import inspect
import os
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis.configuration import set_hypothesis_home_dir
from hypothesis.database import DirectoryBasedExampleDatabase
from sqlalchemy import Engine, create_engine, make_url
from twisted.internet import reactor  # noqa: TID251 - the tests' own start
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from gateway.storage.database import Database, make_engine
from gateway.storage.tables import metadata

ROOT = Path(__file__).resolve().parent.parent
POSTGRES_VARIABLE = "BURGERNET_TEST_POSTGRES"
WAIT_LIMIT_S = 60.0

# Wherever pytest is called from, what hypothesis remembers stays in the checkout, out of sight of git.
set_hypothesis_home_dir(ROOT / ".hypothesis")
settings.register_profile(
    "ci",
    deadline=None,
    derandomize=False,
    print_blob=True,
    database=DirectoryBasedExampleDatabase(ROOT / ".hypothesis" / "examples"),
)
settings.load_profile("ci")


# ---------------------------------------------------------------- which tests run


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--interop", action="store_true", help="also the tests that send through Debian's Kannel")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--interop"):
        return
    left_out = [item for item in items if item.get_closest_marker("interop")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


# ---------------------------------------------------------------- what surrounds a test


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own settings and proxies are nothing to a test."""
    for name in list(os.environ):
        ours = name.startswith("BURGERNET_") and not name.startswith("BURGERNET_TEST_")
        if ours or name.lower() in {"http_proxy", "https_proxy", "all_proxy"}:
            monkeypatch.delenv(name)


@pytest.fixture
def free_port() -> int:
    """A loopback TCP port that was free a moment ago, for a process of its own. In-process servers listen on port 0."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---------------------------------------------------------------- the reactor


def run_until_done(awaitable: Awaitable[Any] | Deferred[Any]) -> Any:
    """Turn the reactor until this is done, as trial does for its own tests; give its result or raise its error.

    Raises:
        TimeoutError: it took longer than ``WAIT_LIMIT_S`` (Twisted's, from :meth:`Deferred.addTimeout`).
        KeyboardInterrupt: the reactor was stopped meanwhile.
    """
    deferred = awaitable if isinstance(awaitable, Deferred) else Deferred.fromCoroutine(awaitable)
    outcomes: list[Any] = []
    deferred.addTimeout(WAIT_LIMIT_S, reactor)
    deferred.addBoth(outcomes.append)
    if not outcomes:
        deferred.addCallback(lambda _: reactor.crash())
        # A reactor that was stopped cannot be started again; one that crashed can.
        reactor.stop = reactor.crash
        try:
            reactor.run()
        finally:
            del reactor.stop
    if not outcomes:
        raise KeyboardInterrupt
    if isinstance(outcomes[0], Failure):
        outcomes[0].raiseException()
    return outcomes[0]


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Run ``async def`` tests in the reactor.

    pytest-twisted would do so too, but runs every test inside the running reactor, where trial's TestCases cannot wait.
    """
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    run_until_done(pyfuncitem.obj(**arguments))
    return True


@pytest.fixture(scope="session")
def wait_for() -> Callable[[Awaitable[Any] | Deferred[Any]], Any]:
    """Wait for a coroutine or Deferred in a fixture or a plain test: ``wait_for(database.read(job))``."""
    return run_until_done


@pytest.fixture(autouse=True)
def clean_reactor() -> Iterator[None]:
    """Nothing is left in the reactor: no timer, no socket."""
    yield
    # Connections that were just closed get their connectionLost in the next two turns.
    reactor.iterate(0)
    reactor.iterate(0)
    left = [*reactor.getDelayedCalls(), *reactor.removeAll()]
    for timer in reactor.getDelayedCalls():
        timer.cancel()
    assert not left, f"left in the reactor: {left}"


@pytest.fixture(scope="session", autouse=True)
def reactor_threads() -> Iterator[None]:
    """End the threads that the reactor lent, or the process would wait for them forever."""
    yield
    if reactor.threadpool is not None:
        reactor._stopThreadPool()


# ---------------------------------------------------------------- databases


class SqliteDatabases:
    """Databases in files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._template = folder / "template.db"
        self._count = 0
        create_tables(f"sqlite:///{self._template}")

    def new(self, *, tables: bool) -> str:
        """The URL of a new one."""
        self._count += 1
        path = self._folder / f"{self._count}" / "burgernet.db"
        path.parent.mkdir()
        if tables:
            shutil.copyfile(self._template, path)
        return f"sqlite:///{path}"

    def drop(self, url: str) -> None:
        """Remove it."""
        shutil.rmtree(Path(str(make_url(url).database)).parent)

    def close(self) -> None:
        """Remove the template."""
        self._template.unlink()


class PostgresDatabases:
    """Databases on the server that ``./scripts/test`` started, copied from a template: some 40 ms each."""

    def __init__(self, server: str) -> None:
        self._server = make_url(server)
        self._admin: Engine = create_engine(self._server, isolation_level="AUTOCOMMIT")
        # Several runs may share a server.
        self._prefix = f"burgernet_test_{os.getpid()}"
        self._count = 0
        self._to_drop: list[str] = []
        self._template = self._create("template1")
        create_tables(self._url(self._template))

    def new(self, *, tables: bool) -> str:
        """The URL of a new one."""
        self._drop_waiting()
        return self._url(self._create(self._template if tables else "template1"))

    def drop(self, url: str) -> None:
        """Drop it, a little later: the server takes 0.1 s more while connections are still being closed."""
        self._to_drop.append(str(make_url(url).database))

    def close(self) -> None:
        """Drop all that is left."""
        self._to_drop.append(self._template)
        self._drop_waiting()
        self._admin.dispose()

    def _url(self, name: str) -> str:
        return self._server.set(database=name).render_as_string(hide_password=False)

    def _create(self, template: str) -> str:
        self._count += 1
        name = f"{self._prefix}_{self._count}"
        with self._admin.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def _drop_waiting(self) -> None:
        with self._admin.connect() as connection:
            while self._to_drop:
                connection.exec_driver_sql(f"DROP DATABASE {self._to_drop.pop()} WITH (FORCE)")


Databases = SqliteDatabases | PostgresDatabases


def create_tables(url: str) -> None:
    engine = make_engine(url)
    metadata.create_all(engine)
    engine.dispose()


@pytest.fixture(scope="session")
def sqlite_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteDatabases]:
    databases = SqliteDatabases(tmp_path_factory.mktemp("sqlite"))
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[PostgresDatabases]:
    server = os.environ.get(POSTGRES_VARIABLE)
    if not server:
        pytest.fail(f"{POSTGRES_VARIABLE} names no server; ./scripts/test starts one", pytrace=False)
    databases = PostgresDatabases(server)
    yield databases
    databases.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    """Which database: the test runs once for each."""
    return request.param


@pytest.fixture
def new_database_url(request: pytest.FixtureRequest) -> Iterator[Callable[..., str]]:
    """Make databases: ``new_database_url("postgres", tables=False)``. They are dropped after the test."""
    made: list[tuple[Databases, str]] = []

    def new(backend: str, *, tables: bool = True) -> str:
        databases: Databases = request.getfixturevalue(f"{backend}_databases")
        url = databases.new(tables=tables)
        made.append((databases, url))
        return url

    yield new
    for databases, url in made:
        databases.drop(url)


@pytest.fixture
def database_url(backend: str, new_database_url: Callable[..., str]) -> str:
    """A database with every table, and nothing in them."""
    return new_database_url(backend)


@pytest.fixture
def empty_database_url(backend: str, new_database_url: Callable[..., str]) -> str:
    """A database without tables."""
    return new_database_url(backend, tables=False)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """The same with an engine. Its threads are not started: ``write_now`` and ``read_now`` do without."""
    engine = make_engine(database_url)
    yield Database(engine, reactor)
    engine.dispose()


@pytest.fixture
def running_database(database: Database) -> Iterator[Database]:
    """The same with its threads, for ``await database.write(job)`` in an ``async def`` test."""
    database.start()
    yield database
    database.stop()


@pytest.fixture
def trial_database(request: pytest.FixtureRequest, new_database_url: Callable[..., str]) -> Iterator[None]:
    """For trial's TestCases, which cannot take fixtures: the test finds ``self.database``, threads not started.

    ``@pytest.mark.usefixtures("trial_database")`` on a class that says ``backend = "sqlite"``.
    """
    engine = make_engine(new_database_url(request.cls.backend))
    request.instance.database = Database(engine, reactor)
    yield
    engine.dispose()
