"""``burgernet keys``: made here, on the machine that has the database; shown once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.common import Options, command_options, example, open_database
from gateway.domain.access import Role

if TYPE_CHECKING:
    from gateway.storage.repositories.keys import KnownKey


@click.group()
def keys() -> None:
    """Keys for the HTTP API. These commands work on the database itself."""


@keys.command(epilog=example("burgernet keys create desk-1 --role operator > desk-1.key"))
@click.argument("name")
@click.option("--role", type=click.Choice([role.value for role in Role]), required=True, help="What it may do.")
@command_options()
def create(options: Options, name: str, role: str) -> None:
    """Make a key and print it, once: the database keeps only a hash.

    A reader may look; an operator may start, change and end actions; an admin may also change participants.
    """
    from gateway.storage.repositories import keys as repository

    with open_database(options.settings()) as database:
        made = database.write_now(lambda connection: repository.create(connection, name, Role(role), _now()))
    if not options.json:
        click.echo(f"A key for {made.name}, {made.role.value}. It is not shown again.", err=True)
    result = {"name": made.name, "role": made.role.value, "key": made.key}
    options.print(result, lambda _: click.echo(made.key))


@keys.command("list", epilog=example("burgernet keys list"))
@command_options()
def list_keys(options: Options) -> None:
    """List the keys, without the keys themselves."""
    from gateway.cli import words
    from gateway.storage.repositories import keys as repository

    with open_database(options.settings()) as database:
        found = [_shown(key) for key in database.read_now(repository.list_all)]
    options.print(found, lambda out: words.keys(out, found))


@keys.command(epilog=example("burgernet keys revoke desk-1"))
@click.argument("name")
@command_options()
def revoke(options: Options, name: str) -> None:
    """Refuse a key from now on. A daemon that runs refuses it within a minute, and ends its streams."""
    from gateway.storage.repositories import keys as repository

    with open_database(options.settings()) as database:
        revoked = _shown(database.write_now(lambda connection: repository.revoke(connection, name, _now())))
    options.print(revoked, lambda out: out.print(f"The key {revoked['name']} is revoked."))


def _shown(key: KnownKey) -> dict[str, Any]:
    return {
        "name": key.name,
        "role": key.role.value,
        "created_at": _text(key.created_at),
        "revoked_at": None if key.revoked_at is None else _text(key.revoked_at),
    }


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _now() -> datetime:
    return datetime.now(UTC)
