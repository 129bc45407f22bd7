"""What the commands share: settings, the database, JSON or words, and errors that people can read."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NoReturn, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from gateway.settings import Settings
    from gateway.storage.database import Database

CONFIG_VARIABLE = "BURGERNET_CONFIG"
CONFIG_FILE = Path("burgernet.toml")

F = TypeVar("F", bound=Callable[..., Any])


class FailedError(click.ClickException):
    """Something that cannot be done, told in words; exit 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Print it, the first line marked."""
        first, *rest = self.format_message().splitlines() or [""]
        click.secho(f"Error: {first}", fg="red", err=True)
        for line in rest:
            click.echo(f"  {line}", err=True)


@dataclass(frozen=True, slots=True)
class Options:
    """What every command takes.

    Attributes:
        config: the settings file that was named or found.
        named: whether it was named.
        json: whether results are wanted as JSON.
    """

    config: Path | None
    named: bool
    json: bool

    def settings(self) -> Settings:
        """The settings.

        Raises:
            FailedError: with every fault.
        """
        from gateway.settings import SettingsError, load

        try:
            return load(self.config, os.environ)
        except SettingsError as error:
            raise FailedError("the settings have faults:\n" + "\n".join(map(str, error.faults))) from None

    def print(self, result: object, words: Callable[[Console], None]) -> None:
        """Print a result: as JSON where that is wanted, else in words."""
        if self.json:
            click.echo(json.dumps(result, ensure_ascii=False, indent=2))
        else:
            words(console())


def command_options(*, json: bool = True) -> Callable[[F], F]:
    """Give a command ``-c/--config``, and ``--json`` where it prints a result; it gets :class:`Options` first."""

    def decorate(command: F) -> F:
        @wraps(command)
        def with_options(config: Path | None, as_json: bool = False, **rest: Any) -> Any:
            with readable_errors():
                return command(Options(*_find(config), as_json), **rest)

        wrapped = click.option(
            "-c",
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            metavar="FILE",
            help="The settings (TOML).",
        )(with_options)
        if json:
            wrapped = click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(wrapped)
        return wrapped  # type: ignore[return-value]

    return decorate


@contextmanager
def readable_errors() -> Iterator[None]:
    """Turn what may go wrong into words."""
    from gateway.domain.errors import BurgernetError, InvalidRequestError

    try:
        yield
    except InvalidRequestError as error:
        raise FailedError("\n".join(map(str, error.faults))) from None
    except BurgernetError as error:
        raise FailedError(str(error)) from None
    except BrokenPipeError:
        # Whoever read us has seen enough (``| head``).
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)


@contextmanager
def open_database(settings: Settings) -> Iterator[Database]:
    """The ledger for a command: without threads, ``write_now`` and ``read_now`` only. A new one gets its tables.

    Raises:
        FailedError: it is of another version, or away.
    """
    from sqlalchemy import inspect
    from sqlalchemy.exc import OperationalError
    from twisted.internet import reactor  # noqa: TID251 - only handed on; it does not run

    from gateway.storage import migrate
    from gateway.storage.database import Database, make_engine

    engine = make_engine(settings.database.url.get_secret_value())
    try:
        if not inspect(engine).get_table_names():
            migrate.upgrade(engine)
        elif not migrate.is_current(engine):
            raise FailedError(
                f"the tables of {settings.database.shown_url} are of another version\nrun: burgernet db upgrade"
            )
        yield Database(engine, reactor)  # type: ignore[arg-type]
    except OperationalError as error:
        raise FailedError(f"{settings.database.shown_url}: {error.orig}") from None
    finally:
        engine.dispose()


def console(*, stderr: bool = False) -> Console:
    """A terminal, or a file where there is none: no colours then, and no line is cut."""
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else 200, highlight=False, soft_wrap=False)


def example(*lines: str) -> str:
    """An example for the end of a command's help, its lines kept as they are."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def usage(message: str) -> NoReturn:
    """End with a usage error, exit 2."""
    raise click.UsageError(message)


def _find(config: Path | None) -> tuple[Path | None, bool]:
    if config is not None:
        return config, True
    named = os.environ.get(CONFIG_VARIABLE)
    if named:
        return Path(named), True
    return (CONFIG_FILE, False) if CONFIG_FILE.exists() else (None, False)
