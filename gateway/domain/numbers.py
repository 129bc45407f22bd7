"""Telephone numbers: read in any form that people write, classed, and masked.

Default deny: :data:`MAY_BE_TEXTED` and :data:`MAY_BE_DIALLED` name what may be used; everything else costs somebody
money that nobody agreed to, or reaches no person. Common Dutch forms are read here, everything else by phonenumbers;
a property test holds the two to one answer.
"""

from __future__ import annotations

import re
from enum import IntEnum
from typing import NamedTuple

from gateway.domain.errors import BurgernetError


class NumberKind(IntEnum):
    """What a number is for. The number is what the database stores."""

    UNKNOWN = 0  # valid, and nobody told us for what
    MOBILE = 1
    FIXED = 2  # geographic: 020, 0294
    VOIP = 3  # 085, 091: a line without a place
    COMPANY = 4  # 088 and the like: a switchboard
    TOLL_FREE = 5  # 0800
    SHARED_COST = 6
    PREMIUM = 7  # 0900, 0906, 0909
    PERSONAL = 8  # 084, 087: voicemail and fax, forwarded at a price that the caller pays
    PAGER = 9  # 066
    MACHINE = 10  # 097: meters, alarms and cars
    SATELLITE = 11
    SHORT = 12  # 14 020: has an international form, but is no subscriber's
    VOICEMAIL = 13

    @property
    def word(self) -> str:
        """The name in sentences: ``toll-free``."""
        return self.name.lower().replace("_", "-")


MAY_BE_TEXTED = frozenset({NumberKind.MOBILE})

# A home line is a geographic number, or an 085/091 that an internet provider gave instead of one; both cost the caller
# a plain national rate (Nummerplan telefoon- en ISDN-diensten, BWBR0010198). 088 is an organisation's switchboard,
# which answers, costs a call and reaches no participant.
MAY_BE_DIALLED = frozenset({NumberKind.FIXED, NumberKind.VOIP})

COUNTRIES = frozenset(
    {31, 32, 49, 352}  # here and across the border
    | {30, 33, 34, 36, 39, 40, 41, 43, 44, 45, 46, 47, 48}
    | {351, 353, 354, 356, 357, 358, 359, 370, 371, 372, 385, 386, 420, 421, 423}
)
"""Calling codes of the EU, the EEA, Switzerland and the United Kingdom: people who live here keep their number from
home. Nothing further: calls and messages to far countries are what toll fraud is made of. A carrier's or trunk's
``prefixes`` narrow it down."""

_AREA_CODES = """
    10 13 15 20 23 24 26 30 33 35 36 38 40 43 45 46 50 53 55 58 70 71 72 73 74 75 76 77 78 79
    111 113 114 115 117 118 161 162 164 165 166 167 168 172 174 180 181 182 183 184 186 187
    222 223 224 226 227 228 229 251 252 255 294 297 299
    313 314 315 316 317 318 320 321 341 342 343 344 345 346 347 348
    411 412 413 416 418 475 478 481 485 486 487 488 492 493 495 497 499
    511 512 513 514 515 516 517 518 519 521 522 523 524 525 527 528 529
    541 543 544 545 546 547 548 561 562 566 570 571 572 573 575 577 578 591 592 593 594 595 596 597 598 599
"""
AREA_CODES = tuple(_AREA_CODES.split())
"""The 141 Dutch area codes (netnummers) without their 0; a number has nine digits after the 0, area code included."""

_SERVICES = {
    **{"6" + digit: NumberKind.MOBILE for digit in "123458"},
    "66": NumberKind.PAGER,
    "84": NumberKind.PERSONAL,
    "85": NumberKind.VOIP,
    "87": NumberKind.PERSONAL,
    "88": NumberKind.COMPANY,
    "91": NumberKind.VOIP,
}
# By the first three of nine digits.
_DUTCH = {
    prefix + more: kind
    for prefix, kind in (dict.fromkeys(AREA_CODES, NumberKind.FIXED) | _SERVICES).items()
    for more in ("0123456789" if len(prefix) == 2 else ("",))
}
_SATELLITE = frozenset({870, 881})
_LONGEST_INPUT = 40
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212\uff0d"
_BLANKS = " \t\u00a0\u2007\u2009\u200a\u202f\u3000"
# What people put between digits, and the invisible marks that come along when a number is copied from a contact list.
_SEPARATORS = dict.fromkeys(map(ord, _DASHES + _BLANKS + "./()\uff08\uff09\u200b\u200e\u200f\u202a\u202c\ufeff"))
_SEPARATORS |= {ord("\uff0b"): "+"}  # full-width plus
# ITU-T E.164: 1 and 7 have one digit, these two, all others three.
_TWO_DIGIT = """
    20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66
    81 82 84 86 90 91 92 93 94 95 98
"""
_TWO_DIGIT_CODES = frozenset(_TWO_DIGIT.split())
_E164 = re.compile(r"\+[1-9][0-9]{3,14}", re.ASCII)


class NumberError(BurgernetError, ValueError):
    """This is no telephone number that we can use; the message says why and never quotes it."""


