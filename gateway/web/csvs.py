"""Tables as CSV (RFC 4180) that a spreadsheet may open without harm."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from gateway.domain.report import Report, ResponseCounts, SmsCounts, VoiceCounts
from gateway.ports import DeliveryRow

MEDIA_TYPE = "text/csv; charset=utf-8; header=present"

DELIVERY_COLUMNS = (
    "id",
    "lane",
    "purpose",
    "version",
    "ref",
    "number",
    "language",
    "state",
    "reason",
    "attempts",
    "at",
    "detail",
)
REPORT_COLUMNS = ("section", "name", "value")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def lines(rows: Iterable[Sequence[object]]) -> bytes:
    """Rows as CSV.

    A text that a spreadsheet would take for a formula gets an apostrophe before it, which makes it a text there
    (OWASP, CSV Injection). Masked numbers begin with ``+`` and get one too.
    """
    out = io.StringIO()
    csv.writer(out).writerows([cell(value) for value in row] for row in rows)
    return out.getvalue().encode("utf-8", "replace")


def delivery_row(row: DeliveryRow) -> Sequence[object]:
    """A delivery, in the order of :data:`DELIVERY_COLUMNS`."""
    return (
        row.id,
        row.lane.word,
        row.purpose,
        row.version,
        row.ref,
        row.number,
        row.language,
        row.state,
        row.reason,
        row.attempts,
        row.at,
        row.detail,
    )


def report_rows(report: Report) -> Iterator[Sequence[object]]:
    """A report, a value a row: ``sms.failed,undeliverable,3``; ``reach.sms,12.5,800`` reads "800 after 12.5 s"."""
    yield from _flat("action", report.action)
    for index, version in enumerate(report.versions, 1):
        yield from _flat(f"version.{index}", version)
    for lane, counts in (("sms", report.sms), ("voice", report.voice)):
        yield from _flat(lane, _values(counts))
    for point in report.reach:
        yield "reach.sms", point.t_s, point.sms
        yield "reach.voice", point.t_s, point.voice
    yield from _flat("time", {"first_s": report.first_s, "t50_s": report.t50_s, "t95_s": report.t95_s})
    yield from _flat("responses", _values(report.responses))
    yield from _flat("segments", report.segments)
    yield "cost", "eur", round(report.cost_eur, 2)


def _values(counts: SmsCounts | VoiceCounts | ResponseCounts) -> Mapping[str, object]:
    return {field.name: getattr(counts, field.name) for field in fields(counts)}


def _flat(section: str, values: Mapping[Any, object]) -> Iterator[Sequence[object]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{section}.{name}", value)
        else:
            yield section, name, value


def cell(value: object) -> object:
    """A value as it stands in a cell: times in UTC, formulas disarmed."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str) and value.startswith(_FORMULA):
        return "'" + value
    return "" if value is None else value
