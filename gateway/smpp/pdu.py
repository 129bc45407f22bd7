"""SMPP 3.4 protocol data units as plain values. ``codec`` turns them into bytes and back.

Names are those of the specification (SMPP v3.4, Issue 1.2); section numbers refer to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag


class Command(IntEnum):
    """command_id (section 5.1.2.1); a response has the top bit set."""

    GENERIC_NACK = 0x80000000
    BIND_RECEIVER = 0x00000001
    BIND_RECEIVER_RESP = 0x80000001
    BIND_TRANSMITTER = 0x00000002
    BIND_TRANSMITTER_RESP = 0x80000002
    QUERY_SM = 0x00000003
    QUERY_SM_RESP = 0x80000003
    SUBMIT_SM = 0x00000004
    SUBMIT_SM_RESP = 0x80000004
    DELIVER_SM = 0x00000005
    DELIVER_SM_RESP = 0x80000005
    UNBIND = 0x00000006
    UNBIND_RESP = 0x80000006
    REPLACE_SM = 0x00000007
    REPLACE_SM_RESP = 0x80000007
    CANCEL_SM = 0x00000008
    CANCEL_SM_RESP = 0x80000008
    BIND_TRANSCEIVER = 0x00000009
    BIND_TRANSCEIVER_RESP = 0x80000009
    OUTBIND = 0x0000000B
    ENQUIRE_LINK = 0x00000015
    ENQUIRE_LINK_RESP = 0x80000015
    SUBMIT_MULTI = 0x00000021
    SUBMIT_MULTI_RESP = 0x80000021
    ALERT_NOTIFICATION = 0x00000102
    DATA_SM = 0x00000103
    DATA_SM_RESP = 0x80000103


RESPONSE_BIT = 0x80000000


class Status(IntEnum):
    """command_status (section 5.1.3)."""

    ESME_ROK = 0x00
    ESME_RINVMSGLEN = 0x01
    ESME_RINVCMDLEN = 0x02
    ESME_RINVCMDID = 0x03
    ESME_RINVBNDSTS = 0x04
    ESME_RALYBND = 0x05
    ESME_RINVPRTFLG = 0x06
    ESME_RINVREGDLVFLG = 0x07
    ESME_RSYSERR = 0x08
    ESME_RINVSRCADR = 0x0A
    ESME_RINVDSTADR = 0x0B
    ESME_RINVMSGID = 0x0C
    ESME_RBINDFAIL = 0x0D
    ESME_RINVPASWD = 0x0E
    ESME_RINVSYSID = 0x0F
    ESME_RCANCELFAIL = 0x11
    ESME_RREPLACEFAIL = 0x13
    ESME_RMSGQFUL = 0x14
    ESME_RINVSERTYP = 0x15
    ESME_RINVNUMDESTS = 0x33
    ESME_RINVDLNAME = 0x34
    ESME_RINVDESTFLAG = 0x40
    ESME_RINVSUBREP = 0x42
    ESME_RINVESMCLASS = 0x43
    ESME_RCNTSUBDL = 0x44
    ESME_RSUBMITFAIL = 0x45
    ESME_RINVSRCTON = 0x48
    ESME_RINVSRCNPI = 0x49
    ESME_RINVDSTTON = 0x50
    ESME_RINVDSTNPI = 0x51
    ESME_RINVSYSTYP = 0x53
    ESME_RINVREPFLAG = 0x54
    ESME_RINVNUMMSGS = 0x55
    ESME_RTHROTTLED = 0x58
    ESME_RINVSCHED = 0x61
    ESME_RINVEXPIRY = 0x62
    ESME_RINVDFTMSGID = 0x63
    ESME_RX_T_APPN = 0x64
    ESME_RX_P_APPN = 0x65
    ESME_RX_R_APPN = 0x66
    ESME_RQUERYFAIL = 0x67
    ESME_RINVOPTPARSTREAM = 0xC0
    ESME_ROPTPARNOTALLWD = 0xC1
    ESME_RINVPARLEN = 0xC2
    ESME_RMISSINGOPTPARAM = 0xC3
    ESME_RINVOPTPARAMVAL = 0xC4
    ESME_RDELIVERYFAILURE = 0xFE
    ESME_RUNKNOWNERR = 0xFF


def status_name(status: int) -> str:
    """``ESME_RTHROTTLED``, or ``0x00000415`` for a carrier's own."""
    try:
        return Status(status).name
    except ValueError:
        return f"0x{status:08X}"


