"""Octets to PDUs and back: framing, decoding, encoding.

smpplib (2.2.4) is the codec as far as it is right. Its PDU classes say which fields a command has, in which order and
how large, and they write the mandatory part of what we send, after :func:`encode` has checked every field (smpplib
cuts a string that is too long, silently). Reading is ours, over the same field tables, because smpplib's reader

* accepts a body that ends in the middle of a field, without an error;
* takes the last character off a string TLV that has no trailing NUL, so that receipts do not match;
* ignores the length of an integer TLV, so that one of an odd size shifts everything behind it;
* raises on, or drops, a TLV that it does not know; and raises ``KeyError`` on one that its command does not list.

It lacks cancel_sm, replace_sm and outbind, which stand here in its own terms. ``hot`` has the same codec for the few
PDUs that go by the hundred thousand, tested byte for byte against this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from struct import Struct
from typing import Any, Final

import smpplib.command
import smpplib.command_codes
import smpplib.consts

from gateway.smpp import pdu
from gateway.smpp.errors import LocalProtocolError, RemoteProtocolError
from gateway.smpp.pdu import RESPONSE_BIT, Command, Pdu, Status

HEADER_SIZE: Final = 16
"""Octets of the header (SMPP 3.4 section 3.2)."""

MAX_PDU: Final = 70_000
"""A message_payload of 65,535 octets and everything around it fits; what is longer is no SMPP."""

MAX_SHORT_MESSAGE: Final = 254
"""sm_length at most (SMPP 3.4 section 5.2.21). A peer's 255 (SMPP 5.0) is read all the same."""

MAX_FOREIGN_STRING: Final = 255
"""Octets of a peer's C-octet string, whatever the field's own limit: message ids in the field are longer than 64."""

_LENGTH = Struct(">I")
_HEADER = Struct(">IIII")
_TLV = Struct(">HH")


# ---------------------------------------------------------------- framing


class Framer:
    """Cuts a stream into whole PDUs. Holds at most one unfinished PDU.

    Attributes:
        fault: set when the stream can no longer be followed; the PDUs before it were returned. Every later
            :meth:`feed` raises it, so a caller who does not look finds out with the next octets.
    """

    def __init__(self, max_pdu: int = MAX_PDU) -> None:
        self._max = max_pdu
        self._chunks: list[bytes] = []
        self._have = 0
        self._need = 4
        self.fault: RemoteProtocolError | None = None

    def feed(self, data: bytes) -> list[bytes]:
        """Take octets; return the PDUs that are whole now, in order.

        Raises:
            RemoteProtocolError: fatal, ESME_RINVCMDLEN: a command_length below 16 or above the limit stands first.
        """
        if self.fault is not None:
            raise self.fault
        if self._chunks:
            self._chunks.append(data)
            self._have += len(data)
            if self._have < self._need:  # joined once per PDU: a slow drip costs no quadratic copying
                return []
            data = b"".join(self._chunks)
            self._chunks = []
        whole, position, fault = self._cut(data)
        self.fault = fault
        if fault is None:
            self._keep(data, position)
        elif not whole:
            raise fault
        return whole

    def _cut(self, data: bytes) -> tuple[list[bytes], int, RemoteProtocolError | None]:
        whole: list[bytes] = []
        append, unpack, largest = whole.append, _LENGTH.unpack_from, self._max
        position, last = 0, len(data) - 4
        while position <= last:
            (length,) = unpack(data, position)
            if not HEADER_SIZE <= length <= largest:
                return whole, position, length_fault(length)
            end = position + length
            if end > last + 4:
                break
            append(data[position:end])
            position = end
        return whole, position, None

    def _keep(self, data: bytes, position: int) -> None:
        rest = data[position:]
        self._have = len(rest)
        self._chunks = [rest] if rest else []
        self._need = _LENGTH.unpack_from(rest)[0] if len(rest) >= 4 else 4


def length_fault(length: int) -> RemoteProtocolError:
    """The error for a command_length after which the stream cannot be followed."""
    return RemoteProtocolError(f"command_length {length} is out of range", status=Status.ESME_RINVCMDLEN, fatal=True)


# ---------------------------------------------------------------- layouts, from smpplib's PDU classes


def _integer() -> Any:
    return smpplib.command.Param(type=int, size=1)


def _string(largest: int) -> Any:
    return smpplib.command.Param(type=str, max=largest)


class _Outbind(smpplib.command.Command):  # type: ignore[misc]
    """SMPP 3.4 section 4.1.7.1, which smpplib lacks."""

    params: Mapping[str, Any] = {"system_id": _string(16), "password": _string(9)}
    params_order = tuple(params)


