"""What goes to an ESME as deliver_sm: receipts and citizens' messages, packed once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import Enum
from functools import lru_cache
from struct import Struct
from typing import TYPE_CHECKING, Final, Literal

from gateway.rehearsal.scenario import FinalState, IdForm, MessageKnobs
from gateway.rehearsal.smsc.stats import Stats
from gateway.smpp.codec import encode, write_tlvs
from gateway.smpp.pdu import Address, Command, EsmClass, Message, MessageState, Pdu, Tag, Tlvs
from gateway.smpp.text import Encoding, LongMessages, WirePart, compose, to_wire

if TYPE_CHECKING:
    from gateway.rehearsal.smsc.messages import Held
    from gateway.rehearsal.smsc.session import SmscSession


class DeliveryKind(Enum):
    """What an ESME gets."""

    RECEIPT = "receipt"
    REPLY = "reply"


@dataclass(slots=True, eq=False)
class Delivery:
    """One deliver_sm on its way.

    Attributes:
        pdu: the whole PDU; its sequence number is put in when it leaves.
        origin: the connection that the message came from, for a receipt.
        bind: where it may go with respect to that connection.
        tries: how often it was sent.
    """

    kind: DeliveryKind
    pdu: bytes
    stats: Stats
    origin: SmscSession | None = None
    bind: Literal["any", "same", "other"] = "any"
    tries: int = 0

    def packed(self, sequence: int) -> bytes:
        """The PDU with its sequence number; counts as a try."""
        self.stats.sent(self.kind.value, again=self.tries > 0)
        self.tries += 1
        return self.pdu[:12] + sequence.to_bytes(4, "big") + self.pdu[16:]


# ---------------------------------------------------------------- message ids


def form_id(number: int, form: IdForm) -> str:
    """A message id as carriers write it. ``uuid`` is not made from a number: the centre draws it."""
    return _FORMATS[form].format(number)


_FORMATS: Final[Mapping[str, str]] = {
    "decimal": "{}",
    "hex": "{:x}",
    "hex_upper": "{:X}",
    "padded": "{:020}",
    "hex_padded": "{:016X}",
}

# ---------------------------------------------------------------- receipts

STATES: Final[Mapping[FinalState, MessageState]] = {
    FinalState.DELIVRD: MessageState.DELIVERED,
    FinalState.EXPIRED: MessageState.EXPIRED,
    FinalState.DELETED: MessageState.DELETED,
    FinalState.UNDELIV: MessageState.UNDELIVERABLE,
    FinalState.ACCEPTD: MessageState.ACCEPTED,
    FinalState.UNKNOWN: MessageState.UNKNOWN,
    FinalState.REJECTD: MessageState.REJECTED,
}
WORDS: Final[Mapping[MessageState, str]] = {
    MessageState.SCHEDULED: "SCHEDLD",
    MessageState.ENROUTE: "ENROUTE",
    **{state: word.value for word, state in STATES.items()},
}
"""``stat:`` of a receipt's text (SMPP 3.4 appendix B)."""

_GSM_NETWORK = 3  # network_error_code's first octet (section 5.3.2.31)
_RECEIPT_TEXT = 20  # characters of the message that a receipt repeats (appendix B)


def receipt(held: Held, state: MessageState, at: datetime, zone: tzinfo) -> bytes:
    """The receipt for a message, as a whole deliver_sm.

    Args:
        held: the message.
        state: what is reported; a state that is not final makes an intermediate receipt.
        at: when it came into that state.
        zone: the carrier's local time, for the dates in the text.
    """
    knobs = held.knobs
    text = _text(held, state, at, zone) if knobs.receipt_form != "tlv" else b""
    tlvs = write_tlvs(_tlvs(held, state)) if knobs.receipt_form != "text" else b""
    kind = EsmClass.INTERMEDIATE if state is MessageState.ENROUTE else EsmClass.DELIVERY_RECEIPT
    source, destination = held.content.destination, held.content.source
    # Packed here for its speed: smpplib's writer takes ten times as long. A test holds it against the codec.
    body = b"".join(
        (
            _HEAD.pack(0, source.ton, source.npi),
            held.destination.encode("latin-1"),
            _MIDDLE.pack(0, destination.ton, destination.npi),
            destination.value.encode("latin-1"),
            _TAIL.pack(0, kind if knobs.receipt_esm_class else 0, len(text)),
            text,
            tlvs,
        )
    )
    return _HEADER.pack(16 + len(body), Command.DELIVER_SM, 0, 0) + body


_HEADER = Struct(">IIII")
_HEAD = Struct(">BBB")  # service_type, source_addr_ton, source_addr_npi (SMPP 3.4 section 4.6.1)
_MIDDLE = Struct(">BBB")  # NUL, dest_addr_ton, dest_addr_npi
_TAIL = Struct(">BB8xB")  # NUL, esm_class, eight fields that are 0 or empty, sm_length


def _text(held: Held, state: MessageState, at: datetime, zone: tzinfo) -> bytes:
    seconds = held.knobs.receipt_seconds
    delivered = 1 if state is MessageState.DELIVERED else 0
    first = held.content.first_words[:_RECEIPT_TEXT]
    return (
        f"id:{held.receipt_id} sub:001 dlvrd:{delivered:03} submit date:{_date(held.at, zone, seconds)}"
        f" done date:{_date(at, zone, seconds)} stat:{WORDS[state]} err:{error_of(held.knobs, state)} text:{first}"
    ).encode("ascii", "replace")


@lru_cache(maxsize=256)  # the submits of one read share their moment
def _date(at: datetime, zone: tzinfo, seconds: bool) -> str:
    return f"{at.astimezone(zone):{'%y%m%d%H%M%S' if seconds else '%y%m%d%H%M'}}"


def _tlvs(held: Held, state: MessageState) -> Tlvs:
    message_id = held.receipt_id.encode("latin-1")
    tlvs = {
        int(Tag.RECEIPTED_MESSAGE_ID): message_id + b"\0" if held.knobs.receipt_nul else message_id,
        int(Tag.MESSAGE_STATE): bytes([state]),
    }
    error = error_of(held.knobs, state)
    if error.isdecimal() and int(error) and int(error) <= 0xFFFF:
        tlvs[int(Tag.NETWORK_ERROR_CODE)] = bytes([_GSM_NETWORK]) + int(error).to_bytes(2, "big")
    return tlvs


def error_of(knobs: MessageKnobs, state: MessageState) -> str:
    """``err:`` of a receipt."""
    if state in (MessageState.DELIVERED, MessageState.ENROUTE, MessageState.ACCEPTED):
        return "000"
    return knobs.error or "001"


# ---------------------------------------------------------------- citizens' messages


def reply(sender: str, to: Address, text: str, long: LongMessages, reference: int) -> list[bytes]:
    """A citizen's message, as one deliver_sm a part.

    Args:
        sender: the citizen's number, without ``+``.
        to: where it goes, as the ESME wrote its own address.
        text: what the citizen writes.
        long: how a text of several parts is sent.
        reference: tells the parts of one message from those of another.
    """
    composed = compose(text, alphabet=Encoding.GSM7, long_messages=long)
    source = Address(sender, ton=1, npi=1)
    return [_part(source, to, wire) for wire in to_wire(composed, long, reference)]


def _part(source: Address, to: Address, wire: WirePart) -> bytes:
    body = Message(
        source=source,
        destination=to,
        short_message=wire.short_message,
        esm_class=wire.esm_class,
        data_coding=wire.data_coding,
    )
    return encode(Pdu(Command.DELIVER_SM, body=body, tlvs=wire.tlvs))
