"""What a carrier's refusal means: slow down, try again, give up on the number, or stop and look at our settings.

The table follows SMPP 3.4 section 5.1.3 and what NowSMS, Kannel and Jasmin make of it; a carrier's profile may
change any line of it (``[carrier.error_table]``), for carriers differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from gateway.domain.delivery import Reason
from gateway.smpp.pdu import Status as S


class ErrorClass(StrEnum):
    """What to do about a command_status."""

    SLOW_DOWN = "slow_down"  # send it again, in order, slower; no attempt is counted
    TEMPORARY = "temporary"  # try again later, a few times
    NUMBER = "number"  # this number will not get it
    PROFILE = "profile"  # our PDU is wrong for this carrier: settings, not the citizen
    SESSION = "session"  # the bind is not what we thought: bind anew
    BIND = "bind"  # the account is refused: wait long, call a human


_TABLE: Mapping[int, ErrorClass] = {
    **dict.fromkeys((S.ESME_RTHROTTLED, S.ESME_RMSGQFUL), ErrorClass.SLOW_DOWN),
    **dict.fromkeys(
        (S.ESME_RSYSERR, S.ESME_RX_T_APPN, S.ESME_RSUBMITFAIL, S.ESME_RDELIVERYFAILURE, S.ESME_RUNKNOWNERR),
        ErrorClass.TEMPORARY,
    ),
    **dict.fromkeys((S.ESME_RINVDSTADR, S.ESME_RX_P_APPN, S.ESME_RX_R_APPN), ErrorClass.NUMBER),
    **dict.fromkeys((S.ESME_RINVBNDSTS, S.ESME_RALYBND), ErrorClass.SESSION),
    **dict.fromkeys((S.ESME_RBINDFAIL, S.ESME_RINVPASWD, S.ESME_RINVSYSID), ErrorClass.BIND),
    **dict.fromkeys(
        (
            S.ESME_RINVMSGLEN,
            S.ESME_RINVCMDLEN,
            S.ESME_RINVCMDID,
            S.ESME_RINVPRTFLG,
            S.ESME_RINVREGDLVFLG,
            S.ESME_RINVSRCADR,
            S.ESME_RINVSERTYP,
            S.ESME_RINVESMCLASS,
            S.ESME_RINVSRCTON,
            S.ESME_RINVSRCNPI,
            S.ESME_RINVDSTTON,
            S.ESME_RINVDSTNPI,
            S.ESME_RINVREPFLAG,
            S.ESME_RINVSCHED,
            S.ESME_RINVEXPIRY,
            S.ESME_RINVDFTMSGID,
            S.ESME_RINVOPTPARSTREAM,
            S.ESME_ROPTPARNOTALLWD,
            S.ESME_RINVPARLEN,
            S.ESME_RMISSINGOPTPARAM,
            S.ESME_RINVOPTPARAMVAL,
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
