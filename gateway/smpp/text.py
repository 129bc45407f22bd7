"""From a text to the octets of its parts, and back.

The GSM table is ours: smpplib's sends the backtick as a section sign, has no section sign and no form feed, and its
splitter cuts octets, so that an escape pair or an emoji falls apart at the border (libraries table, SMPP). Here a text
is split by what a reader sees as one character; the parts put together are the text again, always.

Sources: 3GPP TS 23.038 (alphabets, data coding), TS 23.040 section 9.2.3.24 (user data header), SMPP 3.4 sections
5.2.19 (data_coding) and 5.3.2.22 to 5.3.2.32 (SAR, message_payload).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.domain.plan import ComposedSms, CostlyCharacter
from gateway.smpp.codec import tlv_int
from gateway.smpp.errors import LocalProtocolError
from gateway.smpp.pdu import DataMessage, EsmClass, Message, Tag, Tlvs


class Encoding(StrEnum):
    """How characters become octets. The values are ``ComposedSms.encoding``."""

    GSM7 = "gsm7"  # GSM 03.38 default alphabet and its extension, one septet an octet
    LATIN1 = "latin1"
    ASCII = "ascii"
    UCS2 = "ucs2"  # sent as UTF-16, as every handset reads it


class LongMessages(StrEnum):
    """How a text of several parts is sent; a carrier takes one of these, seldom all."""

    UDH = "udh8"  # user data header, 8-bit reference
    UDH16 = "udh16"  # user data header, 16-bit reference
    SAR = "sar"  # the sar_* parameters; the carrier makes the header
    PAYLOAD = "message_payload"  # one PDU with message_payload; the carrier splits


# ---------------------------------------------------------------- alphabets

_BASIC: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""TS 23.038 section 6.2.1, by septet. 0x1B leads into the extension."""

_EXTENSION: Final[Mapping[str, int]] = {
    "\f": 0x0A,
    "^": 0x14,
    "{": 0x28,
    "}": 0x29,
    "\\": 0x2F,
    "[": 0x3C,
    "~": 0x3D,
    "]": 0x3E,
    "|": 0x40,
    "€": 0x65,
}
"""TS 23.038 section 6.2.1.1: each costs two septets, the escape and itself."""

_ESCAPE: Final = 0x1B
_TO_GSM: Final[Mapping[str, bytes]] = {
    **{character: bytes([septet]) for septet, character in enumerate(_BASIC) if septet != _ESCAPE},
    **{character: bytes([_ESCAPE, septet]) for character, septet in _EXTENSION.items()},
}
_FROM_EXTENSION: Final[Mapping[int, str]] = {septet: character for character, septet in _EXTENSION.items()}


def encode_gsm7(text: str) -> bytes:
    """GSM 03.38, one septet an octet (unpacked), as carriers want it over SMPP.

    Raises:
        UnicodeEncodeError: a character is not in the alphabet or its extension.
    """
    try:
        return b"".join([_TO_GSM[character] for character in text])
    except KeyError:
        at = next(index for index, character in enumerate(text) if character not in _TO_GSM)
        raise UnicodeEncodeError("gsm7", text, at, at + 1, "not in GSM 03.38") from None


def decode_gsm7(data: bytes) -> str:
    """GSM 03.38 from unpacked septets; never fails.

    An unknown extension reads as the basic character (TS 23.038 section 6.2.1.1); a lone escape as a space; an octet
    above 0x7F, which is no septet, as Latin-1: carriers that call Latin-1 their default alphabet send such.
    """
    read = []
    octets = iter(data)
    for octet in octets:
        if octet == _ESCAPE:
            extended = next(octets, None)
            if extended is None or extended == _ESCAPE:
                read.append(" ")
                continue
            read.append(_FROM_EXTENSION.get(extended) or (_BASIC[extended] if extended < 0x80 else chr(extended)))
        else:
            read.append(_BASIC[octet] if octet < 0x80 else chr(octet))
    return "".join(read)