class PhoneNumber(NamedTuple):
    """A number of some country's plan.

    Attributes:
        e164: ``+31612345678``.
        country: the calling code: 31.
    """

    e164: str
    country: int
    kind: NumberKind

    def __repr__(self) -> str:
        # A number that slips into a log or a traceback is masked there.
        return f"<PhoneNumber {mask(self.e164)} {self.kind.word}>"


def may_be_texted(number: PhoneNumber) -> bool:
    """Whether an SMS to this number is allowed."""
    return number.kind in MAY_BE_TEXTED and number.country in COUNTRIES


def may_be_dialled(number: PhoneNumber) -> bool:
    """Whether a call to this number is allowed."""
    return number.kind in MAY_BE_DIALLED and number.country in COUNTRIES


def parse_number(text: str, region: str = "NL") -> PhoneNumber:
    """Read a number: ``06 12345678``, ``+31 (0)6-12345678``, ``0049 151 …``; digits of any script.

    Args:
        text: as somebody wrote it; hostile.
        region: whose national form a number without country code is in (ISO 3166).

    Raises:
        NumberError: it is no number of any plan, or a short one (112, 116 000) that has no international form.
    """
    compact = _compact(text)
    return (_dutch(compact) if region == "NL" else None) or _by_library(compact, region)


def mask(e164: str) -> str:
    """A number as logs and screens show it: country and last three digits, ``+31*****678``."""
    if not _E164.fullmatch(e164):
        return "*****"
    code_length = 1 if e164[1] in "17" else 2 if e164[1:3] in _TWO_DIGIT_CODES else 3
    # Of a short number the last digits would be most of it.
    tail = e164[-3:] if len(e164) - 1 - code_length >= 7 else ""
    return f"{e164[: 1 + code_length]}*****{tail}"


def _compact(text: str) -> str:
    """An optional plus and ASCII digits, without what stands between them."""
    if text.isdigit() and text.isascii() and len(text) <= _LONGEST_INPUT:
        return text
    if len(text) > _LONGEST_INPUT:
        raise NumberError("is too long for a telephone number")
    compact = text.translate(_SEPARATORS)
    digits = compact.removeprefix("+")
    if not (digits.isascii() and digits.isdigit()):
        if not digits:
            raise NumberError("has no digits")
        if not digits.isdecimal():
            raise NumberError("has characters that no telephone number has")
        digits = "".join(str(int(digit)) for digit in digits)
        compact = "+" + digits if compact[0] == "+" else digits
    if text.endswith(".0"):
        raise NumberError("was written by a spreadsheet as a number with decimals")
    return compact


def _dutch(compact: str) -> PhoneNumber | None:
    """The common Dutch forms, in a microsecond; ``None`` leaves it to the library."""
    if compact.startswith("+31"):
        national = compact[3:]
        # +31 (0)6 ...: the trunk zero that belongs to the national form.
        national = national.removeprefix("0")
    elif compact.startswith("0031"):
        national = compact[4:].removeprefix("0")
    elif compact.startswith("0"):
        national = compact[1:]
    else:
        return None
    if len(national) != 9:
        return None
    kind = _DUTCH.get(national[:3])
    return None if kind is None else PhoneNumber("+31" + national, 31, kind)


def _by_library(compact: str, region: str) -> PhoneNumber:
    # Imported here: it takes a third of a second, which commands that read no foreign number need not wait for.
    import phonenumbers

    if compact[0] not in "+0" and len(compact) <= 6:
        raise NumberError("is a short number, which reaches a service and no participant")
    try:
        parsed = phonenumbers.parse(compact, region)
    except phonenumbers.NumberParseException:
        raise NumberError("is not a telephone number") from None
    country = parsed.country_code or 0
    library_kind = phonenumbers.number_type(parsed)
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if library_kind == phonenumbers.PhoneNumberType.UNKNOWN or not _E164.fullmatch(e164):
        raise NumberError(f"is not a number of the plan of +{country}")
    national = e164[1 + len(str(country)) :]
    return PhoneNumber(e164, country, _kind(country, national, phonenumbers.PhoneNumberType.to_string(library_kind)))


_KINDS = {
    "MOBILE": NumberKind.MOBILE,
    "FIXED_LINE": NumberKind.FIXED,
    "TOLL_FREE": NumberKind.TOLL_FREE,
    "PREMIUM_RATE": NumberKind.PREMIUM,
    "SHARED_COST": NumberKind.SHARED_COST,
    "VOIP": NumberKind.VOIP,
    "PERSONAL_NUMBER": NumberKind.PERSONAL,
    "PAGER": NumberKind.PAGER,
    "UAN": NumberKind.COMPANY,
    "VOICEMAIL": NumberKind.VOICEMAIL,
    # FIXED_LINE_OR_MOBILE is not here: what may be either may be used for neither.
}


def _kind(country: int, national: str, library_kind: str) -> NumberKind:
    """The library's class, corrected where it says less than the Dutch plan does."""
    if country in _SATELLITE:
        return NumberKind.SATELLITE
    if country == 31:
        if national.startswith("97"):
            return NumberKind.MACHINE  # "mobile" to the library
        if national.startswith("14"):
            return NumberKind.SHORT
        if national.startswith(("84", "87")):
            return NumberKind.PERSONAL
    return _KINDS.get(library_kind, NumberKind.UNKNOWN)
