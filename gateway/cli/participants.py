"""``burgernet participants``: on the database itself, so that numbers need not travel."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, BinaryIO, TextIO

import click

from gateway.cli.common import FailedError, Options, command_options, console, example, open_database

if TYPE_CHECKING:
    from gateway.domain.participant import FaultyRow
    from gateway.settings import Settings
    from gateway.storage.vault import Vault

SHOWN_FAULTS = 50

Progress = Callable[[str, int, "int | None"], None]


@click.group()
def participants() -> None:
    """Import, export and forget participants. These commands work on the database itself."""


@participants.command(
    "import", epilog=example("burgernet participants import deelnemers.csv --faults deelnemers-fouten.csv")
)
@click.argument("file", type=click.File("rb"))
@click.option("--faults", "faults_file", type=click.File("w", encoding="utf-8", lazy=True), metavar="FILE.csv",
              help="Write every faulty row's line, ref, field and reason there.")  # fmt: skip
@command_options()
def import_file(options: Options, file: BinaryIO, faults_file: TextIO | None) -> None:
    """Bring in a CSV (UTF-8); - reads stdin. Faulty rows fall out, the others count; exit 1 if any fell out.

    Columns: ref, mobile, landline, lat, lon, municipality, language, lanes, quiet_from, quiet_to, quiet_strict, label.
    Importing a file again changes nothing; a row that differs changes that participant.
    """
    settings = options.settings()
    from gateway.storage.repositories.participant_import import import_csv

    faults = _Faults(faults_file)
    with ExitStack() as stack:
        database = stack.enter_context(open_database(settings))
        vault = _vault(settings, create=True)
        progress = stack.enter_context(_progress())
        result = import_csv(database, vault, file, _now(), progress, faults.add)
    faults.tell_rest()
    counts = {name: getattr(result, name) for name in ("rows", "added", "changed", "unchanged", "faulty")}
    options.print(counts, lambda out: out.print(_sentence(counts)))
    if result.faulty:
        sys.exit(1)


@participants.command(epilog=example("burgernet participants export 0612345678 > inzage.json"))
@click.argument("number")
@command_options()
def export(options: Options, number: str) -> None:
    """Print everything that is held on a number, as JSON (AVG, article 15)."""
    e164 = _e164(number)
    settings = options.settings()
    from gateway.storage.repositories.participants import export_number

    with open_database(settings) as database:
        vault = _vault(settings)
        held = database.read_now(lambda connection: export_number(connection, vault, e164, _now()))
    click.echo(json.dumps(held, ensure_ascii=False, indent=2))


@participants.command(epilog=example("burgernet participants forget 0612345678"))
@click.argument("number")
@click.option("--yes", is_flag=True, help="Do not ask.")
@command_options()
def forget(options: Options, number: str, yes: bool) -> None:
    """Remove a number, and whoever has no other (AVG, article 17). What has not been sent is not sent any more."""
    e164 = _e164(number)
    settings = options.settings()
    from gateway.storage.repositories.participants import forget_number

    if not yes and sys.stdin.isatty():
        click.confirm("This cannot be undone. Forget this number?", abort=True, err=True)
    with open_database(settings) as database:
        vault = _vault(settings)
        done = database.write_now(lambda connection: forget_number(connection, vault, e164, _now()))
    counts = {name: getattr(done, name) for name in ("removed", "kept", "cancelled", "deliveries", "responses")}
    told = (
        f"{counts['removed']} removed, {counts['kept']} kept by another number; "
        f"{counts['cancelled']} messages cancelled; "
        f"{counts['deliveries']} deliveries and {counts['responses']} responses count on without the number"
        if any(counts.values())
        else "This number was not known."
    )
    options.print(counts, lambda out: out.print(told))


class _Faults:
    """Shows the first faulty rows, and writes all to a file where one is wanted."""

    def __init__(self, file: TextIO | None) -> None:
        self._writer = csv.writer(file) if file is not None else None
        self._named = file is not None
        self._count = 0
        if self._writer is not None:
            self._writer.writerow(("line", "ref", "field", "reason"))

    def add(self, row: FaultyRow) -> None:
        """A row fell out."""
        from gateway.web.csvs import cell

        self._count += 1
        if self._writer is not None:
            self._writer.writerows((row.line, cell(row.ref), f.path, cell(f.message)) for f in row.faults)
        if self._count <= SHOWN_FAULTS:
            ref = f" ({row.ref})" if row.ref else ""
            click.echo(f"line {row.line}{ref}: {row.reason}", err=True)

    def tell_rest(self) -> None:
        """How many were not shown."""
        if self._count > SHOWN_FAULTS:
            where = "" if self._named else "; --faults FILE.csv keeps all"
            click.echo(f"... and {self._count - SHOWN_FAULTS} more{where}", err=True)


@contextmanager
def _progress() -> Iterator[Progress]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step, done, total: None
        return
    from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console(stderr=True)) as bar:
        tasks: dict[str, TaskID] = {}

        def show(step: str, done: int, total: int | None) -> None:
            if step not in tasks:
                tasks[step] = bar.add_task(step, total=total)
            bar.update(tasks[step], completed=done, total=total)

        yield show


def _sentence(counts: dict[str, Any]) -> str:
    return (
        f"{counts['rows']} rows: {counts['added']} participants added, {counts['changed']} changed, "
        f"{counts['unchanged']} unchanged; {counts['faulty']} faulty rows fell out"
    )


def _e164(number: str) -> str:
    from gateway.domain.numbers import NumberError, parse_number

    try:
        return parse_number(number).e164
    except NumberError as error:
        raise click.BadParameter(str(error), param_hint="NUMBER") from None


def _vault(settings: Settings, *, create: bool = False) -> Vault:
    from gateway.storage.vault import Vault, VaultError

    try:
        return Vault.from_key_file(settings.key_path, create=create)
    except VaultError as error:
        raise FailedError(f"the key of the numbers: {error}") from None


def _now() -> datetime:
    return datetime.now(UTC)
