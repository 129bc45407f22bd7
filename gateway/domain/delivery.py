"""A delivery: one person, one lane, one action; and what became of it.

The ledger has a row a delivery. A row never disappears and its state only moves along :data:`MOVES`, so that
"nobody lost, nobody twice" (docs/architecture.md, Promises) is a matter of counting rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple

from gateway.domain.errors import BurgernetError


class Lane(IntEnum):
    """How a person is reached. The number is what the database stores."""

    SMS = 1
    VOICE = 2

    @property
    def word(self) -> str:
        """The name in the API and the CSV: ``sms``, ``voice``."""
        return self.name.lower()


class Purpose(IntEnum):
    """Why a message goes out."""

    ALERT = 0  # the action's first message to this person
    CORRECTION = 1  # a newer version to somebody who had an older one
    CLOSING = 2  # how it ended, with thanks
    REPLY = 3  # an answer to what a participant sent us


class DeliveryState(IntEnum):
    """What became of a delivery. The number is what the database stores; the lower-case name is the API's word."""

    QUEUED = 0  # planned; not claimed, or claimed and not yet answered (see the claim)
    RETRY = 1  # to be tried again, alone, not before its time
    SUBMITTED = 2  # the carrier accepted every part; receipts may follow
    DELIVERED = 3  # the receipt says that the handset has it, every part
    FAILED = 4  # it will not arrive; the reason says why
    UNCERTAIN = 5  # it left without an answer; listed, resent only by the link's policy
    CANCELLED = 6  # the action was stopped or closed before it left
    EXPIRED = 7  # the action's life ended before it left
    DIALLING = 8  # a call is being set up or heard
    HEARD_FULL = 9  # the whole message was heard at least once
    HEARD_PART = 10  # answered, and hung up before the end
    VOICEMAIL = 11  # a machine took the whole message

    @property
    def word(self) -> str:
        """The name in the API: ``heard_full``."""
        return self.name.lower()


FINAL = frozenset(
    {
        DeliveryState.DELIVERED,
        DeliveryState.FAILED,
        DeliveryState.CANCELLED,
        DeliveryState.EXPIRED,
        DeliveryState.HEARD_FULL,
        DeliveryState.HEARD_PART,
        DeliveryState.VOICEMAIL,
    }
)

_S = DeliveryState
MOVES: Mapping[DeliveryState, frozenset[DeliveryState]] = {
    _S.QUEUED: frozenset(
        {_S.RETRY, _S.SUBMITTED, _S.DELIVERED, _S.FAILED, _S.UNCERTAIN, _S.CANCELLED, _S.EXPIRED, _S.DIALLING}
    ),
    _S.RETRY: frozenset(
        {_S.RETRY, _S.SUBMITTED, _S.DELIVERED, _S.FAILED, _S.UNCERTAIN, _S.CANCELLED, _S.EXPIRED, _S.DIALLING}
    ),
    _S.SUBMITTED: frozenset({_S.DELIVERED, _S.FAILED, _S.EXPIRED}),
    # A late answer or receipt settles what was uncertain; a link's policy may also send it again.
    _S.UNCERTAIN: frozenset(
        {_S.SUBMITTED, _S.DELIVERED, _S.FAILED, _S.RETRY, _S.HEARD_FULL, _S.HEARD_PART, _S.VOICEMAIL}
    ),
    _S.DIALLING: frozenset(
        {_S.HEARD_FULL, _S.HEARD_PART, _S.VOICEMAIL, _S.FAILED, _S.RETRY, _S.UNCERTAIN, _S.CANCELLED, _S.EXPIRED}
    ),
    _S.DELIVERED: frozenset(),
    # A carrier that reported a failure and then a delivery after all: the last word counts.
    _S.FAILED: frozenset({_S.DELIVERED}),
    _S.CANCELLED: frozenset(),
    _S.EXPIRED: frozenset({_S.DELIVERED}),
    _S.HEARD_FULL: frozenset(),
    _S.HEARD_PART: frozenset({_S.HEARD_FULL}),
    _S.VOICEMAIL: frozenset(),
}


class IllegalMoveError(BurgernetError):
    """The ledger was asked for a move that :data:`MOVES` does not have."""


def check_move(old: DeliveryState, new: DeliveryState) -> None:
    """Raise unless ``old -> new`` is a legal move.

    Raises:
        IllegalMoveError: always a fault of ours, never of a peer.
    """
    if new not in MOVES[old]:
        raise IllegalMoveError(f"a delivery cannot go from {old.word} to {new.word}")


class SegmentState(IntEnum):
    """What a carrier said last of one segment (one submit_sm) of a delivery. The number is what the database stores."""

    SUBMITTED = 0  # submit_sm_resp with status 0
    ENROUTE = 1  # intermediate receipt (ENROUTE, SCHEDULED, ACCEPTED): on its way, not proven
    DELIVERED = 2
    FAILED = 3


