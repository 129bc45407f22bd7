"""The wire journal: which segments are on the wire, in a file that a killed process leaves behind.

The database knows which deliveries a daemon has claimed, thousands at a time, on the disk before the first leaves. That
is enough to lose nobody and to message nobody twice, but after ``kill -9`` every claimed delivery without an answer
would be uncertain. Committing each window to the database would cost a disk flush (about a millisecond) per window. The
journal closes the gap for the price of one ``write`` without a flush: the kernel keeps what was written when the
process dies, and only a crash of the machine loses it; then the boot id differs and the whole claim is uncertain.

A line is one JSON array: ``["s", [ref, ...]]`` for sent, ``["a", carrier, {ref: message_id}]`` for accepted,
``["g", [ref, ...]]`` for refused or given up (*ref*: ``domain.delivery.Ref``). A torn last line is ignored:
its segments had not been handed over.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.domain.delivery import Ref

COMPACT_AT = 8 * 1024 * 1024
"""Bytes after which the journal is written anew with only what still matters."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode


@dataclass(slots=True)
class Replay:
    """What a journal says after its process died.

    Attributes:
        unanswered: refs that left and have no answer.
        accepted: acceptances that may not have reached the database, by carrier.
    """

    unanswered: set[Ref] = field(default_factory=set)
    accepted: dict[str, dict[Ref, str]] = field(default_factory=dict)


class WireJournal:
    """Implements :class:`gateway.ports.Journal` in one file. Not for several threads.

    Only :meth:`sent` raises. What :meth:`accepted` and :meth:`gone` cannot write costs certainty and nothing else: read
    after a crash, the file calls uncertain what it does not know to be answered. Nothing more is sent until a whole
    file could be written again.

    Args:
        path: a file of this daemon alone; made anew.

    Raises:
        OSError: it cannot be written; then nothing may be sent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = _create(path)
        self._size = 0
        self._behind = False  # a write failed: the file lacks something, and may end within a line
        self._on_wire: set[Ref] = set()
        self._unstored: list[bytes] = []

    def sent(self, refs: Sequence[Ref]) -> None:
        """See the port. Raises OSError: they must not be handed to the network."""
        if self._behind:
            self._compact()
        self._append(_encode(("s", refs)) + b"\n")
        self._on_wire.update(refs)

    def accepted(self, carrier: str, segments: Mapping[Ref, str]) -> None:
        """See the port."""
        line = _encode(("a", carrier, segments)) + b"\n"
        self._on_wire.difference_update(segments)
        self._unstored.append(line)
        self._append_if_possible(line)

    def gone(self, refs: Sequence[Ref]) -> None:
        """See the port."""
        self._on_wire.difference_update(refs)
        self._append_if_possible(_encode(("g", refs)) + b"\n")

    def mark(self) -> int:
        """See the port."""
        return len(self._unstored)

    def stored(self, mark: int) -> None:
        """See the port."""
        del self._unstored[:mark]
        if self._size > COMPACT_AT:
            with suppress(OSError):  # the old file is whole and goes on; the next call tries again
                self._compact()

    def close(self) -> None:
        """Close; the file goes when nothing in it matters any more."""
        os.close(self._fd)
        if not self._on_wire and not self._unstored:
            self.path.unlink(missing_ok=True)

    def _append(self, line: bytes) -> None:
        try:
            _write_all(self._fd, line)
        except OSError:
            self._behind = True
            raise
        self._size += len(line)

    def _append_if_possible(self, line: bytes) -> None:
        if not self._behind:
            with suppress(OSError):
                self._append(line)

    def _compact(self) -> None:
        """Put a new file with only what still matters in the place of the old one, or leave the old one as it is."""
        fresh = self.path.with_suffix(".new")
        lines = [_encode(("s", list(self._on_wire))) + b"\n", *self._unstored]
        fd = _create(fresh)
        try:
            _write_all(fd, b"".join(lines))
            fresh.replace(self.path)
        except OSError:
            os.close(fd)
            fresh.unlink(missing_ok=True)
            raise
        os.close(self._fd)
        self._fd, self._size, self._behind = fd, sum(map(len, lines)), False


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)


def _write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):
        written += os.write(fd, data[written:])


def replay(path: Path) -> Replay:
    """Read the journal of a process that is gone."""
    result = Replay()
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            try:
                record = _decode(line)
            except msgspec.DecodeError:
                break  # torn: what follows was never acted upon
            kind = record[0]
            if kind == "s":
                result.unanswered.update(record[1])
            elif kind == "g":
                result.unanswered.difference_update(record[1])
            else:
                accepted = {int(ref): message_id for ref, message_id in record[2].items()}
                result.accepted.setdefault(record[1], {}).update(accepted)
                result.unanswered.difference_update(accepted)
    return result