def encode_text(text: str, encoding: Encoding) -> bytes:
    """A text's octets.

    Raises:
        UnicodeEncodeError: a character is not in the alphabet.
    """
    if encoding is Encoding.GSM7:
        return encode_gsm7(text)
    return text.encode(_PYTHON_CODECS[encoding])


def decode_text(data: bytes, encoding: Encoding) -> str:
    """What octets say; never fails: what makes no sense reads as U+FFFD."""
    if encoding is Encoding.GSM7:
        return decode_gsm7(data)
    return data.decode(_PYTHON_CODECS[encoding], "replace")


_PYTHON_CODECS: Final[Mapping[Encoding, str]] = {
    Encoding.LATIN1: "latin-1",
    Encoding.ASCII: "ascii",
    Encoding.UCS2: "utf-16-be",
}


def fits(text: str, encoding: Encoding) -> bool:
    """Whether every character is in the alphabet."""
    if encoding is Encoding.UCS2:
        return True
    if encoding is Encoding.GSM7:
        return _TO_GSM.keys() >= set(text)
    return not text or max(text) <= ("\x7f" if encoding is Encoding.ASCII else "\xff")


def choose_encoding(text: str, default_alphabet: Encoding) -> Encoding:
    """The carrier's default alphabet where the text fits into it, else UCS-2."""
    return default_alphabet if fits(text, default_alphabet) else Encoding.UCS2


def count_units(text: str, encoding: Encoding) -> int:
    """Septets, octets or UTF-16 code units that a text takes."""
    if encoding is Encoding.GSM7:
        return len(text) + sum(character in _EXTENSION for character in text)
    if encoding is Encoding.UCS2:
        return len(text) + sum(character > "\uffff" for character in text)
    return len(text)


# ---------------------------------------------------------------- splitting


class Limits(NamedTuple):
    """Units in a message of one part, and in each part of a longer one."""

    whole: int
    part: int


_LIMITS: Final[Mapping[Encoding, tuple[int, int, int]]] = {
    Encoding.GSM7: (160, 153, 152),
    # The carrier may put these on the air as octets.
    Encoding.LATIN1: (140, 134, 133),
    Encoding.ASCII: (140, 134, 133),
    Encoding.UCS2: (70, 67, 66),
}
"""Whole, with an 8-bit reference, with a 16-bit reference (TS 23.040 section 9.2.3.24.1 and .8)."""


def limits(encoding: Encoding, long_messages: LongMessages) -> Limits:
    """What fits into a message of one part, and into each part of more.

    With SAR and message_payload it is the carrier that adds the header, so its room must stay free; our SAR reference
    stays below 256, so that an 8-bit header does.
    """
    whole, part, part_16 = _LIMITS[encoding]
    return Limits(whole, part_16 if long_messages is LongMessages.UDH16 else part)


_ZERO_WIDTH_JOINER: Final = "\u200d"


