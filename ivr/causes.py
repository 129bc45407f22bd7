"""Why a call ended: from Q.850 hangup cause and SIP code to one of a few kinds, as tables.

Sources: Q.850 (05/98) table 1 for the causes and their classes; Asterisk ``include/asterisk/causes.h`` for their names;
Asterisk ``res/res_pjsip.c`` (``ast_sip_hangup_sip2cause``) for what Asterisk makes of SIP codes, each of which was
tried on Asterisk 22.10 where a peer could be made to send it; RFC 3261 section 21, RFC 8197 and RFC 8688 for the SIP
codes. What to do about each kind (try again, another trunk, an SMS) is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class EndKind(StrEnum):
    """What became of a call. The values are also labels of metrics."""

    ANSWERED = "answered"  # somebody or something took the call, however it ended later
    BUSY = "busy"
    NO_ANSWER = "no_answer"  # it rang till our time was over, or the network says so, or the telephone is switched off
    ABSENT = "absent"  # the network says that the telephone is not there
    REJECTED = "rejected"  # by the person, or by the carrier
    UNALLOCATED = "unallocated"  # nobody has this number
    NUMBER_CHANGED = "number_changed"
    OUT_OF_ORDER = "out_of_order"  # their line
    CONGESTION = "congestion"  # no room on the way there
    NO_CODEC = "no_codec"  # no route for this kind of call or no common codec: how the trunk is set up
    NETWORK_TIMEOUT = "network_timeout"  # a network on the way waited in vain
    INTERWORKING = "interworking"  # networks did not understand each other
    BAD_FORMAT = "bad_format"  # the number is written wrong: our fault
    CREDENTIALS = "credentials"  # the carrier does not accept who we say we are
    CANCELLED = "cancelled"  # we gave it up before anybody answered
    NOT_PLACED = "not_placed"  # Asterisk made no call of it: unknown or unreachable trunk, or a request it refused
    VANISHED = "vanished"  # it was there and is not; how it ended happened while we were not looking
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended.

    Attributes:
        cause: of Q.850, 0 where Asterisk gave none.
        sip: final SIP code of the far side, where Asterisk tells it (``TechCause``, since late 2025).
        timed_out: it rang until *our* time was over.
        detail: in words for an engineer; never a number.
    """

    kind: EndKind
    cause: int = 0
    sip: int | None = None
    timed_out: bool = False
    detail: str = ""


#: Q.850 table 1. What is not here falls to its class (CLASSES).
CAUSES: Mapping[int, EndKind] = {
    1: EndKind.UNALLOCATED,  # unallocated number; SIP 404, 485, 604
    2: EndKind.NO_CODEC,  # no route to transit network
    3: EndKind.NO_CODEC,  # no route to destination; SIP 420
    5: EndKind.BAD_FORMAT,  # misdialled trunk prefix
    17: EndKind.BUSY,  # user busy; SIP 486, 600
    18: EndKind.NO_ANSWER,  # no user responding; SIP 408
    19: EndKind.NO_ANSWER,  # no answer from user; SIP 480
    20: EndKind.ABSENT,  # subscriber absent
    21: EndKind.REJECTED,  # call rejected; SIP 401, 403, 407, 603
    22: EndKind.NUMBER_CHANGED,  # number changed; SIP 410
    23: EndKind.NUMBER_CHANGED,  # redirection to new destination
    25: EndKind.CONGESTION,  # exchange routing error
    27: EndKind.OUT_OF_ORDER,  # destination out of order; SIP 502
    28: EndKind.BAD_FORMAT,  # invalid number format; SIP 484
    29: EndKind.REJECTED,  # facility rejected
    34: EndKind.CONGESTION,  # no circuit available; SIP 503
    38: EndKind.CONGESTION,  # network out of order; SIP 500
    41: EndKind.CONGESTION,  # temporary failure; SIP 409
    42: EndKind.CONGESTION,  # switching equipment congestion
    44: EndKind.CONGESTION,  # requested circuit not available
    52: EndKind.REJECTED,  # outgoing call barred
    54: EndKind.REJECTED,  # incoming call barred
    57: EndKind.REJECTED,  # bearer capability not authorised
    58: EndKind.NO_CODEC,  # bearer capability not available; SIP 488, 606
    65: EndKind.NO_CODEC,  # bearer capability not implemented
    88: EndKind.NO_CODEC,  # incompatible destination
    102: EndKind.NETWORK_TIMEOUT,  # recovery on timer expiry; SIP 504
}