class _CancelSm(smpplib.command.Command):  # type: ignore[misc]
    """SMPP 3.4 section 4.9.1, which smpplib lacks."""

    params: Mapping[str, Any] = {
        "service_type": _string(6),
        "message_id": _string(65),
        "source_addr_ton": _integer(),
        "source_addr_npi": _integer(),
        "source_addr": _string(21),
        "dest_addr_ton": _integer(),
        "dest_addr_npi": _integer(),
        "destination_addr": _string(21),
    }
    params_order = tuple(params)


class _ReplaceSm(smpplib.command.Command):  # type: ignore[misc]
    """SMPP 3.4 section 4.10.1, which smpplib lacks."""

    params: Mapping[str, Any] = {
        "message_id": _string(65),
        "source_addr_ton": _integer(),
        "source_addr_npi": _integer(),
        "source_addr": _string(21),
        "schedule_delivery_time": _string(17),
        "validity_period": _string(17),
        "registered_delivery": _integer(),
        "sm_default_msg_id": _integer(),
        "sm_length": _integer(),
        "short_message": smpplib.command.Param(type=smpplib.command.ostr, max=254, len_field="sm_length"),
    }
    params_order = tuple(params)


class _Empty(smpplib.command.Command):  # type: ignore[misc]
    """A PDU that is all header."""

    params: Mapping[str, Any] = {}
    params_order = ()


@dataclass(frozen=True, slots=True)
class _Field:
    """A mandatory field; ``limit`` is the most characters or octets without NUL, or ``None`` for an integer octet."""

    name: str
    kind: str  # "integer", "string" or "octets"
    limit: int


@dataclass(frozen=True, slots=True)
class _Layout:
    """One command: smpplib's class, our body type, and what is in between."""

    name: str
    writer: type
    body: type | None
    fields: tuple[_Field, ...]


_smpplib = smpplib.command
_CLASSES: Mapping[Command, tuple[type, type | None]] = {
    Command.GENERIC_NACK: (_smpplib.GenericNAck, None),
    Command.BIND_RECEIVER: (_smpplib.BindReceiver, pdu.Bind),
    Command.BIND_RECEIVER_RESP: (_smpplib.BindReceiverResp, pdu.BindResp),
    Command.BIND_TRANSMITTER: (_smpplib.BindTransmitter, pdu.Bind),
    Command.BIND_TRANSMITTER_RESP: (_smpplib.BindTransmitterResp, pdu.BindResp),
    Command.BIND_TRANSCEIVER: (_smpplib.BindTransceiver, pdu.Bind),
    Command.BIND_TRANSCEIVER_RESP: (_smpplib.BindTransceiverResp, pdu.BindResp),
    Command.OUTBIND: (_Outbind, pdu.Outbind),
    Command.UNBIND: (_smpplib.Unbind, None),
    Command.UNBIND_RESP: (_smpplib.UnbindResp, None),
    Command.SUBMIT_SM: (_smpplib.SubmitSM, pdu.Message),
    Command.SUBMIT_SM_RESP: (_smpplib.SubmitSMResp, pdu.MessageResp),
    Command.DELIVER_SM: (_smpplib.DeliverSM, pdu.Message),
    Command.DELIVER_SM_RESP: (_smpplib.DeliverSMResp, pdu.MessageResp),
    Command.DATA_SM: (_smpplib.DataSM, pdu.DataMessage),
    Command.DATA_SM_RESP: (_smpplib.DataSMResp, pdu.MessageResp),
    Command.QUERY_SM: (_smpplib.QuerySM, pdu.QuerySm),
    Command.QUERY_SM_RESP: (_smpplib.QuerySMResp, pdu.QuerySmResp),
    Command.CANCEL_SM: (_CancelSm, pdu.CancelSm),
    Command.CANCEL_SM_RESP: (_Empty, None),
    Command.REPLACE_SM: (_ReplaceSm, pdu.ReplaceSm),
    Command.REPLACE_SM_RESP: (_Empty, None),
    Command.ENQUIRE_LINK: (_smpplib.EnquireLink, None),
    Command.ENQUIRE_LINK_RESP: (_smpplib.EnquireLinkResp, None),
    Command.ALERT_NOTIFICATION: (_smpplib.AlertNotification, pdu.AlertNotification),
}
"""Every command that is spoken here. submit_multi is not: nobody in this trade uses it, and a list of destinations
would get one answer for many citizens."""


def _layout(writer: Any, body: type | None) -> tuple[_Field, ...]:
    found = []
    for name in writer.params_order:
        if name in smpplib.consts.OPTIONAL_PARAMS and name not in getattr(writer, "mandatory_fields", ()):
            continue
        param = writer.params[name]
        if param.type is int:
            found.append(_Field(name, "integer", 255))
        elif param.type is str:
            found.append(_Field(name, "string", param.max - 1))
        else:
            found.append(_Field(name, "octets", MAX_SHORT_MESSAGE))
    return tuple(found) if body is not None else ()


