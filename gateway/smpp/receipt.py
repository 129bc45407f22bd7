"""Delivery receipts: what a carrier says became of a message.

SMPP leaves the text of a receipt to the carrier (3.4, appendix B), so this reads what carriers really send: any order
of keys, keys missing, dates with and without seconds, words of more than seven letters. Nothing here raises on any
octets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from gateway.domain.delivery import Reason, SegmentState
from gateway.smpp.codec import tlv_int
from gateway.smpp.pdu import DataMessage, EsmClass, Message, MessageState, Tag, Tlvs
from gateway.smpp.text import user_data


class ParsedReceipt(NamedTuple):
    """What a receipt says.

    Attributes:
        message_id: as the carrier wrote it; empty where a receipt came without one, which matches nothing.
        state: the carrier's word, in SMPP's terms.
        segment: what that means for the segment.
        reason: why it failed, where it did.
        error: the carrier's own code, for the operator; empty where none came.
        done_at: aware, UTC: when it happened as far as the carrier's word can be believed, else when it came.
    """

    message_id: str
    state: MessageState
    segment: SegmentState
    reason: Reason | None
    error: str
    done_at: datetime


OUTCOMES: Final[Mapping[MessageState, tuple[SegmentState, Reason | None]]] = {
    MessageState.SCHEDULED: (SegmentState.ENROUTE, None),
    MessageState.ENROUTE: (SegmentState.ENROUTE, None),
    MessageState.DELIVERED: (SegmentState.DELIVERED, None),
    MessageState.EXPIRED: (SegmentState.FAILED, Reason.NOT_DELIVERED_IN_TIME),
    MessageState.DELETED: (SegmentState.FAILED, Reason.DELETED),
    MessageState.UNDELIVERABLE: (SegmentState.FAILED, Reason.UNDELIVERABLE),
    # Some carriers mean success by it, some mean that they took it: accepted, not proven.
    MessageState.ACCEPTED: (SegmentState.ENROUTE, None),
    # The carrier does not know; calling that a failure would be a guess, and so would be the opposite.
    MessageState.UNKNOWN: (SegmentState.ENROUTE, None),
    MessageState.REJECTED: (SegmentState.FAILED, Reason.REJECTED),
    # SMPP 5.0 section 4.7.15: final; the carrier left it out on purpose.
    MessageState.SKIPPED: (SegmentState.FAILED, Reason.REJECTED),
}
"""What each state means for a segment."""

MAX_ID: Final = 255
"""A longer message id is none."""

_MAX_ERROR = 32
_RECEIPT_BITS = EsmClass.DELIVERY_RECEIPT | EsmClass.INTERMEDIATE
_UCS2 = 0x08

# ---------------------------------------------------------------- reading


def parse_receipt(
    message: Message | DataMessage, tlvs: Tlvs, received_at: datetime, zone: tzinfo = UTC
) -> ParsedReceipt | None:
    """What a deliver_sm or data_sm says of an earlier message, or ``None`` where it is no receipt but a message.

    It is a receipt by its parameters, else by its esm_class, else by its text; and that is also the order in which the
    parameters and the text are believed.

    Args:
        message: the body.
        tlvs: the optional parameters.
        received_at: when it came; aware.
        zone: the carrier's local time, in which it writes its dates.
    """
    flagged = bool(message.esm_class & _RECEIPT_BITS)
    by_parameters = Tag.RECEIPTED_MESSAGE_ID in tlvs or Tag.MESSAGE_STATE in tlvs
    fields = _read_text(message, tlvs)
    if not (by_parameters or flagged or _speaks_as_receipt(fields)):
        return None
    message_id = _usable_id(_c_string(tlvs.get(Tag.RECEIPTED_MESSAGE_ID, b""))) or _usable_id(fields.get("id", ""))
    state = _state_of(tlvs.get(Tag.MESSAGE_STATE, b""), fields.get("stat", ""))
    segment, reason = OUTCOMES[state]
    if message.esm_class & EsmClass.INTERMEDIATE and segment is SegmentState.FAILED:
        segment, reason = SegmentState.ENROUTE, None  # one try failed; the carrier goes on trying
    error = fields.get("err") or _network_error(tlvs.get(Tag.NETWORK_ERROR_CODE, b""))
    return ParsedReceipt(
        message_id, state, segment, reason, error[:_MAX_ERROR], done_at(fields.get("done", ""), received_at, zone)
    )


def _speaks_as_receipt(fields: Mapping[str, str]) -> bool:
    """A citizen may write ``id: 7``; nobody but a carrier writes the rest with it."""
    return (
        "id" in fields and "stat" in fields and not fields.keys().isdisjoint(("sub", "dlvrd", "submit", "done", "err"))
    )


_KEY = re.compile(r"(?:^|(?<=\s))(id|sub|dlvrd|submit[ _]?date|done[ _]?date|stat|err|text)[ ]?:[ ]?", re.IGNORECASE)


def _read_text(message: Message | DataMessage, tlvs: Tlvs) -> dict[str, str]:
    """The values by key (``done`` for the done date), the first of each; the text itself is left out."""
    _, octets = user_data(message, tlvs)
    text = octets.decode("utf-16-be" if message.data_coding == _UCS2 else "latin-1", "replace")
    fields: dict[str, str] = {}
    key, start = "", 0
    for match in _KEY.finditer(text):
        if key:
            fields.setdefault(key, _value(text[start : match.start()]))
        key, start = match[1].lower().removesuffix("date").rstrip(" _"), match.end()
        if key == "text":  # what somebody wrote: nothing after it is the carrier's word
            return fields
    if key:
        fields.setdefault(key, _value(text[start:]))
    return fields


def _value(text: str) -> str:
    """A value without what sets it apart; a NUL ends it."""
    return text.partition("\0")[0].strip()


def _c_string(octets: bytes) -> str:
    return octets.partition(b"\0")[0].decode("latin-1")


def _usable_id(raw: str) -> str:
    return raw if len(raw) <= MAX_ID else ""


def _network_error(octets: bytes) -> str:
    """network_error_code: one octet of network type, two of code (SMPP 3.4 section 5.3.2.31)."""
    return str(tlv_int(octets[1:])) if len(octets) == 3 else octets[:8].hex()


_STATES: Final = {state.value: state for state in MessageState}

_WORDS: Final[Mapping[str, MessageState]] = {
    "DELIV": MessageState.DELIVERED,
    "EXPIR": MessageState.EXPIRED,
    "DELET": MessageState.DELETED,
    "UNDEL": MessageState.UNDELIVERABLE,
    "FAILE": MessageState.UNDELIVERABLE,
    "ACCEP": MessageState.ACCEPTED,
    "UNKNO": MessageState.UNKNOWN,
    "REJEC": MessageState.REJECTED,
    "ENROU": MessageState.ENROUTE,
    "BUFFE": MessageState.ENROUTE,
    "SCHED": MessageState.SCHEDULED,
    "SKIPP": MessageState.SKIPPED,
}
"""By their first five letters: DELIVRD and DELIVERED, UNDELIV and UNDELIVERABLE, ..."""


def _state_of(parameter: bytes, word: str) -> MessageState:
    if parameter:
        state = _STATES.get(tlv_int(parameter))
        if state is not None:
            return state
    return state_of_word(word)


def state_of_word(word: str) -> MessageState:
    """The state that ``stat:`` names; a word that we do not know is UNKNOWN."""
    letters = re.sub(r"[^A-Z]", "", word.upper())
    state = _WORDS.get(letters[:5])
    if state is None and word.isdecimal() and len(word) == 1:
        state = _STATES.get(int(word))
    return MessageState.UNKNOWN if state is None else state


# ---------------------------------------------------------------- dates

EARLIEST: Final = timedelta(days=31)
"""A date that lies further back than this is not believed."""


def done_at(written: str, received_at: datetime, zone: tzinfo = UTC) -> datetime:
    """When a receipt says it happened, in UTC; ``received_at`` where it says nothing that can be believed.

    ``YYMMDDhhmm`` means a whole minute: its last second is taken, or ``received_at`` where that is earlier, because the
    time to reach somebody must not look shorter than it was. A date in the future means that the zone or a clock is
    wrong; it is not believed.
    """
    if len(written) not in _FORMS or not (written.isascii() and written.isdigit()):
        return received_at
    moment = _moment(written, zone)
    if moment is None or moment >= received_at or moment < received_at - EARLIEST:
        return received_at
    return moment


_FORMS: Final = frozenset({10, 12, 14})
"""Digits in YYMMDDhhmm, YYMMDDhhmmss and YYYYMMDDhhmmss."""


@lru_cache(maxsize=1024)  # receipts come by the thousand within the same minute
def _moment(written: str, zone: tzinfo) -> datetime | None:
    century = "" if len(written) == 14 else "20"
    digits = century + written
    numbers = [int(digits[:4])] + [int(digits[at : at + 2]) for at in range(4, len(digits), 2)]
    if len(written) == 10:
        numbers.append(59)
    year, month, day, hour, minute, second = numbers
    try:
        return datetime(year, month, day, hour, minute, second, tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


# ---------------------------------------------------------------- message ids


class IdForm(StrEnum):
    """How an id of a receipt relates to that of the submit response; a setting of the carrier's link.

    SMPP 3.3 gave hexadecimal ids, 3.4 gives any text; carriers mix the two between responses and receipts. With a form
    for each side (``hex_to_decimal`` for the one, ``decimal`` for the other) both come out alike.
    """

    AS_IS = "as_is"  # opaque: UUIDs, dashes, anything
    DECIMAL = "decimal"  # decimal; leading zeros do not count
    HEX = "hex"  # hexadecimal; neither leading zeros nor case count
    HEX_TO_DECIMAL = "hex_to_decimal"  # hexadecimal here, decimal there
    DECIMAL_TO_HEX = "decimal_to_hex"  # decimal here, lower-case hexadecimal there


_DECIMAL = re.compile(r"[0-9]+")
_HEX = re.compile(r"[0-9A-Fa-f]+")


def normalise_message_id(raw: str, form: IdForm) -> str:
    """An id in the form in which it is stored and looked up; unchanged where it is not of that form."""
    if form is IdForm.AS_IS or len(raw) > MAX_ID:
        return raw
    digits = _DECIMAL if form in (IdForm.DECIMAL, IdForm.DECIMAL_TO_HEX) else _HEX
    if not digits.fullmatch(raw):
        return raw
    number = int(raw, 10 if digits is _DECIMAL else 16)
    return str(number) if form in (IdForm.DECIMAL, IdForm.HEX_TO_DECIMAL) else f"{number:x}"


def message_id_forms(raw: str) -> list[tuple[IdForm, str]]:
    """Every different reading of an id, the plainest first.

    By which of them a carrier's first receipts match its responses tells the form to set.
    """
    readings: dict[str, IdForm] = {}
    for form in IdForm:
        readings.setdefault(normalise_message_id(raw, form), form)
    return [(form, reading) for reading, form in readings.items()]
