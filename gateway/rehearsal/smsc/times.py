"""SMPP's way of writing time (SMPP 3.4 section 7.1)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_FORM = re.compile(r"(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d)(\d\d)([+\-R])")


def seconds_until(written: str, now: datetime) -> float | None:
    """How long until a validity_period or schedule_delivery_time; negative where it is past.

    A month of a relative time counts 30 days and a year 365, which nobody notices within the life of an SMS.

    Args:
        written: ``YYMMDDhhmmsstnnp``, or empty.
        now: aware.

    Returns:
        ``None`` where nothing is written.

    Raises:
        ValueError: it is no such time.
    """
    if not written:
        return None
    found = _FORM.fullmatch(written)
    if found is None:
        raise ValueError("must be YYMMDDhhmmsstnnp")
    years, months, days, hours, minutes, seconds, tenths, quarters = (int(digits) for digits in found.groups()[:8])
    if found[9] == "R":
        span = timedelta(days=365 * years + 30 * months + days, hours=hours, minutes=minutes, seconds=seconds)
        return span.total_seconds()
    offset = timedelta(minutes=15 * quarters) * (1 if found[9] == "+" else -1)
    moment = datetime(2000 + years, months, days, hours, minutes, seconds, tenths * 100_000, tzinfo=timezone(offset))
    return (moment - now).total_seconds()


def is_time(written: str) -> bool:
    """Whether this is a time or nothing."""
    try:
        seconds_until(written, datetime.now(UTC))
    except ValueError:
        return False
    return True


def write_time(moment: datetime) -> str:
    """An aware moment as absolute time in UTC, for query_sm_resp's final_date."""
    return f"{moment.astimezone(UTC):%y%m%d%H%M%S}{moment.microsecond // 100_000}00+"
