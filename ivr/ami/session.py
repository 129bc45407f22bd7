"""A connection to the manager interface seen from us: bytes and time in, events and bytes out. No I/O.

The caller owns the socket and the clock. It passes what arrives to :meth:`AmiSession.receive_data` and acts on the
events that come back, writes :meth:`AmiSession.data_to_send` out, and calls :meth:`AmiSession.handle_timer` when
:meth:`AmiSession.next_timer` is due. Times are seconds of any monotonic clock.

Every request gets an ActionID and a deadline, and comes back exactly once as :class:`Replied`, with an answer or with
:class:`~ivr.ami.message.NoReply`. Replies are never matched by their order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from ivr.ami.message import AmiEvent, AmiReply, AmiRequest, Framer, Headers, NoReply, encode, parse
from ivr.ami.requests import ping
from ivr.errors import AmiLocalProtocolError, AmiRemoteProtocolError

_GREETING = "Asterisk Call Manager/"

MAX_LIST = 100_000
"""Items of a list reply; Asterisk itself ends far below."""


class State(Enum):
    """How far we are."""

    GREETING = "greeting"  # connected, Asterisk has not said its name yet
    CHALLENGE = "challenge"  # asked what to hash the secret with
    LOGIN = "login"  # said who we are
    READY = "ready"
    LEAVING = "leaving"  # said goodbye
    CLOSED = "closed"  # the connection is gone or must go


MOVES: Mapping[State, frozenset[State]] = {
    State.GREETING: frozenset({State.CHALLENGE, State.LOGIN, State.CLOSED}),
    State.CHALLENGE: frozenset({State.LOGIN, State.CLOSED}),
    State.LOGIN: frozenset({State.READY, State.CLOSED}),
    State.READY: frozenset({State.LEAVING, State.CLOSED}),
    State.LEAVING: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class AmiProfile:
    """What a session needs to know of its Asterisk. Durations in seconds.

    Attributes:
        md5: log in by challenge, so that the secret does not travel; plain only makes sense under TLS.
        event_mask: classes of events that we want sent (``call,user``, or ``off``).
        wanted: names of the events that are passed on; ``None`` is all. The others cost next to nothing.
        request_timeout_s: how long a reply may take where the request does not say so.
        ping_s: silence after which we ask for a sign of life.
        ping_timeout_s: how long that may take before the connection counts as dead.
        max_pending: requests without a reply.
    """

    username: str
    secret: str = field(repr=False)
    md5: bool = True
    event_mask: str = "call,user"
    wanted: frozenset[str] | None = None
    login_timeout_s: float = 10.0
    request_timeout_s: float = 10.0
    ping_s: float = 15.0
    ping_timeout_s: float = 10.0
    max_pending: int = 5000


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """Requests may be made now.

    Attributes:
        version: of the manager interface (``11.0.0`` is Asterisk 22).
    """

    version: str


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """Asterisk does not know us, or not from here; :class:`Ended` follows."""

    message: str


@dataclass(frozen=True, slots=True)
class Replied:
    """What came of a request."""

    action_id: str
    reply: AmiReply | NoReply


@dataclass(frozen=True, slots=True)
class Noticed:
    """Something odd that did not end the session, in words for an engineer; no header's value is in them."""

    what: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The session is over; the connection must be closed. Every request has been answered by now."""

    reason: str


SessionEvent = LoggedIn | LoginRefused | AmiEvent | Replied | Noticed | Ended


@dataclass(slots=True)
class _Pending:
    """A request without its answer.

    Attributes:
        ours: what the session does with the reply itself; ``None`` passes it on.
    """

    deadline: float
    ours: Callable[[AmiReply, float], list[SessionEvent]] | None
    opening: AmiReply | None = None  # of a list whose items are coming
    items: list[AmiEvent] = field(default_factory=list)


class AmiSession:
    """One connection. See the module for how to drive it.

    Args:
        profile: whom we talk to.
        now: when the connection was made.
        prefix: of every ActionID, different for each connection.
    """

    def __init__(self, profile: AmiProfile, now: float, prefix: str = "bn") -> None:
        self.profile = profile
        self.state = State.GREETING
        self.version = ""
        self._prefix = prefix
        self._framer = Framer()
        self._out: list[bytes] = []
        self._serial = 0
        self._pending: dict[str, _Pending] = {}
        self._heard_at = now
        self._login_deadline = now + profile.login_timeout_s
        self._ping: str | None = None

    # ------------------------------------------------------------ what we ask

    @property
    def pending(self) -> int:
        """Requests without an answer."""
        return len(self._pending)

    def request(self, request: AmiRequest, now: float, timeout_s: float | None = None) -> str:
        """Ask something; the answer comes as :class:`Replied` with the ActionID that is returned.

        Raises:
            AmiLocalProtocolError: not logged in, too many requests under way, or a request that may not be sent.
        """
        if self.state is not State.READY:
            raise AmiLocalProtocolError(f"{request.name} while {self.state.value}")
        if len(self._pending) >= self.profile.max_pending:
            raise AmiLocalProtocolError(f"{len(self._pending)} requests are without an answer")
        return self._send(request, now, timeout_s)

    def log_off(self, now: float) -> None:
        """Say goodbye; :class:`Ended` follows. Requests that are still open are answered as lost."""
        if self.state is State.READY:
            self._send(AmiRequest("Logoff"), now, ours=lambda reply, _: self._end("logged off"))
            self._move(State.LEAVING)
            self._login_deadline = now + self.profile.ping_timeout_s

    def connection_lost(self, reason: str) -> list[SessionEvent]:
        """The connection is gone."""
        return self._end(reason)

    def data_to_send(self) -> bytes:
        """What is to be written now, once."""
        if not self._out:
            return b""
        data = b"".join(self._out)
        self._out.clear()
        return data

    # ------------------------------------------------------------ time

    def next_timer(self) -> float | None:
        """When :meth:`handle_timer` wants to be called; ``None`` once the session is over."""
        if self.state is State.CLOSED:
            return None
        if self.state is not State.READY:
            return self._login_deadline
        times = [pending.deadline for pending in self._pending.values()]
        if self._ping is None:
            times.append(self._heard_at + self.profile.ping_s)
        return min(times)

    def handle_timer(self, now: float) -> list[SessionEvent]:
        """Give up what is due; ask for a sign of life when it has been still for long."""
        if self.state is State.CLOSED:
            return []
        if self.state is not State.READY:
            due = now >= self._login_deadline
            return self._end("no answer to the login" if self.state is not State.LEAVING else "left") if due else []
        late = [action_id for action_id, pending in self._pending.items() if now >= pending.deadline]
        if self._ping in late:
            return self._end("Asterisk gives no sign of life")
        events: list[SessionEvent] = []
        for action_id in late:
            del self._pending[action_id]
            events.append(Replied(action_id, NoReply("no reply in time")))
        if self._ping is None and now >= self._heard_at + self.profile.ping_s:
            self._ping = self._send(ping(), now, self.profile.ping_timeout_s, ours=self._on_pong)
        return events

    # ------------------------------------------------------------ what comes

    def receive_data(self, data: bytes, now: float) -> list[SessionEvent]:
        """Take what arrived; returns what it means, in order. What cannot be followed ends the session."""
        if self.state is State.CLOSED:
            return []
        self._heard_at = now
        events: list[SessionEvent] = []
        try:
            if self.state is State.GREETING:
                greeted = self._framer.take_line(data)
                if greeted is None:
                    return []
                line, data = greeted
                self._greet(line, now)
            for text in self._framer.take(data):
                if text:
                    events += self._take(text, now)
                if self._closed():
                    break
        except AmiRemoteProtocolError as error:
            events += self._end(f"not to be followed: {error}")
        return events

    def _take(self, text: str, now: float) -> list[SessionEvent]:
        wanted = self.profile.wanted
        if wanted is not None and text.startswith("Event: "):
            name = text[7 : text.find("\r\n")] if "\r\n" in text else text[7:]
            # Items and the end of a list have their own names and an ActionID on one of the first lines.
            if name not in wanted and "\r\nActionID: " not in text:
                return []
        headers = parse(text)
        if "Event" in headers:
            return self._take_event(AmiEvent(headers["Event"], headers))
        if "Response" in headers:
            return self._take_reply(headers, now)
        return [Noticed("a message that is neither an event nor a response")]

    def _take_event(self, event: AmiEvent) -> list[SessionEvent]:
        action_id = event.headers.get("ActionID")
        pending = self._pending.get(action_id) if action_id is not None else None
        if pending is not None and pending.opening is not None and action_id is not None:
            if event.headers.get("EventList", "").lower() in ("complete", "cancelled"):
                del self._pending[action_id]
                opening = pending.opening
                whole = AmiReply(opening.success, opening.message, opening.headers, tuple(pending.items))
                return [Replied(action_id, whole)]
            pending.items.append(event)
            if len(pending.items) > MAX_LIST:
                raise AmiRemoteProtocolError(f"a list of more than {MAX_LIST} items")
            return []
        if self.state is not State.READY:
            return []
        wanted = self.profile.wanted
        return [event] if wanted is None or event.name in wanted else []

    def _take_reply(self, headers: Headers, now: float) -> list[SessionEvent]:
        action_id = headers.get("ActionID", "")
        pending = self._pending.get(action_id)
        if pending is None:
            return [Noticed("a reply to nothing that we asked, or too late")]
        success = headers["Response"] in ("Success", "Goodbye")
        reply = AmiReply(success, headers.get("Message", ""), headers)
        if success and headers.get("EventList", "").lower() == "start":
            pending.opening = reply
            return []
        del self._pending[action_id]
        return pending.ours(reply, now) if pending.ours is not None else [Replied(action_id, reply)]

    # ------------------------------------------------------------ login

    def _greet(self, line: str, now: float) -> None:
        if not line.startswith(_GREETING):
            raise AmiRemoteProtocolError("the greeting is not that of Asterisk's manager interface")
        self.version = line.removeprefix(_GREETING)[:40]
        if self.profile.md5:
            self._move(State.CHALLENGE)
            self._send(AmiRequest("Challenge", (("AuthType", "MD5"),)), now, ours=self._on_challenge)
        else:
            self._log_in((), (("Secret", self.profile.secret),), now)

    def _on_challenge(self, reply: AmiReply, now: float) -> list[SessionEvent]:
        challenge = reply.headers.get("Challenge", "")
        if not reply.success or not challenge:
            return [LoginRefused(reply.message), *self._end("Asterisk gave no challenge to log in with")]
        text = (challenge + self.profile.secret).encode("utf-8", "surrogateescape")
        key = hashlib.md5(text, usedforsecurity=False).hexdigest()  # the protocol leaves no choice; loopback or TLS
        self._log_in((("AuthType", "MD5"),), (("Key", key),), now)
        return []

    def _log_in(self, plain: tuple[tuple[str, str], ...], secret: tuple[tuple[str, str], ...], now: float) -> None:
        self._move(State.LOGIN)
        headers = (("Username", self.profile.username), *plain, ("Events", self.profile.event_mask))
        self._send(AmiRequest("Login", headers, secret), now, ours=self._on_login)

    def _on_login(self, reply: AmiReply, now: float) -> list[SessionEvent]:
        if not reply.success:
            return [LoginRefused(reply.message), *self._end(f"login refused: {reply.message}")]
        self._move(State.READY)
        return [LoggedIn(self.version)]

    def _on_pong(self, reply: AmiReply, now: float) -> list[SessionEvent]:
        self._ping = None
        return []

    # ------------------------------------------------------------ small things

    def _send(
        self,
        request: AmiRequest,
        now: float,
        timeout_s: float | None = None,
        ours: Callable[[AmiReply, float], list[SessionEvent]] | None = None,
    ) -> str:
        action_id = f"{self._prefix}-{self._serial + 1}"
        self._out.append(encode(request, action_id))  # raises before anything is changed
        self._serial += 1
        timeout = self.profile.request_timeout_s if timeout_s is None else timeout_s
        self._pending[action_id] = _Pending(now + timeout, ours)
        return action_id

    def _end(self, reason: str) -> list[SessionEvent]:
        if self.state is State.CLOSED:
            return []
        self._move(State.CLOSED)
        lost = [action_id for action_id, pending in self._pending.items() if pending.ours is None]
        self._pending.clear()
        return [*(Replied(action_id, NoReply(reason)) for action_id in lost), Ended(reason)]

    def _move(self, state: State) -> None:
        if state not in MOVES[self.state]:
            raise AmiLocalProtocolError(f"from {self.state.value} to {state.value}")
        self.state = state

    def _closed(self) -> bool:
        return self.state is State.CLOSED
