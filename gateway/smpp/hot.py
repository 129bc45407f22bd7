"""The PDUs that go by the hundred thousand: one message to many numbers, its responses, its receipts.

The same octets as ``codec``, an order of magnitude faster; ``tests/unit/test_smpp_hot.py`` holds the two together byte
for byte. Whatever is unusual is left to ``codec``: nothing is read here that it would read otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from struct import Struct
from typing import Final

from gateway.smpp.codec import HEADER_SIZE, MAX_FOREIGN_STRING, MAX_PDU, decode, encode, length_fault
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import Command, Message, MessageResp, Pdu, Status, Tlvs

MAX_SEQUENCE: Final = 0x7FFFFFFF
"""The largest sequence_number (SMPP 3.4 section 3.2.1.4)."""

_MAX_ADDRESS = 20  # destination_addr without its NUL (section 5.2.9)
_SUBMIT_SM = int(Command.SUBMIT_SM)
_SUBMIT_SM_RESP = int(Command.SUBMIT_SM_RESP)
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
            LocalProtocolError: the number is longer than 20 octets or holds a NUL.
        """
        return self.pack_many(sequence, (destination,))

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
        if command == _SUBMIT_SM_RESP and HEADER_SIZE < length <= _LARGEST_PLAIN_RESP:
            message_id = buffer[position + HEADER_SIZE : end - 1]
            if 0 not in message_id and not buffer[end - 1]:
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
