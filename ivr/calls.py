"""The calls that we place, as Asterisk's events tell of them. No I/O: events and time in, changes out.

A call is known by its ChannelId, which we choose, so that its events match before Asterisk has answered the Originate,
and so that it can be found again after a restart. One id per attempt, never twice.

What we know of the order of events (Asterisk 22.10, tried): ``OriginateResponse`` comes before or after ``Hangup``, and
is all there is where Asterisk could not make a channel; its reasons fold many causes into one (main/pbx.c). So
``Hangup`` decides, and ``OriginateResponse`` only where no channel shows up within :data:`SETTLE_S`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from ivr.ami.message import AmiEvent, AmiReply, Headers, NoReply
from ivr.causes import CallEnd, EndKind, end_of
from ivr.errors import CallError

SETTLE_S = 2.0
"""How long an event may still be under way that says more than what we presume."""

TIMER_SLACK_S = 0.5
"""Asterisk's ringing timer and our clock need not agree to the last tenth."""

OVERDUE_S = 15.0
"""A call that is not up so long after its ringing time: its events were lost. Ask for the list of channels."""

_REASON_RANG_OUT = "3"  # AST_CONTROL_RINGING: our timeout (include/asterisk/frame.h)
_STATE_RINGING = "5"
_STATE_UP = "6"


class CallState(Enum):
    """How far a call is."""

    REQUESTED = "requested"  # asked for; no channel has been seen
    DIALLING = "dialling"  # Asterisk has a channel for it
    RINGING = "ringing"
    UP = "up"  # answered; early media is not an answer
    ENDED = "ended"


