"""The PDUs that go by the hundred thousand: one message to many numbers, its responses, its receipts.

The same octets as ``codec``, an order of magnitude faster; ``tests/unit/test_smpp_hot.py`` holds the two together byte
for byte. Whatever is unusual is left to ``codec``: nothing is read here that it would read otherwise.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from struct import Struct
from typing import Final

from gateway.domain.delivery import Reason, SegmentState
from gateway.smpp.codec import HEADER_SIZE, MAX_FOREIGN_STRING, MAX_PDU, decode, encode, length_fault
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import Command, DataMessage, Message, MessageResp, MessageState, Pdu, Status, Tlvs
from gateway.smpp.receipt import OUTCOMES, ParsedReceipt, done_at, parse_receipt, state_of_word

MAX_SEQUENCE: Final = 0x7FFFFFFF
"""The largest sequence_number (SMPP 3.4 section 3.2.1.4)."""

_MAX_ADDRESS = 20  # destination_addr without its NUL (section 5.2.9)
_SUBMIT_SM = int(Command.SUBMIT_SM)
_SUBMIT_SM_RESP = int(Command.SUBMIT_SM_RESP)
_DELIVER_SM = int(Command.DELIVER_SM)
_DATA_SM = int(Command.DATA_SM)
_LARGEST_PLAIN_RESP = HEADER_SIZE + MAX_FOREIGN_STRING
_HEADER = Struct(">IIII")
_DELIVER_RESP = Struct(">IIIIB")

# ---------------------------------------------------------------- out


class SubmitTemplate:
    """One submit_sm, encoded once, to be sent to many numbers.

    Args:
        message: everything but the destination's number; its TON and NPI count for all numbers.
        tlvs: optional parameters, the same for all.

    Raises:
        LocalProtocolError: a field of the message does not fit.
    """

    def __init__(self, message: Message, tlvs: Tlvs | None = None) -> None:
        nobody = replace(message, destination=replace(message.destination, value=""))
        raw = encode(Pdu(_SUBMIT_SM, body=nobody, tlvs=tlvs or {}))
        # service_type, NUL, TON, NPI, source_addr, NUL, TON, NPI come before the number (section 4.4.1).
        start = HEADER_SIZE + len(message.service_type) + 1 + 2 + len(message.source.value) + 1 + 2
        self._before = raw[HEADER_SIZE:start]
        self._after = raw[start:]  # begins with the number's NUL
        self._rows: dict[int, Struct] = {}

    def pack(self, sequence: int, destination: bytes) -> bytes:
        """The PDU for one number.

        Raises:
            LocalProtocolError: the number is longer than 20 octets or holds a NUL, or the sequence is out of range.
        """
        if not 0 <= sequence <= MAX_SEQUENCE:
            raise LocalProtocolError(f"sequence_number {sequence} is out of range")
        if 0 in destination:
            raise LocalProtocolError("destination_addr holds a NUL")
        row = self._row(len(destination))
        return row.pack(row.size, _SUBMIT_SM, 0, sequence, self._before, destination, self._after)

    def pack_many(self, first_sequence: int, destinations: Sequence[bytes]) -> bytes:
        """The PDUs for these numbers in a row, numbered from ``first_sequence``.

        The caller sees to it that the numbers do not run past :data:`MAX_SEQUENCE`.

        Raises:
            LocalProtocolError: a number is longer than 20 octets or holds a NUL, or the sequence numbers run over.
        """
        if first_sequence < 0 or first_sequence + len(destinations) - 1 > MAX_SEQUENCE:
            raise LocalProtocolError("sequence numbers run past 0x7FFFFFFF")
        if not b"".join(destinations).isdigit() and any(0 in destination for destination in destinations):
            raise LocalProtocolError("destination_addr holds a NUL")
        lengths = set(map(len, destinations))
        before, after = self._before, self._after
        if len(lengths) == 1:
            row = self._row(*lengths)
            pack, size = row.pack, row.size
            return b"".join(
                [
                    pack(size, _SUBMIT_SM, 0, sequence, before, destination, after)
                    for sequence, destination in enumerate(destinations, first_sequence)
                ]
            )
        rows = {length: self._row(length) for length in lengths}
        written = []
        for sequence, destination in enumerate(destinations, first_sequence):
            row = rows[len(destination)]
            written.append(row.pack(row.size, _SUBMIT_SM, 0, sequence, before, destination, after))
        return b"".join(written)

    def _row(self, length: int) -> Struct:
        """The shape of a PDU whose number has so many octets."""
        row = self._rows.get(length)
        if row is None:
            if length > _MAX_ADDRESS:
                raise LocalProtocolError(f"destination_addr takes at most {_MAX_ADDRESS} octets, not {length}")
            row = self._rows[length] = Struct(f">IIII{len(self._before)}s{length}s{len(self._after)}s")
        return row


def pack_deliver_resps(sequences: Sequence[int], status: int = Status.ESME_ROK) -> bytes:
    """deliver_sm_resp for each of these, in a row (SMPP 3.4 section 4.6.2: the message_id is empty)."""
    pack, command, code = _DELIVER_RESP.pack, int(Command.DELIVER_SM_RESP), int(status)
    return b"".join([pack(17, command, code, sequence, 0) for sequence in sequences])


# ---------------------------------------------------------------- in


def split_submit_responses(
    buffer: bytes, max_pdu: int = MAX_PDU
) -> tuple[list[tuple[int, int, str]], list[bytes], bytes]:
    """Walk what was received, once.

    Returns:
        (sequence, status, message_id) of each plain submit_sm_resp; every other whole PDU, raw, among them responses
        with optional parameters or a body that makes no sense; and the rest, to be put before what comes next.

    Raises:
        RemoteProtocolError: fatal: a command_length that cannot be stands first. Where good PDUs stand before it they
            are returned, and it stands first in the rest.
    """
    responses: list[tuple[int, int, str]] = []
    others: list[bytes] = []
    header, found, other = _HEADER.unpack_from, responses.append, others.append
    position, size = 0, len(buffer)
    last = size - HEADER_SIZE
    while position <= last:
        length, command, status, sequence = header(buffer, position)
        end = position + length
        if not HEADER_SIZE <= length <= max_pdu:
            if not position:
                raise length_fault(length)
            break
        if end > size:
            break
        if command == _SUBMIT_SM_RESP and length <= _LARGEST_PLAIN_RESP:
            message_id = buffer[position + HEADER_SIZE : end - 1]
            # Refusals come without a body (section 4.4.2); many of them at once when a carrier throttles.
            if length == HEADER_SIZE or (0 not in message_id and not buffer[end - 1]):
                found((sequence, status, message_id.decode("latin-1")))
                position = end
                continue
        other(buffer[position:end])
        position = end
    return responses, others, buffer[position:]


def read_submit_resp(raw: bytes) -> tuple[int, int, str]:
    """(sequence, status, message_id) of one submit_sm_resp; the id is empty where none came.

    Raises:
        RemoteProtocolError: the body makes no sense, or this is no submit_sm_resp.
    """
    responses, others, rest = split_submit_responses(raw)
    if responses and not others and not rest:
        return responses[0]
    pdu = decode(raw)
    if pdu.command != _SUBMIT_SM_RESP:
        raise RemoteProtocolError(
            f"command 0x{pdu.command:08X} is no submit_sm_resp", status=Status.ESME_RINVCMDID, sequence=pdu.sequence
        )
    return pdu.sequence, pdu.status, pdu.body.message_id if isinstance(pdu.body, MessageResp) else ""


_PLAIN_RECEIPT = re.compile(
    rb"(.{4})\0\0\0\x05.{4}(.{4})"  # header: command_length, deliver_sm, sequence_number
    rb"[^\0]{0,254}\0.."  # service_type, source TON and NPI
    rb"[^\0]{0,254}\0.."  # source_addr, destination TON and NPI
    rb"[^\0]{0,254}\0\x04.."  # destination_addr, esm_class: receipt, protocol_id, priority_flag
    rb"[^\0]{0,254}\0[^\0]{0,254}\0.."  # dates, registered_delivery, replace_if_present_flag
    rb"[\0\x01\x03].(.)"  # data_coding: one octet a character; sm_default_msg_id, sm_length
    rb"id:([!-~]{1,64}) sub:\d{1,3} dlvrd:\d{1,3} submit date:\d{10,12} done date:(\d{10,12})"
    rb" stat:([A-Z]{7}) err:([0-9A-Za-z]{1,9}) [Tt]ext:",
    re.DOTALL,
)
"""A deliver_sm body that holds the receipt of the specification's example (SMPP 3.4 appendix B), to the letter."""


