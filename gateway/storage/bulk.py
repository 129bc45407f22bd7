"""Many rows at once, past SQLAlchemy's work for each of them, where that work is most of the time.

In: COPY on PostgreSQL, one prepared statement on SQLite. Out: rows by a list of keys, plain tuples. Values are as the
database keeps them: times as microseconds (``tables.to_us``), enums as integers. Measured by ``benchmarks import``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Column, Select, Table, func, select, text
from sqlalchemy.engine import Connection

# SQLite takes 32,766 parameters in a statement.
_KEYS = 30_000


def insert_rows(connection: Connection, table: Table, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Insert rows with these columns, in this order.

    Raises:
        KeyError: the table has no such column.
        sqlalchemy.exc.DBAPIError, psycopg.Error: the database refuses one; the transaction is lost.
    """
    quote = connection.dialect.identifier_preparer
    target = quote.format_table(table)
    names = ", ".join(quote.format_column(table.c[column]) for column in columns)
    cursor: Any = connection.connection.cursor()
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        # Names come from our own tables and are quoted by the dialect.
        cursor.executemany(f"INSERT INTO {target} ({names}) VALUES ({marks})", rows)  # noqa: S608
        cursor.close()
        return
    with cursor, cursor.copy(f"COPY {target} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def reserve_ids(connection: Connection, table: Table, count: int) -> Sequence[int]:
    """Ids for so many new rows of a table whose ids are never used twice, without asking for them row by row.

    On SQLite the transaction must hold the write lock, and must insert rows with these ids before it ends.
    """
    if connection.dialect.name == "sqlite":
        query = text("SELECT seq FROM sqlite_sequence WHERE name = :name")
        last = connection.execute(query, {"name": table.name}).scalar() or 0
        return range(last + 1, last + 1 + count)
    sequence = func.pg_get_serial_sequence(table.name, "id")
    return (
        connection.execute(select(func.nextval(sequence)).select_from(func.generate_series(1, count))).scalars().all()
    )


def rows_by_key(
    connection: Connection, query: Select[Any], column: Column[Any], keys: Sequence[object]
) -> Iterator[tuple[Any, ...]]:
    """The rows of a query without parameters and conditions whose ``column`` is one of these keys."""
    dialect = connection.dialect
    condition = f"{query.compile(dialect=dialect)} WHERE {column.compile(dialect=dialect)}"
    cursor: Any = connection.connection.cursor()
    for start in range(0, len(keys), _KEYS):
        some = keys[start : start + _KEYS]
        if dialect.name == "sqlite":
            cursor.execute(f"{condition} IN ({','.join('?' * len(some))})", some)
        else:
            cursor.execute(f"{condition} = ANY(%s)", (list(some),))
        yield from cursor.fetchall()
    cursor.close()