MOVES: Mapping[CallState, frozenset[CallState]] = {
    CallState.REQUESTED: frozenset({CallState.DIALLING, CallState.RINGING, CallState.UP, CallState.ENDED}),
    CallState.DIALLING: frozenset({CallState.RINGING, CallState.UP, CallState.ENDED}),
    CallState.RINGING: frozenset({CallState.UP, CallState.ENDED}),
    CallState.UP: frozenset({CallState.ENDED}),
    CallState.ENDED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Ringing:
    """It rings there."""


@dataclass(frozen=True, slots=True)
class Answered:
    """Somebody or something took the call."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The call is over; nothing more comes of it."""

    end: CallEnd


@dataclass(frozen=True, slots=True)
class Reported:
    """The dialplan told something (``UserEvent``): its name and its fields, with the channel's own beside them."""

    name: str
    fields: Headers


@dataclass(frozen=True, slots=True)
class Talking:
    """The far end began or ceased to make a sound (``TALK_DETECT``).

    Attributes:
        talked_ms: how long it did, where it ceased; else ``None``.
    """

    talked_ms: int | None = None


Change = Ringing | Answered | Ended | Reported | Talking


@dataclass(frozen=True, slots=True)
class CallChange:
    """What changed about which call."""

    call: Call
    change: Change


class Call:
    """One attempt to call somebody. Only :class:`CallBook` changes it.

    Attributes:
        channel_id: ours.
        channel: Asterisk's name for it (``PJSIP/trunk-0000001a``), once there is one.
        placed_at: when we asked, in seconds; the other times likewise, ``None`` until they come.
    """

    __slots__ = (
        "_cancelled",
        "_far_end_hung_up",
        "_presumed",
        "_rang_out",
        "answered_at",
        "channel",
        "channel_id",
        "dialled_at",
        "end",
        "ended_at",
        "placed_at",
        "ring_timeout_s",
        "ringing_at",
        "state",
    )

    def __init__(self, channel_id: str, placed_at: float, ring_timeout_s: float) -> None:
        self.channel_id = channel_id
        self.placed_at = placed_at
        self.ring_timeout_s = ring_timeout_s
        self.channel: str | None = None
        self.state = CallState.REQUESTED
        self.dialled_at: float | None = None
        self.ringing_at: float | None = None
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.end: CallEnd | None = None
        self._cancelled = False
        self._far_end_hung_up = False
        self._rang_out = False
        self._presumed: tuple[float, CallEnd] | None = None  # ends so at that time, unless an event says otherwise

    def __repr__(self) -> str:
        return f"<Call {self.channel_id} {self.state.value}>"

    def _take(self, event: AmiEvent, now: float) -> list[Change]:
        handler = _HANDLERS.get(event.name)
        return handler(self, event.headers, now) if handler is not None and self.end is None else []

    def _on_channel(self, headers: Headers, now: float) -> list[Change]:
        """Newchannel, Newstate, CoreShowChannel: there is a channel, in some state."""
        self._presumed = None
        if self.channel is None:
            self.channel = headers.get("Channel") or headers.get("DestChannel")
            self.dialled_at = now
        state = headers.get("ChannelState") or headers.get("DestChannelState")
        if state == _STATE_UP:
            return self._answer(now)
        if state == _STATE_RINGING and self.state in (CallState.REQUESTED, CallState.DIALLING):
            self._move(CallState.RINGING)
            self.ringing_at = now
            return [Ringing()]
        if self.state is CallState.REQUESTED:
            self._move(CallState.DIALLING)
        return []

    def _on_dial_end(self, headers: Headers, now: float) -> list[Change]:
        changes = self._on_channel(headers, now)
        return changes + self._answer(now) if headers.get("DialStatus") == "ANSWER" else changes

    def _answer(self, now: float) -> list[Change]:
        if self.state is CallState.UP:
            return []
        self._move(CallState.UP)
        self.answered_at = now
        return [Answered()]

    def _on_hangup_request(self, headers: Headers, now: float) -> list[Change]:
        self._far_end_hung_up = True
        return []

    def _on_hangup(self, headers: Headers, now: float) -> list[Change]:
        cause, sip = _number(headers.get("Cause")), _number(headers.get("TechCause"))
        since = self.placed_at if self.dialled_at is None else self.dialled_at
        rang_out = self._rang_out or now - since >= self.ring_timeout_s - TIMER_SLACK_S
        return self._finish(
            end_of(
                cause or 0,
                sip,
                answered=self.state is CallState.UP,
                cancelled=self._cancelled,
                timed_out=rang_out and not self._far_end_hung_up,
            ),
            now,
        )

    def _on_originate_response(self, headers: Headers, now: float) -> list[Change]:
        if headers.get("Response") != "Failure":
            return []
        self._rang_out = headers.get("Reason") == _REASON_RANG_OUT
        if self.channel is None:
            # No channel, no Hangup. It can also be the answer to a second use of the id: then the channel shows up.
            end = CallEnd(EndKind.NOT_PLACED, detail="Asterisk could not make a channel")
            self._presumed = (now + SETTLE_S, end)
        return []

    def _on_user_event(self, headers: Headers, now: float) -> list[Change]:
        return [Reported(headers.get("UserEvent", ""), headers)]

    def _on_talking_start(self, headers: Headers, now: float) -> list[Change]:
        return [Talking()]

    def _on_talking_stop(self, headers: Headers, now: float) -> list[Change]:
        return [Talking(_number(headers.get("Duration")) or 0)]

    def _finish(self, end: CallEnd, now: float) -> list[Change]:
        if self.end is not None:
            return []
        self._move(CallState.ENDED)
        self.end, self.ended_at, self._presumed = end, now, None
        return [Ended(end)]

    def _move(self, state: CallState) -> None:
        if state not in MOVES[self.state]:
            raise CallError(f"call {self.channel_id}: from {self.state.value} to {state.value}")
        self.state = state


_HANDLERS: Mapping[str, Callable[[Call, Headers, float], list[Change]]] = {
    "Newchannel": Call._on_channel,
    "Newstate": Call._on_channel,
    "DialBegin": Call._on_channel,
    "DialEnd": Call._on_dial_end,
    "CoreShowChannel": Call._on_channel,
    "HangupRequest": Call._on_hangup_request,
    "Hangup": Call._on_hangup,
    "OriginateResponse": Call._on_originate_response,
    "UserEvent": Call._on_user_event,
    "ChannelTalkingStart": Call._on_talking_start,
    "ChannelTalkingStop": Call._on_talking_stop,
}

EVENTS = frozenset(_HANDLERS)
"""What a session must pass on for a call book to work (``AmiProfile.wanted``)."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """A call that is up and bears our prefix, but that this book does not know: of a daemon before us.

    Attributes:
        answered: whether it was taken.
        lasted_s: how long its channel has been there, as far as Asterisk tells.
    """

    channel_id: str
    channel: str
    answered: bool
    lasted_s: int | None
    headers: Headers


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a list of channels taught us.

    Attributes:
        up: our calls that are there.
        missing: our calls that are not: they end as vanished unless an event about them is still under way.
        changes: what the list told that events had not.
        strangers: see :class:`Stranger`.
    """

    up: tuple[Call, ...]
    missing: tuple[Call, ...]
    changes: tuple[CallChange, ...]
    strangers: tuple[Stranger, ...]


class CallBook:
    """Every call that we have under way, by ChannelId.

    Args:
        prefix: of our ChannelIds; other channels are none of our business.
        capacity: calls at once; one more is refused.
    """

    def __init__(self, prefix: str, capacity: int = 10_000) -> None:
        self.prefix = prefix
        self.capacity = capacity
        self._calls: dict[str, Call] = {}
        self._presumed: dict[str, Call] = {}
        self._states: Counter[CallState] = Counter()

    def __len__(self) -> int:
        return len(self._calls)

    def get(self, channel_id: str) -> Call | None:
        """A call that is under way."""
        return self._calls.get(channel_id)

    @property
    def in_setup(self) -> int:
        """Calls that nobody has answered yet."""
        return len(self._calls) - self._states[CallState.UP]

    @property
    def up(self) -> int:
        """Calls that are answered."""
        return self._states[CallState.UP]

    def place(self, channel_id: str, now: float, ring_timeout_s: float) -> Call:
        """Expect the events of a call; before its Originate is sent.

        Raises:
            CallError: the id is not ours or is in use, or the book is full.
        """
        if not channel_id.startswith(self.prefix):
            raise CallError("a ChannelId without our prefix")
        if channel_id in self._calls:
            raise CallError(f"ChannelId {channel_id} is in use")
        if len(self._calls) >= self.capacity:
            raise CallError(f"{len(self._calls)} calls are under way")
        call = self._calls[channel_id] = Call(channel_id, now, ring_timeout_s)
        self._states[call.state] += 1
        return call

    def adopt(self, stranger: Stranger, now: float, ring_timeout_s: float = 60.0) -> list[CallChange]:
        """Take over a call of a daemon before us; its events are followed from now on."""
        call = self.place(stranger.channel_id, now, ring_timeout_s)
        return self._apply(call, AmiEvent("CoreShowChannel", stranger.headers), now)

    def replied(self, channel_id: str, reply: AmiReply | NoReply, now: float) -> list[CallChange]:
        """What came of the Originate itself. That it is queued says nothing; that it is not, ends the call.

        A reply that was lost leaves the call as it is: events may come, else :meth:`overdue` finds it.
        """
        call = self._calls.get(channel_id)
        if call is None or call.state is not CallState.REQUESTED:
            return []
        if isinstance(reply, NoReply):
            if reply.sent:
                return []
            return self._finish(call, CallEnd(EndKind.NOT_PLACED, detail=reply.reason), now)
        if reply.success:
            return []
        return self._finish(call, CallEnd(EndKind.NOT_PLACED, detail=reply.message), now)

    def cancelling(self, channel_id: str) -> Call | None:
        """Note that we are about to ask Asterisk to end a call."""
        call = self._calls.get(channel_id)
        if call is not None:
            call._cancelled = True
        return call

    def take(self, event: AmiEvent, now: float) -> list[CallChange]:
        """What an event changes. Events of other channels, and repeated ones, change nothing."""
        headers = event.headers
        channel_id = headers.get("Uniqueid") or headers.get("DestUniqueid")
        if channel_id is None:
            return []
        call = self._calls.get(channel_id)
        return self._apply(call, event, now) if call is not None else []

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called."""
        return min((call._presumed[0] for call in self._presumed.values() if call._presumed), default=None)

    def handle_timer(self, now: float) -> list[CallChange]:
        """End the calls of which nothing more came."""
        changes: list[CallChange] = []
        for call in list(self._presumed.values()):
            if call._presumed is None:
                del self._presumed[call.channel_id]
            elif now >= call._presumed[0]:
                changes += self._finish(call, call._presumed[1], now)
        return changes

    def overdue(self, now: float) -> list[Call]:
        """Calls that should have been answered or ended long ago: time to reconcile."""
        return [
            call
            for call in self._calls.values()
            if call.state is not CallState.UP and now >= call.placed_at + call.ring_timeout_s + OVERDUE_S
        ]

    def reconcile(self, channels: Iterable[AmiEvent], asked_at: float, now: float) -> Reconciled:
        """Hold the book against the list of channels that are up, after a connection was lost or events were.

        Args:
            channels: the items of the reply to ``CoreShowChannels``.
            asked_at: when that was asked; calls placed later may not be on it.
            now: seconds.
        """
        listed = {event.headers.get("Uniqueid", ""): event for event in channels}
        ours = [event for channel_id, event in listed.items() if channel_id.startswith(self.prefix)]
        up = tuple(call for channel_id, call in self._calls.items() if channel_id in listed)
        missing = tuple(c for i, c in self._calls.items() if i not in listed and c.placed_at < asked_at)
        changes: list[CallChange] = []
        for call in up:
            changes += self._apply(call, listed[call.channel_id], now)
        for call in missing:
            end = CallEnd(EndKind.VANISHED, detail="not among Asterisk's channels")
            call._presumed = call._presumed or (now + SETTLE_S, end)
            self._presumed[call.channel_id] = call
        strangers = tuple(_stranger(event.headers) for event in ours if event.headers["Uniqueid"] not in self._calls)
        return Reconciled(up, missing, tuple(changes), strangers)

    def asterisk_restarted(self, now: float) -> list[CallChange]:
        """Asterisk is new: no call from before can still be up."""
        end = CallEnd(EndKind.VANISHED, detail="Asterisk was started anew")
        return [change for call in list(self._calls.values()) for change in self._finish(call, end, now)]

    def _apply(self, call: Call, event: AmiEvent, now: float) -> list[CallChange]:
        before = call.state
        changes = call._take(event, now)
        if call.state is not before:
            self._count(call, before)
        if call._presumed is not None:
            self._presumed[call.channel_id] = call
        elif self._presumed:
            self._presumed.pop(call.channel_id, None)
        return [CallChange(call, change) for change in changes]

    def _finish(self, call: Call, end: CallEnd, now: float) -> list[CallChange]:
        before = call.state
        changes = call._finish(end, now)
        self._count(call, before)
        self._presumed.pop(call.channel_id, None)
        return [CallChange(call, change) for change in changes]

    def _count(self, call: Call, before: CallState) -> None:
        self._states[before] -= 1
        if call.state is CallState.ENDED:
            del self._calls[call.channel_id]
        else:
            self._states[call.state] += 1


def _stranger(headers: Headers) -> Stranger:
    return Stranger(
        headers["Uniqueid"],
        headers.get("Channel", ""),
        headers.get("ChannelState") == _STATE_UP,
        _seconds(headers.get("Duration", "")),
        headers,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 10 else None


def _seconds(text: str) -> int | None:
    """``01:02:03`` as seconds (``CoreShowChannel``)."""
    parts = [_number(part) for part in text.split(":")]
    if len(parts) != 3:
        return None
    hours, minutes, seconds = parts
    return None if hours is None or minutes is None or seconds is None else hours * 3600 + minutes * 60 + seconds
