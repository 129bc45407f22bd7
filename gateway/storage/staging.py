"""Rows sorted by whose they are, in flat memory: rows of one person may be far apart in a file larger than memory.

An external merge sort: runs of some ten thousand rows are sorted in memory and written to a file, block by block, then
merged. A small import never leaves memory. The file has no name, goes with the process, and its blocks are encrypted
with a key that never leaves memory: nobody's number is on the disk in the clear, here as little as in the database. It
lies in the system's folder for temporary files (``TMPDIR``) and takes some 150 bytes a row.
"""

from __future__ import annotations

import heapq
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Any, Self

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.domain.numbers import NumberKind, PhoneNumber
from gateway.domain.participant import FaultyRow, ParticipantRow, Place

RUN_ROWS = 30_000
_BLOCK_ROWS = 500
_KINDS = {int(kind): kind for kind in NumberKind}

# (ref, line, the row's other fields or None): no two are equal in the first two, so no more is ever compared.
_Item = tuple[str, int, Any]
_decode = msgspec.msgpack.Decoder(list[_Item]).decode


class Staging:
    """Rows in, groups of one ``ref`` out. A context manager: afterwards nothing is left.

    Attributes:
        rows: how many were taken in.
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._aead = AESGCM(AESGCM.generate_key(256))
        self._run: list[_Item] = []
        self._runs: list[list[tuple[int, int]]] = []  # of each run, its blocks: where in the file, how long
        self._size = 0
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, row: ParticipantRow | FaultyRow) -> None:
        """Take a row in. Of a faulty one only its place in the order is kept, where it says whose it is."""
        if row.ref is None:
            return
        self._run.append((row.ref, row.line, row[2:] if isinstance(row, ParticipantRow) else None))
        self.rows += 1
        if len(self._run) >= RUN_ROWS:
            self._write_run()

    def groups(self) -> Iterator[Iterator[ParticipantRow | None]]:
        """The rows of each ref in the order of the file, ``None`` for a faulty one; one group at a time."""
        self._run.sort()
        runs = [self._read_run(run) for run in self._runs]
        for _, group in groupby(heapq.merge(self._run, *runs), key=itemgetter(0)):
            yield map(_row, group)

    def _write_run(self) -> None:
        self._run.sort()
        blocks = []
        for start in range(0, len(self._run), _BLOCK_ROWS):
            content = msgspec.msgpack.encode(self._run[start : start + _BLOCK_ROWS])
            # The key is this staging's own, and no two blocks are at one place: a nonce that does not come again.
            block = self._aead.encrypt(self._size.to_bytes(12, "big"), content, None)
            self._file.write(block)
            blocks.append((self._size, len(block)))
            self._size += len(block)
        self._file.flush()
        self._runs.append(blocks)
        self._run.clear()

    def _read_run(self, blocks: list[tuple[int, int]]) -> Iterator[_Item]:
        for at, length in blocks:
            block = os.pread(self._file.fileno(), length, at)
            yield from _decode(self._aead.decrypt(at.to_bytes(12, "big"), block, None))


def _row(item: _Item) -> ParticipantRow | None:
    ref, line, fields = item
    if fields is None:
        return None
    mobile, landline, language, lanes, place = fields
    return ParticipantRow(line, ref, _number(mobile), _number(landline), language, lanes, Place._make(place))


def _number(fields: Sequence[Any] | None) -> PhoneNumber | None:
    return None if fields is None else PhoneNumber(fields[0], fields[1], _KINDS[fields[2]])