def _extends(character: str) -> bool:
    """Whether a character belongs to the one before it: marks, variation selectors, skin tones, tags, joiners."""
    return (
        unicodedata.category(character) in ("Mn", "Me", "Mc")
        or character == _ZERO_WIDTH_JOINER
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def clusters(text: str) -> Iterator[str]:
    """The text in pieces that a reader sees as one character (the part of UAX 29 that phones can show)."""
    if text.isascii():
        yield from text
        return
    start = 0
    flag_open = False
    for at in range(1, len(text)):
        character, before = text[at], text[at - 1]
        flag_open = not flag_open and _is_flag_half(before)
        joined = _extends(character) or before == _ZERO_WIDTH_JOINER or (flag_open and _is_flag_half(character))
        if not joined:
            yield text[start:at]
            start = at
    yield text[start:]


def split(text: str, encoding: Encoding, limits: Limits) -> list[str]:
    """The parts of a text; put together they are the text.

    No escape pair and no surrogate pair is cut, and no cluster unless it is longer than a part.
    """
    if count_units(text, encoding) <= limits.whole:
        return [text]
    parts: list[str] = []
    current: list[str] = []
    room = limits.part
    for piece in _pieces(text, encoding, limits.part):
        units = count_units(piece, encoding)
        if units > room:
            parts.append("".join(current))
            current, room = [], limits.part
        current.append(piece)
        room -= units
    parts.append("".join(current))
    return parts


def _pieces(text: str, encoding: Encoding, most: int) -> Iterator[str]:
    for cluster in clusters(text):
        if count_units(cluster, encoding) <= most:
            yield cluster
        else:
            yield from cluster


# ---------------------------------------------------------------- composing


def compose(
    text: str,
    *,
    alphabet: Encoding = Encoding.GSM7,
    long_messages: LongMessages = LongMessages.UDH,
) -> ComposedSms:
    """How a text will look to a carrier, and what in it costs extra.

    Args:
        text: as somebody wrote it.
        alphabet: the carrier's default alphabet; what does not fit into it goes out as UCS-2.
        long_messages: how the carrier takes texts of several parts. With ``payload`` the parts are those that the
            carrier will make and charge.
    """
    text = prepare(text)
    encoding = choose_encoding(text, alphabet)
    room = limits(encoding, long_messages)
    parts = split(text, encoding, room)
    last = count_units(parts[-1], encoding)
    return ComposedSms(
        text=text,
        encoding=encoding.value,
        parts=tuple(parts),
        units=count_units(text, encoding),
        units_left=(room.whole if len(parts) == 1 else room.part) - last,
        costly=tuple(_costly(text, encoding, alphabet)),
    )


def prepare(text: str) -> str:
    """The text as it is sent: NFC, line breaks as one line feed, no NUL, no half of a surrogate pair."""
    text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    return unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def _costly(text: str, encoding: Encoding, alphabet: Encoding) -> Iterator[CostlyCharacter]:
    """In the order of the text, each once."""
    effects: dict[str, str] = {}
    counts: dict[str, int] = {}
    for cluster in clusters(text):
        if encoding is Encoding.UCS2 and not fits(cluster, alphabet):
            effects[cluster] = "ucs2"
        elif encoding is Encoding.GSM7 and cluster in _EXTENSION:
            effects[cluster] = "two"
        else:
            continue
        counts[cluster] = counts.get(cluster, 0) + 1
    for cluster, effect in effects.items():
        instead = _CHEAPER.get(cluster) if effect == "two" else suggest(cluster, alphabet)
        yield CostlyCharacter(cluster, effect, instead, counts[cluster])


_CHEAPER: Final[Mapping[str, str]] = {
    "[": "(",
    "]": ")",
    "{": "(",
    "}": ")",
    "~": "-",
    "\\": "/",
    "|": "/",
    "\f": "\n",
}
"""For the escape pairs; nothing shorter says euro."""


def _each(characters: str, instead: str) -> dict[str, str]:
    return dict.fromkeys(characters, instead)


_INSTEAD: Final[Mapping[str, str]] = {
    **_each("‘’‚‛′`´ʹʻʼ‹›", "'"),
    **_each("“”„‟″«»", '"'),
    **_each("‐‑‒–—―−•‣●▪", "-"),
    **_each("\u2028\u2029\x85\v\f", "\n"),
    **_each("\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufeff", ""),
    **_each("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", ""),
    "\t": " ",
    "·": ".",
    "⁄": "/",
    "÷": "/",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "→": "->",
    "←": "<-",
    "©": "(c)",
    "®": "(R)",
    "€": "EUR",
    "œ": "oe",
    "Œ": "OE",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ı": "i",
}
"""What word processors put in and phones do not need."""


def suggest(cluster: str, alphabet: Encoding) -> str | None:
    """What to write instead of a character that the alphabet lacks, or ``None`` where nothing reads the same.

    The table first; else the compatibility form without its marks: ``ë`` gives ``e``, ``½`` gives ``1/2``.
    """
    instead = _INSTEAD.get(cluster)
    if instead is None:
        plain = [c for c in unicodedata.normalize("NFKD", cluster) if unicodedata.category(c) not in ("Mn", "Me")]
        instead = "".join(_INSTEAD.get(character, character) for character in plain)
        if not instead:
            return None
    return instead if fits(instead, alphabet) else None


# ---------------------------------------------------------------- to the wire


@dataclass(frozen=True, slots=True)
class WirePart:
    """The fields of a submit_sm that carry one part.

    Attributes:
        segments: how many parts the carrier makes of it; more than one with message_payload only.
    """

    short_message: bytes
    esm_class: int
    data_coding: int
    tlvs: Tlvs = field(default_factory=dict)
    segments: int = 1


_DATA_CODING: Final[Mapping[Encoding, int]] = {
    Encoding.GSM7: 0x00,
    Encoding.ASCII: 0x01,
    Encoding.LATIN1: 0x03,
    Encoding.UCS2: 0x08,
}
_FLASH: Final[Mapping[Encoding, int]] = {Encoding.GSM7: 0x10, Encoding.UCS2: 0x18}
"""Message class 0 (TS 23.038 section 4): shown at once, not stored."""

_MAX_PARTS: Final = 255
_MAX_PAYLOAD: Final = 0xFFFF


def to_wire(
    composed: ComposedSms, long_messages: LongMessages, reference: int, *, flash: bool = False
) -> list[WirePart]:
    """The parts of a text as a carrier's link sends them.

    Args:
        composed: what :func:`compose` made, for the same way of sending long messages.
        long_messages: how the carrier takes texts of several parts.
        reference: tells the parts of one message from those of another to the same person: a counter, of which the
            lowest 8 or 16 bits are used.
        flash: show it at once on the handset, without storing it.

    Raises:
        LocalProtocolError: more than 255 parts, or more octets than message_payload takes; or a flash message in an
            alphabet that has no class.
    """
    encoding = Encoding(composed.encoding)
    if flash and encoding not in _FLASH:
        raise LocalProtocolError(f"a flash message cannot be sent as {encoding}")
    coding = _FLASH[encoding] if flash else _DATA_CODING[encoding]
    total = len(composed.parts)
    if total == 1:
        return [WirePart(encode_text(composed.parts[0], encoding), 0, coding)]
    if long_messages is LongMessages.PAYLOAD:
        payload = encode_text(composed.text, encoding)
        if len(payload) > _MAX_PAYLOAD:
            raise LocalProtocolError(f"a text of {len(payload)} octets is too long for message_payload")
        return [WirePart(b"", 0, coding, {Tag.MESSAGE_PAYLOAD: payload}, total)]
    if total > _MAX_PARTS:
        raise LocalProtocolError(f"a text of {total} parts is too long; 255 is the most")
    wire = []
    for number, part in enumerate(composed.parts, 1):
        octets = encode_text(part, encoding)
        if long_messages is LongMessages.SAR:
            wire.append(WirePart(octets, 0, coding, _sar(reference, total, number)))
        else:
            header = _header(long_messages, reference, total, number)
            wire.append(WirePart(header + octets, int(EsmClass.UDHI), coding))
    return wire


def _header(long_messages: LongMessages, reference: int, total: int, number: int) -> bytes:
    """The user data header of a part: its length, one element (TS 23.040 section 9.2.3.24.1, .8)."""
    if long_messages is LongMessages.UDH16:
        return bytes([6, 0x08, 4, reference >> 8 & 0xFF, reference & 0xFF, total, number])
    return bytes([5, 0x00, 3, reference & 0xFF, total, number])


def _sar(reference: int, total: int, number: int) -> dict[int, bytes]:
    return {
        Tag.SAR_MSG_REF_NUM: bytes([0, reference & 0xFF]),
        Tag.SAR_TOTAL_SEGMENTS: bytes([total]),
        Tag.SAR_SEGMENT_SEQNUM: bytes([number]),
    }


# ---------------------------------------------------------------- from the wire


class Concatenation(NamedTuple):
    """Which part of which message this is; ``number`` counts from 1."""

    reference: int
    total: int
    number: int


def read_concatenation(message: Message | DataMessage, tlvs: Tlvs) -> Concatenation | None:
    """Where a part belongs, from its user data header or its SAR parameters; ``None`` for a message of one part."""
    header, _ = user_data(message, tlvs)
    at = 0
    while at + 2 <= len(header):
        kind, size = header[at], header[at + 1]
        value = header[at + 2 : at + 2 + size]
        if kind == 0x00 and len(value) == 3:
            return _concatenation(value[0], value[1], value[2])
        if kind == 0x08 and len(value) == 4:
            return _concatenation(value[0] << 8 | value[1], value[2], value[3])
        at += 2 + size
    if Tag.SAR_TOTAL_SEGMENTS in tlvs:
        return _concatenation(
            tlv_int(tlvs.get(Tag.SAR_MSG_REF_NUM, b"")),
            tlv_int(tlvs[Tag.SAR_TOTAL_SEGMENTS]),
            tlv_int(tlvs.get(Tag.SAR_SEGMENT_SEQNUM, b"")),
        )
    return None


def _concatenation(reference: int, total: int, number: int) -> Concatenation | None:
    """A number out of range is to be ignored (TS 23.040 section 9.2.3.24.1)."""
    return Concatenation(reference, total, number) if 1 <= number <= total <= 255 and total > 1 else None


def user_data(message: Message | DataMessage, tlvs: Tlvs) -> tuple[bytes, bytes]:
    """The elements of the user data header, and the text octets, of a message.

    The text is in message_payload where short_message is empty (SMPP 3.4 section 5.3.2.32).
    """
    octets = message.short_message if isinstance(message, Message) else b""
    octets = octets or tlvs.get(Tag.MESSAGE_PAYLOAD, b"")
    if message.esm_class & EsmClass.UDHI and octets and octets[0] < len(octets):
        return octets[1 : 1 + octets[0]], octets[1 + octets[0] :]
    return b"", octets


def decode_message(message: Message | DataMessage, tlvs: Tlvs, default_alphabet: Encoding = Encoding.GSM7) -> str:
    """What somebody wrote; never fails, and never holds a NUL, which a database may refuse.

    Binary content reads as ``[binary: 0a1b]``.
    """
    _, octets = user_data(message, tlvs)
    coding = message.data_coding
    if coding in _FOREIGN:
        text = octets.decode(_FOREIGN[coding], "replace")
    else:
        encoding = _encoding_of(coding, default_alphabet)
        if encoding is None:
            return f"[binary: {octets.hex()}]"
        text = decode_text(octets, encoding)
    return text.replace("\0", "")


_FOREIGN: Final[Mapping[int, str]] = {0x06: "iso8859_5", 0x07: "iso8859_8", 0x0E: "euc_kr"}
"""SMPP 3.4 section 5.2.19: Cyrillic, Hebrew, Korean."""


def _encoding_of(coding: int, default_alphabet: Encoding) -> Encoding | None:
    """The alphabet of a data_coding, ``None`` for binary (SMPP 3.4 section 5.2.19; TS 23.038 section 4 from 0x10)."""
    if coding in (0x02, 0x04):
        return None
    if coding in (0x01, 0x03, 0x08):
        return {0x01: Encoding.ASCII, 0x03: Encoding.LATIN1, 0x08: Encoding.UCS2}[coding]
    if 0x10 <= coding <= 0x7F:  # general group: bits 3 and 2 say which
        return {0x04: None, 0x08: Encoding.UCS2}.get(coding & 0x0C, default_alphabet)
    if coding & 0xF0 == 0xE0:  # message waiting, UCS-2
        return Encoding.UCS2
    if coding & 0xF4 == 0xF4:  # class, 8-bit data
        return None
    return default_alphabet