_LAYOUTS: Mapping[int, _Layout] = {
    command.value: _Layout(smpplib.command_codes.get_command_name(command.value), writer, body, _layout(writer, body))
    for command, (writer, body) in _CLASSES.items()
}

_ADDRESSES = {
    "source": ("source_addr", "source_addr_ton", "source_addr_npi"),
    "destination": ("destination_addr", "dest_addr_ton", "dest_addr_npi"),
    "esme": ("esme_addr", "esme_addr_ton", "esme_addr_npi"),
}
"""Our attribute, and the specification's three fields that it stands for."""

# ---------------------------------------------------------------- reading


def decode(raw: bytes) -> Pdu:
    """A whole PDU, as :class:`Framer` gives it, as values.

    A command that is not spoken here (an unknown id, submit_multi) has body ``None`` and no TLVs. A response has body
    ``None`` where it came without one, or where it reports an error and its body makes no sense: the status is what
    counts then. Strings are Latin-1, so that any octet is some character, and may be longer than the field's limit.

    Raises:
        RemoteProtocolError: not fatal; with the status to answer, and the sequence number where there is one.
    """
    if len(raw) < HEADER_SIZE:
        raise RemoteProtocolError("a PDU shorter than its header", status=Status.ESME_RINVCMDLEN)
    length, command, status, sequence = _HEADER.unpack_from(raw)
    if length != len(raw):
        raise RemoteProtocolError(
            f"command_length {length} on {len(raw)} octets", status=Status.ESME_RINVCMDLEN, sequence=sequence
        )
    layout = _LAYOUTS.get(command)
    if layout is None or (length == HEADER_SIZE and (layout.body is None or command & RESPONSE_BIT)):
        return Pdu(command, status, sequence, raw=raw)
    try:
        values, position = _read_fields(layout, raw, sequence)
        tlvs = read_tlvs(raw, position, sequence)
    except RemoteProtocolError:
        if status and command & RESPONSE_BIT:
            return Pdu(command, status, sequence, raw=raw)
        raise
    body = _build(layout.body, values) if layout.body is not None else None
    return Pdu(command, status, sequence, body, tlvs, raw)


def _read_fields(layout: _Layout, raw: bytes, sequence: int) -> tuple[dict[str, Any], int]:
    """The mandatory fields by name, and where the optional parameters begin."""
    values: dict[str, Any] = {}
    position, size = HEADER_SIZE, len(raw)
    for field in layout.fields:
        name = field.name
        if field.kind == "string":
            end = raw.find(0, position, position + MAX_FOREIGN_STRING)
            if end < 0:
                raise _bad_string(layout, name, size - position, sequence)
            values[name] = raw[position:end].decode("latin-1")
            position = end + 1
        elif field.kind == "integer":
            if position >= size:
                raise _truncated(layout, name, sequence)
            values[name] = raw[position]
            position += 1
        else:
            end = position + values["sm_length"]
            if end > size:
                raise RemoteProtocolError(
                    f"sm_length goes beyond the end of {layout.name}",
                    status=Status.ESME_RINVMSGLEN,
                    sequence=sequence,
                )
            values[name] = raw[position:end]
            position = end
    return values, position


def _truncated(layout: _Layout, name: str, sequence: int) -> RemoteProtocolError:
    return RemoteProtocolError(f"{layout.name} ends before {name}", status=Status.ESME_RINVCMDLEN, sequence=sequence)


def _bad_string(layout: _Layout, name: str, left: int, sequence: int) -> RemoteProtocolError:
    if left < MAX_FOREIGN_STRING:
        return RemoteProtocolError(
            f"{layout.name} ends within {name}", status=Status.ESME_RINVCMDLEN, sequence=sequence
        )
    return RemoteProtocolError(f"{name} of {layout.name} is too long", status=Status.ESME_RINVPARLEN, sequence=sequence)


def read_tlvs(raw: bytes, position: int, sequence: int = 0) -> dict[int, bytes]:
    """The optional parameters from ``position`` to the end, known or not; a tag that comes twice keeps the first.

    Raises:
        RemoteProtocolError: ESME_RINVOPTPARSTREAM: one goes beyond the end.
    """
    tlvs: dict[int, bytes] = {}
    size = len(raw)
    while position < size:
        if position + 4 > size:
            raise _bad_tlv(sequence)
        tag, length = _TLV.unpack_from(raw, position)
        position += 4
        end = position + length
        if end > size:
            raise _bad_tlv(sequence)
        tlvs.setdefault(tag, raw[position:end])
        position = end
    return tlvs


