"""``burgernet serve``, ``check`` and ``db``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from gateway.cli.common import FailedError, Options, command_options, example


@click.command(epilog=example("burgernet serve -c /etc/burgernet/burgernet.toml"))
@command_options(json=False)
def serve(options: Options) -> None:
    """Run the daemon until SIGTERM or Ctrl-C; it then finishes what is under way."""
    settings = options.settings()
    from twisted.internet import reactor  # noqa: TID251 - here is where it is taken

    from gateway import wiring

    sys.exit(wiring.run(settings, reactor))


@click.command(epilog=example("burgernet check -c burgernet.toml", "burgernet check --send 0612345678"))
@click.option("--send", metavar="NUMBER", help="Send one test message to this mobile over each carrier instead.")
@click.option("--carrier", metavar="NAME", help="With --send: over this carrier only.")
@command_options()
def check(options: Options, send: str | None, carrier: str | None) -> None:
    """Try everything that the settings name: one line each; exit 1 where something is not well."""
    if carrier is not None and send is None:
        raise click.UsageError("--carrier goes with --send")
    lines = []
    for line in _lines(options) if send is None else _sent(options, send, carrier):
        lines.append(line)
        if not options.json:
            mark = click.style("ok   ", fg="green") if line["ok"] else click.style("FAULT", fg="red")
            click.echo(f"{mark}  {line['name']:<20}  {line['detail']}")
    if options.json:
        click.echo(json.dumps(lines, ensure_ascii=False, indent=2))
    if not all(line["ok"] for line in lines):
        sys.exit(1)


def _lines(options: Options) -> Iterator[dict[str, Any]]:
    from gateway.settings import SettingsError, load

    try:
        settings = load(options.config, os.environ)
    except SettingsError as error:
        yield from ({"name": "settings", "ok": False, "detail": str(fault)} for fault in error.faults)
        return
    from gateway import wiring

    for line in wiring.check(settings):
        yield {"name": line.name, "ok": line.ok, "detail": line.detail}


def _sent(options: Options, number: str, carrier: str | None) -> list[dict[str, Any]]:
    from gateway.domain.numbers import NumberError, may_be_texted, parse_number

    try:
        parsed = parse_number(number)
    except NumberError as error:
        raise click.BadParameter(str(error), param_hint="--send") from None
    if not may_be_texted(parsed):
        raise click.BadParameter(f"is a {parsed.kind.word} number, which is never texted", param_hint="--send")
    settings = options.settings()
    from twisted.internet import reactor  # noqa: TID251 - here is where it is taken
    from twisted.internet.defer import Deferred

    from gateway import wiring

    lines: list[wiring.CheckLine] = []
    failures: list[Any] = []

    def begin() -> None:
        work = Deferred.fromCoroutine(wiring.send_tests(settings, parsed.e164, carrier, reactor))
        work.addCallbacks(lines.extend, failures.append)
        work.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(begin)
    reactor.run()
    if failures:
        raise FailedError(failures[0].getErrorMessage())
    return [{"name": line.name, "ok": line.ok, "detail": line.detail} for line in lines]


@click.group()
def db() -> None:
    """The database's tables."""


@db.command(epilog=example("burgernet db upgrade -c burgernet.toml"))
@command_options()
def upgrade(options: Options) -> None:
    """Bring the tables to this version; what is there stays."""
    settings = options.settings()
    from sqlalchemy.exc import SQLAlchemyError

    from gateway.storage import migrate
    from gateway.storage.database import make_engine

    engine = make_engine(settings.database.url.get_secret_value())
    try:
        migrate.upgrade(engine)
    except SQLAlchemyError as error:
        raise FailedError(f"{settings.database.shown_url}: {str(error).splitlines()[0]}") from None
    finally:
        engine.dispose()
    result = {"database": settings.database.shown_url, "current": True}
    options.print(result, lambda out: out.print(f"The tables of {settings.database.shown_url} are of this version."))