class Tag(IntEnum):
    """Tags of the optional parameters that we read or write (section 5.3.2; 0x0428 is SMPP 5.0)."""

    USER_MESSAGE_REFERENCE = 0x0204
    SAR_MSG_REF_NUM = 0x020C
    SAR_TOTAL_SEGMENTS = 0x020E
    SAR_SEGMENT_SEQNUM = 0x020F
    SC_INTERFACE_VERSION = 0x0210
    RECEIPTED_MESSAGE_ID = 0x001E
    MORE_MESSAGES_TO_SEND = 0x0426
    MESSAGE_STATE = 0x0427
    MESSAGE_PAYLOAD = 0x0424
    NETWORK_ERROR_CODE = 0x0423
    CONGESTION_STATE = 0x0428


class EsmClass(IntFlag):
    """Bits of esm_class (section 5.2.12)."""

    DEFAULT = 0x00
    DELIVERY_RECEIPT = 0x04
    INTERMEDIATE = 0x20
    UDHI = 0x40


class MessageState(IntEnum):
    """message_state (section 5.2.28); 0 and 9 are SMPP 5.0's."""

    SCHEDULED = 0
    ENROUTE = 1
    DELIVERED = 2
    EXPIRED = 3
    DELETED = 4
    UNDELIVERABLE = 5
    ACCEPTED = 6
    UNKNOWN = 7
    REJECTED = 8
    SKIPPED = 9


@dataclass(frozen=True, slots=True)
class Address:
    """A TON, an NPI and at most 20 characters (section 5.2.5 to 5.2.9). Numbers stand without ``+`` where TON is 1."""

    value: str = ""
    ton: int = 0
    npi: int = 0


Tlvs = Mapping[int, bytes]
"""Optional parameters by tag, as raw octets; a tag that comes twice keeps the first."""


@dataclass(frozen=True, slots=True)
class Pdu:
    """Any PDU: the header, and a body of the type that belongs to the command.

    Attributes:
        body: ``None`` where the command has none, or where a response came with an error status and no body.
        raw: the octets that it was decoded from; empty on a PDU that we made.
    """

    command: int
    status: int = 0
    sequence: int = 0
    body: Body | None = None
    tlvs: Tlvs = field(default_factory=dict)
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Bind:
    """bind_transmitter, bind_receiver, bind_transceiver (4.1)."""

    system_id: str
    password: str = field(repr=False)
    system_type: str = ""
    interface_version: int = 0x34
    addr_ton: int = 0
    addr_npi: int = 0
    address_range: str = ""


@dataclass(frozen=True, slots=True)
class BindResp:
    """bind_*_resp (4.1)."""

    system_id: str = ""


@dataclass(frozen=True, slots=True)
class Outbind:
    """outbind (4.1.7)."""

    system_id: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Message:
    """submit_sm (4.4.1) and deliver_sm (4.6.1): one shape. ``short_message`` holds at most 254 octets."""

    source: Address = Address()
    destination: Address = Address()
    short_message: bytes = b""
    esm_class: int = 0
    protocol_id: int = 0
    priority_flag: int = 0
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    replace_if_present_flag: int = 0
    data_coding: int = 0
    sm_default_msg_id: int = 0
    service_type: str = ""


@dataclass(frozen=True, slots=True)
class DataMessage:
    """data_sm (4.7.1); its text is in the message_payload TLV."""

    source: Address = Address()
    destination: Address = Address()
    esm_class: int = 0
    registered_delivery: int = 0
    data_coding: int = 0
    service_type: str = ""


@dataclass(frozen=True, slots=True)
class MessageResp:
    """submit_sm_resp, deliver_sm_resp, data_sm_resp: the message_id is any string, empty in a deliver_sm_resp."""

    message_id: str = ""


@dataclass(frozen=True, slots=True)
class QuerySm:
    """query_sm (4.8.1)."""

    message_id: str
    source: Address = Address()


@dataclass(frozen=True, slots=True)
class QuerySmResp:
    """query_sm_resp (4.8.2)."""

    message_id: str
    final_date: str = ""
    message_state: int = 0
    error_code: int = 0


@dataclass(frozen=True, slots=True)
class CancelSm:
    """cancel_sm (4.9.1)."""

    message_id: str = ""
    source: Address = Address()
    destination: Address = Address()
    service_type: str = ""


@dataclass(frozen=True, slots=True)
class ReplaceSm:
    """replace_sm (4.10.1)."""

    message_id: str
    source: Address = Address()
    schedule_delivery_time: str = ""
    validity_period: str = ""
    registered_delivery: int = 0
    sm_default_msg_id: int = 0
    short_message: bytes = b""


@dataclass(frozen=True, slots=True)
class AlertNotification:
    """alert_notification (4.12.1): somebody whom a message waits for is back. It has no response."""

    source: Address = Address()
    esme: Address = Address()


Body = (
    Bind
    | BindResp
    | Outbind
    | Message
    | DataMessage
    | MessageResp
    | QuerySm
    | QuerySmResp
    | CancelSm
    | ReplaceSm
    | AlertNotification
)
