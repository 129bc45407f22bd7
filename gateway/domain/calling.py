"""A call: whom, in which words, what came of it, and whether to try again.

An attempt is one use of one trunk; a delivery may take several. What Asterisk and the network tell is folded into a
:class:`Reason` before it gets here; :func:`after` is the whole policy of what follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from gateway.domain.action import Text
from gateway.domain.delivery import DeliveryState, Purpose, Reason
from gateway.domain.speech import SpokenMessage, spoken_message


@dataclass(frozen=True, slots=True)
class Callee:
    """Somebody to be called.

    Attributes:
        number: E.164.
        attempts: calls that counted so far.
        placed: calls placed so far, also those that did not count; ``last_trunk`` had the last of them.
    """

    delivery: int
    number: str
    attempts: int = 0
    placed: int = 0
    last_trunk: str | None = None


@dataclass(frozen=True, slots=True)
class CallBatch:
    """Deliveries claimed together that hear the same words.

    Attributes:
        action: the action's number (``Action.number``); ``action_id`` is what people see.
        version: of the text, when it was claimed.
        language: of the people; the message is in it where the text has it.
        expires_at: nobody is called after this.
    """

    action: int
    action_id: str
    code: str
    version: int
    purpose: Purpose
    domain: str
    urgency: int
    place: str | None
    control_room: str | None
    language: str
    text: Text
    expires_at: datetime
    recipients: Sequence[Callee]

    @property
    def message(self) -> SpokenMessage:
        """What they hear."""
        return spoken_message(self.text, self.language, self.domain, self.place, self.purpose)


@dataclass(frozen=True, slots=True)
class CallAttempt:
    """A call that is about to be placed, or that was.

    Attributes:
        id: its ChannelId at Asterisk, ours; used once for ever.
    """

    id: str
    delivery: int
    action: int
    version: int
    trunk: str
    placed_at: datetime


@dataclass(frozen=True, slots=True)
class CallResult:
    """What came of an attempt, and what becomes of its delivery.

    Attributes:
        reason: why the delivery is not reached; ``None`` where it is.
        retry_at: with ``RETRY``, not before this.
        counts: whether it was an attempt at the person (a full trunk is not).
        sms_instead: write to the person's mobile now, if there is one and no SMS of this action went there.
        outcome: how the call ended (``ivr.causes.EndKind``), ``cause`` by Q.850 and ``sip`` where known.
        reached_at: when the whole message had been heard, else when they answered.
        heard_ms: how much of the message was heard.
        key: the last key that meant something.
        version: of the text that was heard.
    """

    attempt: str
    delivery: int
    state: DeliveryState
    reason: Reason | None
    at: datetime
    retry_at: datetime | None = None
    counts: bool = True
    sms_instead: bool = False
    outcome: str = ""
    cause: int | None = None
    sip: int | None = None
    answered_at: datetime | None = None
    reached_at: datetime | None = None
    heard_ms: int | None = None
    key: str | None = None
    version: int | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class ActionNews:
    """What is new about an action that has calls under way: it has ended, or its text is a newer one."""

    number: int
    open: bool
    version: int
    text: Text


ELSEWHERE = frozenset({Reason.CONGESTION, Reason.NO_CODEC, Reason.TRUNK_REFUSED, Reason.NOT_PLACED})
"""Says something of the trunk and nothing of the person: another trunk is tried, and it does not count."""

DEAD = frozenset({Reason.UNALLOCATED, Reason.NUMBER_CHANGED, Reason.BAD_FORMAT, Reason.OUT_OF_ORDER, Reason.ABSENT})
"""Another call would end likewise (facts: Q.850 causes 1, 22, 28, 27, 20)."""

_S = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """What the municipality decided about calls.

    Attributes:
        retries: how long after the first, second, ... end of that kind somebody is called again.
        elsewhere_after: how soon another trunk is tried, and ``elsewhere_times`` how often.
        ring: how long a telephone rings.
        sms_instead: whether an SMS follows a dead number and the last try.
    """

    retries: Mapping[Reason, tuple[timedelta, ...]] = field(
        default_factory=lambda: {
            Reason.BUSY: (45 * _S, 45 * _S),
            Reason.NO_ANSWER: (90 * _S, 90 * _S),
            Reason.CALL_REJECTED: (30 * _S,),
            Reason.NETWORK_TIMEOUT: (30 * _S, 30 * _S),
            Reason.INTERWORKING: (60 * _S,),
        }
    )
    elsewhere_after: timedelta = 2 * _S
    elsewhere_times: int = 30
    ring: timedelta = 30 * _S
    sms_instead: bool = True


@dataclass(frozen=True, slots=True)
class NextStep:
    """What becomes of a delivery after an attempt that reached nobody."""

    state: DeliveryState
    retry_at: datetime | None = None
    counts: bool = True
    sms_instead: bool = False


def after(reason: Reason, callee: Callee, policy: CallPolicy, *, now: datetime, until: datetime) -> NextStep:
    """Whether and when to call again.

    Args:
        reason: why nobody was reached.
        callee: as before this attempt.
        policy: what was decided.
        now: the time.
        until: the end of the action's life; no retry outlives it.
    """
    if reason is Reason.ACTION_CLOSED:
        return NextStep(DeliveryState.CANCELLED)
    if reason is Reason.CALL_VANISHED:
        return NextStep(DeliveryState.UNCERTAIN)
    if reason in ELSEWHERE:
        again = now + policy.elsewhere_after if callee.placed < policy.elsewhere_times else None
        counts = False
    else:
        delays = policy.retries.get(reason, ())
        again = now + delays[callee.attempts] if callee.attempts < len(delays) else None
        counts = True
    if again is not None and again < until:
        return NextStep(DeliveryState.RETRY, again, counts)
    return NextStep(DeliveryState.FAILED, counts=counts, sms_instead=policy.sms_instead)