class Reason(StrEnum):
    """Why a delivery failed or was left where it is. Fixed: also the label of the metric."""

    # SMS, from the submit_sm_resp (facts: SMPP 3.4 section 5.1.3) and from receipts (section 5.2.28)
    INVALID_NUMBER = "invalid_number"  # the carrier refuses this number for good
    REJECTED = "rejected"  # the carrier refuses the message
    UNDELIVERABLE = "undeliverable"  # receipt UNDELIV
    NOT_DELIVERED_IN_TIME = "not_delivered_in_time"  # receipt EXPIRED
    DELETED = "deleted"  # receipt DELETED: somebody cancelled it at the carrier
    CARRIER_ERROR = "carrier_error"  # temporary errors until the tries ran out
    PROFILE_ERROR = "profile_error"  # the carrier calls our PDU wrong: settings, not the citizen
    NO_ANSWER_FROM_CARRIER = "no_answer_from_carrier"  # sent, no response in time: uncertain
    LINK_LOST = "link_lost"  # sent, the link dropped before the response: uncertain
    DAEMON_STOPPED = "daemon_stopped"  # sent, the daemon died before the response: uncertain
    PARTLY_SENT = "partly_sent"  # some parts left, others did not: uncertain
    NO_ROUTE = "no_route"  # no carrier or trunk takes this number
    CLASS_NOT_ALLOWED = "class_not_allowed"  # the number's class may not be dialled or texted
    # voice, from the hangup cause (Q.850) and the SIP code
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    ABSENT = "absent"
    CALL_REJECTED = "call_rejected"
    UNALLOCATED = "unallocated"
    NUMBER_CHANGED = "number_changed"
    OUT_OF_ORDER = "out_of_order"
    CONGESTION = "congestion"
    NO_CODEC = "no_codec"
    NETWORK_TIMEOUT = "network_timeout"
    INTERWORKING = "interworking"
    BAD_FORMAT = "bad_format"
    TRUNK_REFUSED = "trunk_refused"  # the carrier does not accept who we say we are: settings, not the citizen
    NOT_PLACED = "not_placed"  # Asterisk made no call of it: it or the trunk was away
    CALL_VANISHED = "call_vanished"  # the call was there and is not; how it ended nobody saw: uncertain
    NO_SPEECH = "no_speech"  # no voice could speak the message: a call never plays silence
    QUIET_HOURS = "quiet_hours"  # they had begun by the time of the call
    PAUSED = "paused"  # since it was planned
    LEFT = "left"  # since it was planned
    # both
    ACTION_CLOSED = "action_closed"
    ACTION_EXPIRED = "action_expired"
    FORGOTTEN = "forgotten"  # the participant asked to be forgotten while it was queued


@dataclass(frozen=True, slots=True)
class SmsBatch:
    """Deliveries claimed together that get the same words, so that a carrier's lane packs the body once.

    Attributes:
        action: the action's number (``Action.number``).
        domain: whose message it is; decides the sender.
        urgency: ``Urgency`` as a number; a lane sends higher ones first.
        text: what to send, one language.
        expires_at: after this the carrier need not try any more (validity period).
        recipients: (delivery id, E.164 number with its ``+``), in the order of sending.
    """

    action: int
    version: int
    domain: str
    urgency: int
    text: str
    expires_at: datetime
    recipients: Sequence[tuple[int, str]]


Ref = int
"""One segment of a delivery, in one number: ``delivery id << 16 | parts << 8 | part`` (parts and part from 1 to 255).

It goes by the hundred thousand through lane, journal and ledger; one number is what all three handle fastest.
"""


def make_ref(delivery: int, parts: int, part: int) -> Ref:
    """The ref of a part, counted from 1."""
    return delivery << 16 | parts << 8 | part


def delivery_of(ref: Ref) -> int:
    """The delivery that a ref belongs to."""
    return ref >> 16


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a carrier accepted, gathered: the ledger writes it in one transaction.

    Attributes:
        carrier: the carrier's name.
        at: when the answers came.
        segments: the message id of each accepted segment.
    """

    carrier: str
    at: datetime
    segments: Mapping[Ref, str]


@dataclass(frozen=True, slots=True)
class Settlement:
    """A move of one delivery for another cause than acceptance or a receipt.

    Attributes:
        retry_at: with ``RETRY``, not before this.
        counts: whether this was an attempt (a throttled one is not).
        detail: for the log and the operator: the carrier and its status, no number and no text.
    """

    delivery: int
    state: DeliveryState
    reason: Reason | None
    at: datetime
    retry_at: datetime | None = None
    counts: bool = True
    detail: str = ""


class Receipt(NamedTuple):
    """A delivery receipt, reduced to what settles a segment. A tuple, for there are as many as messages.

    Attributes:
        message_id: in the form in which this carrier's submit responses give it.
        error: the carrier's own error code, as it came; for the operator.
        done_at: when the carrier says it happened, or when it came.
    """

    carrier: str
    message_id: str
    state: SegmentState
    reason: Reason | None
    error: str
    done_at: datetime


@dataclass(frozen=True, slots=True)
class SmsReply:
    """A message that a citizen sent us (MO).

    Attributes:
        sender: E.164, or what the carrier gave where that is no number.
        recipient: the number it was sent to.
        language: for our answer; unknown until the participant is found.
    """

    carrier: str
    sender: str
    recipient: str
    text: str
    at: datetime


def merge_segments(states: Iterable[SegmentState], parts: int) -> DeliveryState:
    """One outcome a person from the last words on each of the parts.

    A message counts as delivered when every part is; one failed part fails it, for it cannot be read whole. Parts
    without a last word leave it ``SUBMITTED``, or ``QUEUED`` while not all of them are accepted.
    """
    known = tuple(states)
    if SegmentState.FAILED in known:
        return DeliveryState.FAILED
    if len(known) < parts:
        return DeliveryState.QUEUED
    if all(state is SegmentState.DELIVERED for state in known):
        return DeliveryState.DELIVERED
    return DeliveryState.SUBMITTED