def _outcome(word: str) -> tuple[MessageState, SegmentState, Reason | None, bytes]:
    state = state_of_word(word)
    return (state, *OUTCOMES[state], b"\0\x04\x27\0\x01" + bytes([state]))


_OUTCOMES = {
    word.encode(): _outcome(word)
    for word in ("DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "ENROUTE", "SKIPPED")
}
"""By the word in the text: what it means, and the end of the parameters that say the same (message_state)."""


def read_receipt(raw: bytes, received_at: datetime, zone: tzinfo = UTC) -> tuple[int, ParsedReceipt] | None:
    """The sequence number and the receipt of a deliver_sm or data_sm, or ``None`` where it is no receipt.

    Args:
        raw: the whole PDU.
        received_at: when it came; aware. One value for all that came in one read saves time.
        zone: the carrier's local time, in which it writes its dates.

    Raises:
        RemoteProtocolError: the PDU makes no sense.
    """
    return _read_plain_receipt(raw, received_at, zone) or _read_any_receipt(raw, received_at, zone)


def _read_plain_receipt(raw: bytes, received_at: datetime, zone: tzinfo) -> tuple[int, ParsedReceipt] | None:
    """The usual receipt, where nothing follows it but the two usual parameters that say the same; else ``None``."""
    plain = _PLAIN_RECEIPT.match(raw)
    if plain is None:
        return None
    length, sequence, size, message_id, done, word, error = plain.groups()
    end = plain.start(3) + 1 + size[0]
    outcome = _OUTCOMES.get(word)
    if outcome is None or end < plain.end() or int.from_bytes(length, "big") != len(raw):
        return None
    state, segment, reason, tail = outcome
    if end != len(raw) and raw[end:] != b"%b%c%b%b" % (_ID_TAG, len(message_id) + 1, message_id, tail):
        return None
    receipt = ParsedReceipt(
        message_id.decode(), state, segment, reason, error.decode(), _done_at(done, received_at, zone)
    )
    return int.from_bytes(sequence, "big"), receipt


_ID_TAG = b"\0\x1e\0"


@lru_cache(maxsize=256)
def _done_at(done: bytes, received_at: datetime, zone: tzinfo) -> datetime:
    return done_at(done.decode(), received_at, zone)


def _read_any_receipt(raw: bytes, received_at: datetime, zone: tzinfo) -> tuple[int, ParsedReceipt] | None:
    pdu = decode(raw)
    if pdu.command not in (_DELIVER_SM, _DATA_SM) or not isinstance(pdu.body, Message | DataMessage):
        return None
    receipt = parse_receipt(pdu.body, pdu.tlvs, received_at, zone)
    return None if receipt is None else (pdu.sequence, receipt)
