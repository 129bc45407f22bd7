"""The import of the participants' CSV: read, sort by person, compare, write what differs.

First the whole file is read, judged and staged (``storage.staging``), which touches no table. Then the participants are
merged some thousand at a time, a short transaction each, so that a running daemon's ledger never waits long. What
is as it was is found by reading alone.

A run that dies half-way leaves the chunks that it committed, each person whole; running it again finishes the work.
People whose ``ref`` is not in the file stay as they are.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from gateway.domain.errors import UnavailableError
from gateway.domain.participant import FaultyRow, Participant, gather
from gateway.storage.database import Database
from gateway.storage.merging import differing, merge, remove_unused_numbers
from gateway.storage.participant_file import read_rows
from gateway.storage.staging import Staging
from gateway.storage.vault import Vault

CHUNK_PLACES = 1000
"""Places a transaction. More is faster and keeps the ledger waiting longer (``benchmarks import``)."""

REMOVED_AT_ONCE = 100
"""Numbers that nobody has any more are looked for in the whole ledger: a few a transaction."""

Progress = Callable[[str, int, int | None], None]
"""Told of the step (``reading`` in bytes, ``storing`` in rows), what is done of it, and of how much if that is known.
May raise to end the import; what is committed stays."""


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did.

    Attributes:
        rows: lines of the file that hold something, the header not counted.
        added, changed, unchanged: persons.
        faulty: rows that fell out.
    """

    rows: int
    added: int
    changed: int
    unchanged: int
    faulty: int


class _Tally:
    """Counts on the way."""

    def __init__(self, faults: Callable[[FaultyRow], None]) -> None:
        self._tell = faults
        self.rows = self.faulty = self.added = self.changed = self.unchanged = 0

    def fell_out(self, row: FaultyRow) -> None:
        self.faulty += 1
        self._tell(row)


def import_csv(
    database: Database,
    vault: Vault,
    file: BinaryIO,
    now: datetime,
    progress: Progress = lambda step, done, total: None,
    faults: Callable[[FaultyRow], None] = lambda row: None,
) -> ImportResult:
    """Bring a file of participants into the database. Blocks for minutes where there are millions.

    Args:
        database: only ``read_now`` and ``write_now`` are used.
        vault: seals the numbers.
        file: open for reading bytes, at its beginning; need not be seekable.
        now: stands as the time of every change.
        progress: see :data:`Progress`.
        faults: told of each row that falls out: what is wrong with a row by itself in the order of the file, then what
            contradicts other rows of its ref.

    Raises:
        InvalidRequestError: this is no such file; nothing is stored.
        UnavailableError: the database stops; what is committed stays.
    """
    tally = _Tally(faults)

    def step(name: str, done: int, total: int | None) -> None:
        if database.stopping:
            raise UnavailableError("the gateway stops; run the import again to finish it")
        progress(name, done, total)

    with Staging() as staging:
        size = _size(file)
        for row in read_rows(file, lambda done: step("reading", done, size)):
            tally.rows += 1
            staging.add(row)
            if isinstance(row, FaultyRow):
                tally.fell_out(row)
        done = 0
        for people in _chunks(staging, tally):
            step("storing", done, staging.rows)
            _store(database, vault, people, now, tally)
            done += sum(len(one.places) for one in people)
        step("storing", staging.rows, staging.rows)
    return ImportResult(tally.rows, tally.added, tally.changed, tally.unchanged, tally.faulty)


def _chunks(staging: Staging, tally: _Tally) -> Iterator[list[Participant]]:
    people: list[Participant] = []
    places = 0
    for rows in staging.groups():
        one = gather(rows, tally.fell_out)
        if one is None:
            continue
        people.append(one)
        places += len(one.places)
        if places >= CHUNK_PLACES:
            yield people
            people, places = [], 0
    if people:
        yield people


def _store(database: Database, vault: Vault, people: list[Participant], now: datetime, tally: _Tally) -> None:
    todo = database.read_now(differing, vault, people)
    tally.unchanged += len(people) - len(todo)
    if todo:
        merged = database.write_now(merge, vault, todo, now)
        tally.added += merged.added
        tally.changed += merged.changed
        tally.unchanged += merged.unchanged
        loose = sorted(merged.numbers)
        for start in range(0, len(loose), REMOVED_AT_ONCE):
            database.write_now(remove_unused_numbers, loose[start : start + REMOVED_AT_ONCE])


def _size(file: BinaryIO) -> int | None:
    try:
        here = file.tell()
        size = file.seek(0, io.SEEK_END)
        file.seek(here)
    except (OSError, ValueError):
        return None
    return size - here
