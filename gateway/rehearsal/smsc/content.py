"""What a submit says, apart from to whom: decoded once, however many numbers it goes to."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from gateway.rehearsal.smsc.times import is_time
from gateway.smpp.codec import decode
from gateway.smpp.errors import RemoteProtocolError
from gateway.smpp.pdu import Address, DataMessage, Message, Pdu, ReplaceSm, Status, Tlvs
from gateway.smpp.text import Concatenation, Encoding, decode_message, read_concatenation, user_data

MAX_ADDRESS = 20  # destination_addr without its NUL (SMPP 3.4 section 5.2.9)
REPLACE_TYPES = range(0x41, 0x48)
"""protocol_id of Replace Short Message Type 1 to 7 (3GPP TS 23.040 section 9.2.3.9)."""


@dataclass(frozen=True)
class Content:
    """A submit_sm or data_sm without its destination's number.

    Attributes:
        body: the fields; the destination holds TON and NPI, and no number that counts.
    """

    body: Message | DataMessage
    tlvs: Tlvs = field(default_factory=dict)

    @cached_property
    def part(self) -> Concatenation | None:
        """Which part of a longer message this is."""
        return read_concatenation(self.body, self.tlvs)

    @cached_property
    def alone(self) -> tuple[Content] | None:
        """The whole message, where this is no part of a longer one."""
        return (self,) if self.part is None else None

    @cached_property
    def key(self) -> int:
        """Equal for the same part of the same text, whatever its concatenation reference."""
        _, octets = user_data(self.body, self.tlvs)
        place = self.part[1:] if self.part else (1, 1)
        return hash((octets, self.body.data_coding, place))

    @cached_property
    def source(self) -> Address:
        """The sender."""
        return self.body.source

    @cached_property
    def destination(self) -> Address:
        """TON and NPI of the destination."""
        return self.body.destination

    @cached_property
    def registered_delivery(self) -> int:
        """Which receipts are asked for (SMPP 3.4 section 5.2.17)."""
        return self.body.registered_delivery

    @cached_property
    def replace_type(self) -> int | None:
        """The protocol_id of a message that replaces an earlier one on the handset."""
        pid = self.body.protocol_id if isinstance(self.body, Message) else 0
        return pid if pid in REPLACE_TYPES else None

    @cached_property
    def flash(self) -> bool:
        """Message class 0: shown at once, not stored (3GPP TS 23.038 section 4)."""
        coding = self.body.data_coding
        return coding & 0xD3 == 0x10 or coding & 0xF3 == 0xF0

    @cached_property
    def first_words(self) -> str:
        """The text of this part in the alphabet of the standard, for receipts."""
        return self.text(Encoding.GSM7)

    @cached_property
    def replaces_pending(self) -> bool:
        """replace_if_present_flag (SMPP 3.4 section 5.2.18)."""
        return isinstance(self.body, Message) and self.body.replace_if_present_flag == 1

    @cached_property
    def plain(self) -> bool:
        """Whether it is to be delivered at once, and no intermediate receipt is asked for."""
        return not self.schedule_delivery_time and not self.registered_delivery & 0x10

    @cached_property
    def times_fault(self) -> int:
        """The status for a time that is no time; 0 where all is well."""
        written = (
            (self.schedule_delivery_time, Status.ESME_RINVSCHED),
            (self.validity_period, Status.ESME_RINVEXPIRY),
        )
        return next((int(status) for text, status in written if not is_time(text)), 0)

    @property
    def validity_period(self) -> str:
        """As the ESME wrote it."""
        return self.body.validity_period if isinstance(self.body, Message) else ""

    @property
    def schedule_delivery_time(self) -> str:
        """As the ESME wrote it."""
        return self.body.schedule_delivery_time if isinstance(self.body, Message) else ""

    def text(self, alphabet: Encoding) -> str:
        """What this part reads as, where data_coding 0 means ``alphabet``."""
        return decode_message(self.body, self.tlvs, alphabet)

    def replaced(self, change: ReplaceSm) -> Content:
        """This message after a replace_sm (SMPP 3.4 section 4.10.1)."""
        if not isinstance(self.body, Message):
            raise TypeError("a data_sm cannot be replaced")
        return Content(
            replace(
                self.body,
                short_message=change.short_message,
                registered_delivery=change.registered_delivery,
                validity_period=change.validity_period or self.body.validity_period,
            )
        )


class Contents:
    """Reads submits. The same message to many numbers differs in a few octets only, so it is decoded once."""

    def __init__(self, size: int = 4096) -> None:
        self._known: dict[tuple[bytes, bytes], Content] = {}
        self._size = size

    def read(self, raw: bytes) -> tuple[str, Content]:
        """The destination's number, without ``+``, and the content of a whole submit_sm.

        Raises:
            RemoteProtocolError: with the status to answer.
        """
        # service_type, NUL, TON, NPI, source_addr, NUL, TON, NPI come before the number (section 4.4.1). A string
        # that does not end gives 0 here, and an address that cannot be.
        source = raw.find(0, 16) + 3
        start = raw.find(0, source) + 3
        end = raw.find(0, start)
        if not 0 < end - start <= MAX_ADDRESS or start < source or source < 19:
            return self._read_slowly(raw)
        parts = raw[16:start], raw[end:]
        content = self._known.get(parts)
        if content is None:
            content = self._learn(parts, raw)
        return raw[start:end].decode("latin-1").lstrip("+"), content

    def _learn(self, parts: tuple[bytes, bytes], raw: bytes) -> Content:
        content = content_of(decode(raw))
        if len(self._known) >= self._size:
            self._known.clear()
        self._known[parts] = content
        return content

    def _read_slowly(self, raw: bytes) -> tuple[str, Content]:
        pdu = decode(raw)
        content = content_of(pdu)
        return number_of(content.destination, pdu.sequence), content


def content_of(pdu: Pdu) -> Content:
    """The content of a submit_sm or data_sm.

    Raises:
        RemoteProtocolError: it has none.
    """
    if not isinstance(pdu.body, Message | DataMessage):
        raise RemoteProtocolError("a submit without a body", status=Status.ESME_RINVCMDLEN, sequence=pdu.sequence)
    return Content(pdu.body, pdu.tlvs)


def number_of(destination: Address, sequence: int) -> str:
    """A destination's number without ``+``.

    Raises:
        RemoteProtocolError: it is empty or too long.
    """
    if not 0 < len(destination.value) <= MAX_ADDRESS:
        raise RemoteProtocolError("destination_addr", status=Status.ESME_RINVDSTADR, sequence=sequence)
    return destination.value.lstrip("+")
