"""The participants' CSV as a stream of judged rows. The file is hostile until read, and may be larger than memory.

A record is one line: a quotation mark that nobody closed costs its own line and not the rest of the file. Lines are
read within a bound; one that is too long, is no UTF-8 or holds NUL bytes is a faulty row, and the next is read.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import BinaryIO

from gateway.domain.enrolment import COLUMNS, parse_header, parse_row
from gateway.domain.errors import Fault, InvalidRequestError
from gateway.domain.participant import FaultyRow, ParticipantRow

MAX_LINE_BYTES = 8192
_BLOCK_BYTES = 1 << 18
_BOM = b"\xef\xbb\xbf"
_NOT_CSV = {
    b"\xff\xfe": "is UTF-16; save it as CSV UTF-8",
    b"\xfe\xff": "is UTF-16; save it as CSV UTF-8",
    b"PK\x03\x04": "is a spreadsheet or a zip file; save it as CSV UTF-8",
    b"\x1f\x8b": "is compressed; unpack it first",
}


def read_rows(file: BinaryIO, progress: Callable[[int], None]) -> Iterator[ParticipantRow | FaultyRow]:
    """Every row of a file but its header and empty lines, in the order of the file.

    Args:
        file: open for reading bytes, at its beginning.
        progress: told of the bytes read so far, every quarter of a megabyte.

    Raises:
        InvalidRequestError: the header is wrong; raised before the first row.
    """
    lines = _lines(file, progress)
    names = _read_header(lines)
    where = parse_header(names)
    width = len(names)
    pick = itemgetter(*where)
    for line, content in lines:
        if content is not None and not content.strip():
            continue
        values = _split(content)
        if isinstance(values, list) and len(values) == width:
            # Absent columns stand after the last: they read an empty text.
            values.append("")
            yield parse_row(line, pick(values))
        else:
            reason = values if isinstance(values, str) else _wrong_width(len(values), width)
            yield FaultyRow(line, _ref_of(content, where[COLUMNS.index("ref")]), (Fault("", reason),))


def _lines(file: BinaryIO, progress: Callable[[int], None]) -> Iterator[tuple[int, bytes | None]]:
    """Numbered lines without their end; ``None`` for one that is too long."""
    number, done, begun, too_long = 0, 0, b"", False
    while block := file.read(_BLOCK_BYTES):
        done += len(block)
        whole = (begun + block).split(b"\n")
        begun = whole.pop()
        for content in whole:
            number += 1
            yield number, None if too_long or len(content) > MAX_LINE_BYTES else content
            too_long = False
        if len(begun) > MAX_LINE_BYTES:
            begun, too_long = b"", True
        progress(done)
    if begun or too_long:
        yield number + 1, None if too_long else begun


def _read_header(lines: Iterator[tuple[int, bytes | None]]) -> list[str]:
    _, first = next(lines, (1, b""))
    for start, reason in _NOT_CSV.items():
        if first is not None and first.startswith(start):
            raise InvalidRequestError.at("file", reason)
    first = first if first is None else first.removeprefix(_BOM)
    if first is not None and not first.strip():
        raise InvalidRequestError.at("file", "begins with an empty line; the first line names the columns")
    names = _split(first)
    if isinstance(names, str):
        raise InvalidRequestError.at("header", names)
    return names


def _split(content: bytes | None) -> list[str] | str:
    """The fields of a line, or what is wrong with it."""
    if content is None:
        return f"is longer than {MAX_LINE_BYTES} bytes"
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        return f"is no UTF-8 at byte {error.start + 1}"
    if "\0" in text:
        return "has a NUL byte"
    text = text.removesuffix("\r")
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True))
    except csv.Error:
        return "has a quotation mark without its pair on this line"


def _wrong_width(fields: int, columns: int) -> str:
    return (
        f"has {fields} fields where the header has {columns}; decimals have a point,"
        " and a field with a comma in it stands in quotation marks"
    )


def _ref_of(content: bytes | None, column: int) -> str | None:
    """Whose row a broken line most likely is: that person's places are then not taken away."""
    if content is None:
        return None
    fields: Sequence[str] = content.decode(errors="replace").split(",")
    ref = fields[column].strip(' "\r') if column < len(fields) else ""
    return ref if ref and ref.isprintable() and "\ufffd" not in ref else None
