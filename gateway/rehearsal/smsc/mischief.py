"""Octets that no SMSC should send, and some do."""

from __future__ import annotations

from random import Random

from gateway.rehearsal.scenario import Mischief
from gateway.smpp.codec import encode
from gateway.smpp.pdu import Address, Command, Message, MessageResp, Pdu, Status

UNKNOWN_COMMAND = 0x00000999
UNKNOWN_TAG = 0x1500
"""A tag of the range for SMSC vendors (SMPP 3.4 section 5.3.1)."""
MISCHIEF_SEQUENCE = 0x70000001
"""Far from the sequence numbers that are in use."""


def mischief(kind: Mischief, random: Random) -> tuple[bytes, bool]:
    """The octets, and whether the connection ends after them.

    ``garbage``: no SMPP at all. ``truncated``: a deliver_sm whose body ends within a field. ``cut_off``: half a PDU,
    and the end of the connection. ``oversized``: a command_length of two gigabytes. ``unknown_pdu``: a command_id that
    does not exist. ``unknown_tlv``: a good deliver_sm with a vendor's TLV. ``bad_tlv``: a TLV that goes beyond the end.
    ``stray_response``: a submit_sm_resp to nothing. ``nack``: generic_nack for sequence 0.
    """
    good = _message()
    if kind == "garbage":
        return b"\0\0\0\x07" + random.randbytes(93), False
    if kind == "truncated":
        return _with_length(good[:25]), False
    if kind == "cut_off":
        return good[: len(good) // 2], True
    if kind == "oversized":
        return b"\x7f\xff\xff\xff" + good[4:], False
    if kind == "unknown_pdu":
        return _with_length(good[:4] + UNKNOWN_COMMAND.to_bytes(4, "big") + good[8:16]), False
    if kind == "unknown_tlv":
        return _message({UNKNOWN_TAG: b"\x01\x02\x03"}), False
    if kind == "bad_tlv":
        return _with_length(good + b"\x04\x24\xff\xff\x00"), False
    if kind == "stray_response":
        return encode(Pdu(Command.SUBMIT_SM_RESP, sequence=MISCHIEF_SEQUENCE, body=MessageResp("stray"))), False
    return encode(Pdu(Command.GENERIC_NACK, Status.ESME_RINVCMDLEN)), False


def _message(tlvs: dict[int, bytes] | None = None) -> bytes:
    body = Message(Address("31600000000", 1, 1), Address("1", 1, 1), b"rehearsal")
    return encode(Pdu(Command.DELIVER_SM, sequence=MISCHIEF_SEQUENCE, body=body, tlvs=tlvs or {}))


def _with_length(raw: bytes) -> bytes:
    return len(raw).to_bytes(4, "big") + raw[4:]