#: Q.850 section 2.2.5: the class is in bits 5 to 7 of the cause.
CLASSES: tuple[EndKind, ...] = (
    EndKind.UNKNOWN,  # 0 to 15: normal event
    EndKind.UNKNOWN,  # 16 to 31: normal event
    EndKind.CONGESTION,  # 32 to 47: resource unavailable
    EndKind.NO_CODEC,  # 48 to 63: service or option not available
    EndKind.NO_CODEC,  # 64 to 79: service or option not implemented
    EndKind.INTERWORKING,  # 80 to 95: invalid message
    EndKind.INTERWORKING,  # 96 to 111: protocol error
    EndKind.INTERWORKING,  # 112 to 127: interworking
)

#: Where the SIP code says more than the cause that was made of it.
SIP_BEFORE_CAUSE: Mapping[int, EndKind] = {
    401: EndKind.CREDENTIALS,  # Asterisk makes 21 of it, as if a person had declined
    407: EndKind.CREDENTIALS,
}

#: Where the cause says nothing (SAYS_NOTHING).
SIP_AFTER_CAUSE: Mapping[int, EndKind] = {
    403: EndKind.REJECTED,
    404: EndKind.UNALLOCATED,
    408: EndKind.NO_ANSWER,
    410: EndKind.NUMBER_CHANGED,
    480: EndKind.NO_ANSWER,
    484: EndKind.BAD_FORMAT,
    485: EndKind.UNALLOCATED,
    486: EndKind.BUSY,
    488: EndKind.NO_CODEC,
    500: EndKind.CONGESTION,
    502: EndKind.OUT_OF_ORDER,
    503: EndKind.CONGESTION,
    504: EndKind.NETWORK_TIMEOUT,
    600: EndKind.BUSY,
    603: EndKind.REJECTED,
    604: EndKind.UNALLOCATED,
    606: EndKind.NO_CODEC,
    607: EndKind.REJECTED,  # unwanted (RFC 8197)
    608: EndKind.REJECTED,  # rejected by an analytics engine, as spam (RFC 8688)
}

SAYS_NOTHING = frozenset({0, 16, 31, 127})  # none; normal clearing; normal, unspecified; interworking

#: Causes that Asterisk itself gives a call that we ended: none, normal clearing, answered elsewhere.
OUR_HANGUP = frozenset({0, 16, 26})

#: Causes after our own ringing time: none (asterisk issues 963, 1660), no answer (with a SIP code of 480 of Asterisk's
#: own making, Asterisk 22.10), and what some carriers answer to our CANCEL.
OUR_TIMEOUT = frozenset({0, 16, 18, 19, 127})


def end_of(
    cause: int, sip: int | None = None, *, answered: bool = False, cancelled: bool = False, timed_out: bool = False
) -> CallEnd:
    """What a hangup means.

    Args:
        cause: of Q.850, from ``Hangup``.
        sip: from ``TechCause``.
        answered: the call was up.
        cancelled: we asked Asterisk to end it.
        timed_out: it rang as long as we allow.
    """
    timed_out = timed_out and not answered and cause in OUR_TIMEOUT
    if answered:
        kind = EndKind.ANSWERED
    elif cancelled and cause in OUR_HANGUP:
        kind, timed_out = EndKind.CANCELLED, False
    elif timed_out:
        kind = EndKind.NO_ANSWER
    elif sip is not None and sip in SIP_BEFORE_CAUSE:
        kind = SIP_BEFORE_CAUSE[sip]
    elif cause in SAYS_NOTHING and sip is not None and sip in SIP_AFTER_CAUSE:
        kind = SIP_AFTER_CAUSE[sip]
    elif 0 <= cause <= 127:
        kind = CAUSES.get(cause, CLASSES[cause >> 4])
    else:
        kind = EndKind.UNKNOWN
    return CallEnd(kind, cause, sip, timed_out)
