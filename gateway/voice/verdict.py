"""What the end of a call means for the delivery."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.domain.delivery import Reason
from ivr.causes import EndKind

REASONS: Mapping[EndKind, Reason] = {
    EndKind.BUSY: Reason.BUSY,
    EndKind.NO_ANSWER: Reason.NO_ANSWER,
    EndKind.ABSENT: Reason.ABSENT,
    EndKind.REJECTED: Reason.CALL_REJECTED,
    EndKind.UNALLOCATED: Reason.UNALLOCATED,
    EndKind.NUMBER_CHANGED: Reason.NUMBER_CHANGED,
    EndKind.OUT_OF_ORDER: Reason.OUT_OF_ORDER,
    EndKind.CONGESTION: Reason.CONGESTION,
    EndKind.NO_CODEC: Reason.NO_CODEC,
    EndKind.NETWORK_TIMEOUT: Reason.NETWORK_TIMEOUT,
    EndKind.INTERWORKING: Reason.INTERWORKING,
    EndKind.BAD_FORMAT: Reason.BAD_FORMAT,
    EndKind.CREDENTIALS: Reason.TRUNK_REFUSED,
    EndKind.CANCELLED: Reason.ACTION_CLOSED,
    EndKind.NOT_PLACED: Reason.NOT_PLACED,
    EndKind.VANISHED: Reason.CALL_VANISHED,
    EndKind.UNKNOWN: Reason.INTERWORKING,
}
"""Every end of a call that nobody answered; an answered one is judged by what was heard."""

ALARMS = frozenset({EndKind.CREDENTIALS, EndKind.NO_CODEC, EndKind.BAD_FORMAT})
"""Somebody must look at the trunk's settings, or at ours."""
