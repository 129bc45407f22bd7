"""What a carrier's refusal means: slow down, try again, give up on the number, or stop and look at our settings.

The table follows SMPP 3.4 section 5.1.3 and what NowSMS, Kannel and Jasmin make of it; a carrier's profile may
change any line of it (``[carrier.error_table]``), for carriers differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.domain.delivery import Reason
from gateway.smpp.pdu import Status


class ErrorClass(StrEnum):
    """What to do about a command_status."""

    SLOW_DOWN = "slow_down"  # send it again, in order, slower; no attempt is counted
    TEMPORARY = "temporary"  # try again later, a few times
    NUMBER = "number"  # this number will not get it
    PROFILE = "profile"  # our PDU is wrong for this carrier: settings, not the citizen
    SESSION = "session"  # the bind is not what we thought: bind anew
    BIND = "bind"  # the account is refused: wait long, call a human


_TABLE: Mapping[int, ErrorClass] = {
    **dict.fromkeys((Status.ESME_RTHROTTLED, Status.ESME_RMSGQFUL), ErrorClass.SLOW_DOWN),
    **dict.fromkeys(
        (
            Status.ESME_RSYSERR,
            Status.ESME_RX_T_APPN,
            Status.ESME_RSUBMITFAIL,
            Status.ESME_RDELIVERYFAILURE,
            Status.ESME_RUNKNOWNERR,
        ),
        ErrorClass.TEMPORARY,
    ),
    **dict.fromkeys((Status.ESME_RINVDSTADR, Status.ESME_RX_P_APPN, Status.ESME_RX_R_APPN), ErrorClass.NUMBER),
    **dict.fromkeys((Status.ESME_RINVBNDSTS, Status.ESME_RALYBND), ErrorClass.SESSION),
    **dict.fromkeys((Status.ESME_RBINDFAIL, Status.ESME_RINVPASWD, Status.ESME_RINVSYSID), ErrorClass.BIND),
    **dict.fromkeys(
        (
            Status.ESME_RINVMSGLEN,
            Status.ESME_RINVCMDLEN,
            Status.ESME_RINVCMDID,
            Status.ESME_RINVPRTFLG,
            Status.ESME_RINVREGDLVFLG,
            Status.ESME_RINVSRCADR,
            Status.ESME_RINVSERTYP,
            Status.ESME_RINVESMCLASS,
            Status.ESME_RINVSRCTON,
            Status.ESME_RINVSRCNPI,
            Status.ESME_RINVDSTTON,
            Status.ESME_RINVDSTNPI,
            Status.ESME_RINVREPFLAG,
            Status.ESME_RINVSCHED,
            Status.ESME_RINVEXPIRY,
            Status.ESME_RINVDFTMSGID,
            Status.ESME_RINVOPTPARSTREAM,
            Status.ESME_ROPTPARNOTALLWD,
            Status.ESME_RINVPARLEN,
            Status.ESME_RMISSINGOPTPARAM,
            Status.ESME_RINVOPTPARAMVAL,
        ),
        ErrorClass.PROFILE,
    ),
}

REASONS: Mapping[ErrorClass, Reason] = {
    ErrorClass.SLOW_DOWN: Reason.CARRIER_ERROR,
    ErrorClass.TEMPORARY: Reason.CARRIER_ERROR,
    ErrorClass.NUMBER: Reason.INVALID_NUMBER,
    ErrorClass.PROFILE: Reason.PROFILE_ERROR,
    ErrorClass.SESSION: Reason.CARRIER_ERROR,
    ErrorClass.BIND: Reason.CARRIER_ERROR,
}


def classify(status: int, overrides: Mapping[int, str]) -> ErrorClass:
    """The class of a command_status that is not 0; what nobody knows is temporary, for it may pass."""
    if status in overrides:
        return ErrorClass(overrides[status])
    return _TABLE.get(status, ErrorClass.TEMPORARY)