def _bad_tlv(sequence: int) -> RemoteProtocolError:
    return RemoteProtocolError(
        "an optional parameter goes beyond the end of the PDU",
        status=Status.ESME_RINVOPTPARSTREAM,
        sequence=sequence,
    )


def _build(body: Callable[..., Any], values: dict[str, Any]) -> Any:
    names = _BODY_FIELDS[body]
    arguments = {}
    for name in names:
        if name in _ADDRESSES:
            value, ton, npi = _ADDRESSES[name]
            arguments[name] = pdu.Address(values[value], values[ton], values[npi])
        else:
            arguments[name] = values[name]
    return body(**arguments)


_BODY_FIELDS: Mapping[Any, tuple[str, ...]] = {
    body: tuple(field.name for field in fields(body)) for _, body in _CLASSES.values() if body is not None
}


def tlv_text(value: bytes) -> str:
    """A string parameter: Latin-1, with the trailing NUL that should be there taken off, once, if it is."""
    return value.removesuffix(b"\0").decode("latin-1")


def tlv_int(value: bytes) -> int:
    """An integer parameter of whatever size the peer gave it; 0 for none."""
    return int.from_bytes(value, "big")


# ---------------------------------------------------------------- writing


def encode(message: Pdu) -> bytes:
    """A PDU as octets; its ``raw`` is not looked at.

    Raises:
        LocalProtocolError: something does not fit its field: nothing is ever cut. The message names the field and
            never quotes its value.
    """
    layout = _LAYOUTS.get(message.command)
    if layout is None:
        raise LocalProtocolError(f"command 0x{message.command:08X} is not spoken here")
    for name, number in (("command_status", message.status), ("sequence_number", message.sequence)):
        if not 0 <= number <= 0xFFFFFFFF:
            raise LocalProtocolError(f"{name} {number} does not fit four octets")
    mandatory = _write_body(layout, message)
    optional = write_tlvs(message.tlvs)
    length = HEADER_SIZE + len(mandatory) + len(optional)
    return _HEADER.pack(length, message.command, message.status, message.sequence) + mandatory + optional


def _write_body(layout: _Layout, message: Pdu) -> bytes:
    body = message.body
    if body is None:
        if layout.body is None or (message.command & RESPONSE_BIT and message.status):
            return b""
        raise LocalProtocolError(f"{layout.name} needs a body")
    if layout.body is None or not isinstance(body, layout.body):
        raise LocalProtocolError(f"{type(body).__name__} is no body of {layout.name}")
    values = _flatten(body)
    for field in layout.fields:
        _check(layout, field, values[field.name])
    writer: Any = layout.writer(layout.name, sequence=message.sequence)
    writer.params_order = [field.name for field in layout.fields]  # spares it forty optional parameters
    for name, value in values.items():
        setattr(writer, name, value)
    written: bytes = writer.generate_params()
    return written


def _flatten(body: Any) -> dict[str, Any]:
    """A body's values by the specification's field names."""
    values: dict[str, Any] = {}
    for name in _BODY_FIELDS[type(body)]:
        value = getattr(body, name)
        if name in _ADDRESSES:
            values.update(zip(_ADDRESSES[name], (value.value, value.ton, value.npi), strict=True))
        else:
            values[name] = value
    if "short_message" in values:
        values["sm_length"] = len(values["short_message"])
    return values


def _check(layout: _Layout, field: _Field, value: Any) -> None:
    where = f"{field.name} of {layout.name}"
    if field.kind == "integer":
        if not 0 <= value <= 255:
            raise LocalProtocolError(f"{where} does not fit an octet")
        return
    if len(value) > field.limit:
        raise LocalProtocolError(f"{where} takes at most {field.limit} octets, not {len(value)}")
    if field.kind == "string" and ("\0" in value or not _is_latin1(value)):
        raise LocalProtocolError(f"{where} holds a character that cannot be sent")


def _is_latin1(value: str) -> bool:
    return not value or max(value) <= "\xff"


def write_tlvs(tlvs: pdu.Tlvs) -> bytes:
    """Optional parameters as octets, in the order of the mapping.

    Raises:
        LocalProtocolError: a tag or a length does not fit two octets.
    """
    written = []
    for tag, value in tlvs.items():
        if not 0 <= tag <= 0xFFFF or len(value) > 0xFFFF:
            raise LocalProtocolError(f"optional parameter 0x{tag:04X} of {len(value)} octets does not fit")
        written.append(_TLV.pack(tag, len(value)) + value)
    return b"".join(written)
