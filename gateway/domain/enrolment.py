"""Reading what people write about a participant: a row of the CSV, or the body of the API; every fault is named.

Field by field, and hostile until read. A fault may quote what stands there, but never what could be a telephone number:
columns get shifted, and faults get logged.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from gateway.domain.action import LANGUAGES
from gateway.domain.errors import Fault, InvalidRequestError
from gateway.domain.numbers import (
    NumberError,
    NumberKind,
    PhoneNumber,
    may_be_dialled,
    may_be_texted,
    parse_number,
)
from gateway.domain.participant import (
    DEFAULT_LANGUAGE,
    LANE_BITS,
    MAX_PLACES,
    FaultyRow,
    Participant,
    ParticipantChange,
    ParticipantRow,
    Place,
)

COLUMNS = (
    "ref",
    "mobile",
    "landline",
    "lat",
    "lon",
    "municipality",
    "language",
    "lanes",
    "quiet_from",
    "quiet_to",
    "quiet_strict",
    "label",
)
"""The columns of the CSV, in the order in which :func:`parse_row` takes them."""

_BODY_FIELDS = ("ref", "mobile", "landline", "language", "lanes", "places", "left", "paused_until")
_PLACE_FIELDS = ("lat", "lon", "municipality", "quiet_from", "quiet_to", "quiet_strict", "label")
_EXPECTED = {"lat": "a number", "lon": "a number", "quiet_strict": "true or false", "lanes": "a list of words"}
_REF_CHARS = 64
_NAME_CHARS = 80
_PLAIN = re.compile(r"[A-Za-z0-9._:-]+", re.ASCII)
# Marks that are not seen and only make equal names differ.
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{2})", re.ASCII)
_FLAGS = {"": False, "no": False, "false": False, "0": False, "yes": True, "true": True, "1": True}

Faults = list[Fault]


# ---------------------------------------------------------------- the CSV


def parse_header(names: Sequence[str]) -> tuple[int, ...]:
    """Where each of :data:`COLUMNS` stands in a file with this header row; ``len(names)`` where it is absent.

    Raises:
        InvalidRequestError: unknown, repeated or missing columns, each by name; or no commas between them.
    """
    found = [name.strip() for name in names]
    for delimiter, word in ((";", "semicolons"), ("\t", "tabs"), ("|", "bars")):
        if len(found) == 1 and delimiter in found[0]:
            raise InvalidRequestError.at("header", f"the columns are parted by {word}; save the file with commas")
    known = ", ".join(COLUMNS)
    faults = [
        Fault("header", f"{_quoted(name)} is no column of this file; known: {known}")
        for name in found
        if name not in COLUMNS
    ]
    faults += [Fault("header", f"the column {name} is there twice") for name in COLUMNS if found.count(name) > 1]
    faults += [Fault("header", f"the column {name} is missing") for name in ("ref", "lat", "lon") if name not in found]
    if "mobile" not in found and "landline" not in found:
        faults.append(Fault("header", "there is neither a column mobile nor a column landline"))
    if faults:
        raise InvalidRequestError(faults)
    return tuple(found.index(name) if name in found else len(found) for name in COLUMNS)


def parse_row(line: int, values: Sequence[str]) -> ParticipantRow | FaultyRow:
    """Judge a row.

    Args:
        line: its line in the file.
        values: the texts of :data:`COLUMNS`, in that order.
    """
    faults: Faults = []
    ref, mobile, landline, lat, lon, municipality, language, lanes, *quiet, label = values
    ref = _ref(ref, faults)
    mobile_number = _mobile(mobile, faults) if mobile else None
    landline_number = _landline(landline, faults) if landline else None
    tongue = _language(language, faults) if language else None
    wanted = _lanes(lanes, faults) if lanes else 0
    place = _place(lat, lon, municipality, quiet, label, faults)
    if faults or place is None:
        return FaultyRow(line, ref or None, tuple(faults))
    return ParticipantRow(line, ref, mobile_number, landline_number, tongue, wanted, place)


# ---------------------------------------------------------------- the API


def parse_body(ref: str, body: Mapping[str, object]) -> ParticipantChange:
    """Judge the body of ``PUT /participants/{ref}``: the fields of the CSV, with ``places`` as a list.

    Texts as in the CSV; ``lat`` and ``lon`` are numbers, ``quiet_strict`` and ``left`` true or false, ``lanes`` a list
    of words or one text, ``paused_until`` a time with its offset or null.

    Raises:
        InvalidRequestError: every fault, with its path (``places[0].lat``).
    """
    faults = _unknown(body, _BODY_FIELDS, "")
    if body.get("ref", ref) != ref:
        faults.append(Fault("ref", "is another one than the address says"))
    ref = _ref(ref, faults)
    mobile = _mobile(_text(body, "mobile", faults), faults)
    landline = _landline(_text(body, "landline", faults), faults)
    if not any(fault.path in ("mobile", "landline") for fault in faults) and mobile is None and landline is None:
        faults.append(Fault("mobile", "is missing, and so is landline; one of them is needed"))
    language = _language(_text(body, "language", faults), faults)
    lanes = _lanes(_text(body, "lanes", faults), faults)
    places = _body_places(body.get("places"), faults)
    left = body.get("left")
    if left is not None and not isinstance(left, bool):
        faults.append(Fault("left", "is neither true nor false"))
    paused_until = _paused_until(body.get("paused_until"), faults)
    if faults:
        raise InvalidRequestError(faults)
    participant = Participant(ref, mobile, landline, language or DEFAULT_LANGUAGE, lanes, tuple(dict.fromkeys(places)))
    return ParticipantChange(
        participant, left if isinstance(left, bool) else None, "paused_until" in body, paused_until
    )


def _body_places(value: object, faults: Faults) -> list[Place]:
    if not isinstance(value, list) or not value:
        faults.append(Fault("places", "is no list with at least one place"))
        return []
    if len(value) > MAX_PLACES:
        faults.append(Fault("places", f"has {len(value)} places; at most {MAX_PLACES} are kept"))
        return []
    return [place for at, item in enumerate(value) if (place := _body_place(f"places[{at}]", item, faults))]


def _body_place(path: str, item: object, faults: Faults) -> Place | None:
    if not isinstance(item, dict):
        faults.append(Fault(path, "is no object"))
        return None
    found = _unknown(item, _PLACE_FIELDS, path + ".")
    own: Faults = []
    lat, lon, municipality, *quiet, label = (_text(item, name, own) for name in _PLACE_FIELDS)
    place = None if own else _place(lat, lon, municipality, quiet, label, own)
    faults += found + [Fault(f"{path}.{fault.path}", fault.message) for fault in own]
    return place


def _unknown(body: Mapping[str, object], known: Sequence[str], prefix: str) -> Faults:
    return [
        Fault(prefix + _quoted(name).strip("'"), f"is not known here; known: {', '.join(known)}")
        for name in body
        if name not in known
    ]


def _text(body: Mapping[str, object], name: str, faults: Faults) -> str:
    """A field as the CSV would have it."""
    match body.get(name):
        case None:
            return ""
        case bool(flag) if name == "quiet_strict":
            return "yes" if flag else "no"
        case int(degrees) | float(degrees) if name in ("lat", "lon") and not isinstance(degrees, bool):
            return repr(float(degrees)) if abs(degrees) < 1e9 else "inf"
        case str(text) if name not in _EXPECTED or name == "lanes":
            return text
        case list(words) if name == "lanes" and all(isinstance(word, str) for word in words):
            return " ".join(words)
    faults.append(Fault(name, f"is not {_EXPECTED.get(name, 'a text')}"))
    return ""


def _paused_until(value: object, faults: Faults) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        faults.append(Fault("paused_until", "is no time with its offset; write it as 2026-05-04T12:30:00+02:00"))
        return None
    return moment


# ---------------------------------------------------------------- the fields


def _ref(text: str, faults: Faults) -> str:
    if _PLAIN.fullmatch(text) and len(text) <= _REF_CHARS:
        return text
    before = len(faults)
    ref = _name("ref", text, _REF_CHARS, faults)
    if not ref and len(faults) == before:
        faults.append(Fault("ref", "is empty"))
    return ref


def _place(lat: str, lon: str, municipality: str, quiet: Sequence[str], label: str, faults: Faults) -> Place | None:
    before = len(faults)
    latitude = _degrees("lat", lat, 90.0, faults)
    longitude = _degrees("lon", lon, 180.0, faults)
    begins, ends, strict = _quiet(*quiet, faults=faults) if any(quiet) else (None, None, False)
    town = _name("municipality", municipality, _NAME_CHARS, faults) if municipality else ""
    name = _name("label", label, _NAME_CHARS, faults) if label else ""
    if latitude is None or longitude is None or len(faults) > before:
        return None
    return Place(latitude, longitude, town, name, begins, ends, strict)


def _quiet(begin: str, end: str, strictly: str, *, faults: Faults) -> tuple[int | None, int | None, bool]:
    before = len(faults)
    begins = _minutes("quiet_from", begin, faults) if begin else None
    ends = _minutes("quiet_to", end, faults) if end else None
    strict = _FLAGS.get(strictly.strip().lower())
    if strict is None:
        faults.append(Fault("quiet_strict", f"{_quoted(strictly)} is neither yes nor no"))
    if len(faults) > before:
        return None, None, False
    if (begins is None) != (ends is None):
        missing = "quiet_from" if begins is None else "quiet_to"
        faults.append(Fault(missing, "is missing: quiet hours have a beginning and an end"))
    elif begins is not None and begins == ends:
        faults.append(Fault("quiet_to", "is the same as quiet_from, which is no hour or all day"))
    return begins, ends, bool(strict)


def _mobile(text: str, faults: Faults) -> PhoneNumber | None:
    number = _number("mobile", text, faults)
    if number is None or may_be_texted(number):
        return number
    if may_be_dialled(number):
        faults.append(Fault("mobile", "is the number of a fixed line, which belongs in landline"))
    else:
        faults.append(Fault("mobile", _why_never(number, "texted")))
    return None


def _landline(text: str, faults: Faults) -> PhoneNumber | None:
    number = _number("landline", text, faults)
    if number is None or may_be_dialled(number):
        return number
    if may_be_texted(number):
        faults.append(Fault("landline", "is a mobile number, which belongs in mobile"))
    else:
        faults.append(Fault("landline", _why_never(number, "dialled")))
    return None


def _number(column: str, text: str, faults: Faults) -> PhoneNumber | None:
    if not text or text.isspace():
        return None
    try:
        return parse_number(text)
    except NumberError as error:
        faults.append(Fault(column, str(error)))
        return None


def _why_never(number: PhoneNumber, done: str) -> str:
    if number.kind in (NumberKind.MOBILE, NumberKind.FIXED, NumberKind.VOIP):
        return f"is a number of +{number.country}, a country where nobody is {done}"
    if number.kind is NumberKind.UNKNOWN:
        return f"is a number of +{number.country} that may be anything, which is never {done}"
    return f"is a {number.kind.word} number, which is never {done}"


def _degrees(column: str, text: str, limit: float, faults: Faults) -> float | None:
    try:
        # Python would also read 5_1 and numerals of other scripts.
        value = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        value = math.nan
    if -limit <= value <= limit:
        return value
    if not text or text.isspace():
        faults.append(Fault(column, "is empty"))
    elif math.isnan(value):
        faults.append(Fault(column, f"{_quoted(text)} is no number of degrees; write it as 52.312"))
    else:
        faults.append(Fault(column, f"{_quoted(text)} is not from {-limit:.0f} to {limit:.0f} degrees"))
    return None


def _minutes(column: str, text: str, faults: Faults) -> int | None:
    if not text or text.isspace():
        return None
    match = _TIME.fullmatch(text.strip())
    if match is not None and int(match[1]) < 24 and int(match[2]) < 60:
        return int(match[1]) * 60 + int(match[2])
    faults.append(Fault(column, f"{_quoted(text)} is no time of day; write it as 22:30"))
    return None


def _language(text: str, faults: Faults) -> str | None:
    language = text.strip().lower()
    if not language or language in LANGUAGES:
        return language or None
    faults.append(Fault("language", f"{_quoted(text)} is not one of {', '.join(LANGUAGES)}"))
    return None


def _lanes(text: str, faults: Faults) -> int:
    lanes = 0
    for word in text.lower().split():
        bit = LANE_BITS.get(word)
        if bit is None:
            faults.append(Fault("lanes", f"{_quoted(word)} is no lane; write sms, voice, sms voice or nothing"))
            return 0
        lanes |= bit
    return lanes


def _name(column: str, text: str, limit: int, faults: Faults) -> str:
    """A text as it is kept: composed, blanks joined; refused where it is too long or could not be shown."""
    tidied = _tidied(text) if len(text) <= 4 * limit else text
    if len(tidied) > limit:
        faults.append(Fault(column, f"is longer than {limit} characters"))
        return ""
    if not tidied.isprintable():
        faults.append(Fault(column, "has characters that cannot be shown"))
        return ""
    return tidied


@lru_cache(maxsize=4096)
def _tidied(text: str) -> str:
    return " ".join(_INVISIBLE.sub("", unicodedata.normalize("NFC", text)).split())


def _quoted(text: str) -> str:
    """What somebody wrote, to show it back: short, harmless, and not where it may be a telephone number."""
    shown = text.strip()
    if sum(character.isdecimal() for character in shown) > 6:
        return "what stands there"
    return ascii(shown if len(shown) <= 20 else shown[:20] + "...")
