"""One bind over TCP: the Twisted side of ``smpp.session``.

It connects, binds, keeps alive and comes back; it decides nothing about messages.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Protocol as Interface
from typing import cast

from twisted.application.internet import ClientService
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IProtocol, IReactorTime, IStreamClientEndpoint, ITCPTransport, IWriteDescriptor
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.carriers.verdict import ErrorClass, classify
from gateway.carriers.work import Token
from gateway.settings import CarrierSettings
from gateway.smpp import session as smpp
from gateway.smpp.hot import SubmitTemplate
from gateway.smpp.pdu import Bind, Body, Command, status_name

TICK_S = 0.5
"""How often a session's timers are looked at; none of them is finer than a second."""


class LinkOwner(Interface):
    """Who is told what happens on a link."""

    def link_bound(self, link: Link) -> None:
        """It may be used."""

    def link_lost(self, link: Link, lost: Sequence[Token], reason: str) -> None:
        """It may no longer be used; these submits were left without an answer."""

    def link_answered(self, link: Link, answered: smpp.Answered[Token]) -> None:
        """Answers to submits."""

    def link_unanswered(self, link: Link, tokens: Sequence[Token]) -> None:
        """Submits that were not answered in time."""

    def link_delivered(self, link: Link, messages: Sequence[bytes]) -> None:
        """deliver_sm and data_sm PDUs; each must be acknowledged."""

    def link_replied(self, link: Link, status: int | None) -> None:
        """The answer to a request other than a submit; ``None`` where none came in time."""

    def link_refused(self, link: Link, status: int | None) -> None:
        """The carrier refused our bind, or did not answer it."""


class LinkProtocol(Protocol):
    """Carries bytes between a transport and a session."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.session: smpp.Session[Token] = smpp.Session(link.profile)
        self.bound: Deferred[LinkProtocol] = Deferred(lambda _: self._abort())
        self.ended: Deferred[None] = Deferred()
        self._timer = LoopingCall(self._tick)
        self._timer.clock = link.clock

    def connectionMade(self) -> None:
        """Bind at once."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self._timer.start(TICK_S, now=False)
        self.session.bind(self._now())
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        """Hand it to the session, act on what it says, write what it wants to say."""
        self._handle(self.session.receive_data(data, self._now()))
        self.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """What was in the window has no answer now."""
        if self._timer.running:
            self._timer.stop()
        was_bound = self.bound.called
        lost = self.session.connection_lost()
        if not self.bound.called:
            self.bound.errback(reason)
        self._link.lost(self, lost, was_bound, reason.getErrorMessage())
        self.ended.callback(None)

    def flush(self) -> None:
        """Write what the session has to say, now: the reactor alone would write it after this turn's other work."""
        data = self.session.data_to_send()
        if data and self.transport is not None:
            self.transport.write(data)
            if IWriteDescriptor.providedBy(self.transport):
                self.transport.doWrite()

    def _tick(self) -> None:
        due = self.session.next_timer()
        if due is not None and self._now() >= due:
            self._handle(self.session.handle_timer(self._now()))
            self.flush()

    def _now(self) -> float:
        return self._link.clock.seconds()

    def _handle(self, events: Sequence[smpp.Event[Token]]) -> None:
        owner, link = self._link.owner, self._link
        for event in events:
            match event:
                case smpp.Answered():
                    owner.link_answered(link, event)
                case smpp.Delivered(messages):
                    owner.link_delivered(link, messages)
                case smpp.Unanswered(tokens):
                    owner.link_unanswered(link, tokens)
                case smpp.Bound():
                    self.bound.callback(self)
                case smpp.BindRefused(status):
                    link.refused = True if status is None else classify(status, link.error_table) is ErrorClass.BIND
                    owner.link_refused(link, status)
                case smpp.Noticed(what):
                    link.log.warn("{carrier}: {what}", carrier=link.name, what=what)
                case smpp.Ended(reason):
                    link.why = reason
                    self.flush()
                    self._lose()
                case smpp.Replied(_, pdu):
                    owner.link_replied(link, None if pdu is None else pdu.status)

    def _lose(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abortConnection()  # type: ignore[attr-defined]


class Link:
    """A bind that is made again whenever it is lost.

    Args:
        command: which of the three binds.
        endpoint: where the carrier is.
        clock: tells the time to session and reconnection alike.
    """

    log = Logger()

    def __init__(
        self,
        settings: CarrierSettings,
        command: Command,
        endpoint: IStreamClientEndpoint,
        clock: IReactorTime,
        owner: LinkOwner,
    ) -> None:
        self.name = settings.name
        self.command = command
        self.clock = clock
        self.owner = owner
        self.error_table = settings.error_table
        self.profile = profile_of(settings, command)
        self.refused = False
        self.why = "not connected yet"
        self._settings = settings
        self._protocol: LinkProtocol | None = None
        self._service = ClientService(
            endpoint,
            Factory.forProtocol(lambda: LinkProtocol(self)),
            retryPolicy=self._delay,
            clock=clock,
            prepareConnection=cast(Callable[[IProtocol], object], self._prepare),
        )

    def start(self) -> None:
        """Connect, and keep connected."""
        self._service.startService()

    async def stop(self) -> None:
        """Unbind properly and end."""
        protocol = self._protocol
        if protocol is not None:
            protocol.session.unbind(self.clock.seconds())
            protocol.flush()
            await protocol.ended
        await self._service.stopService()

    @property
    def session(self) -> smpp.Session[Token] | None:
        """The session while it is bound."""
        return self._protocol.session if self._protocol is not None else None

    @property
    def room(self) -> int:
        """How many submits may be handed over now."""
        return self._protocol.session.room if self._protocol is not None else 0

    @property
    def in_flight(self) -> int:
        """Submits without an answer."""
        return self._protocol.session.in_flight if self._protocol is not None else 0

    def submit(self, template: SubmitTemplate, tokens: Sequence[Token], destinations: Sequence[bytes]) -> None:
        """Send; at most :attr:`room` of them."""
        assert self._protocol is not None
        self._protocol.session.submit(template, tokens, destinations, self.clock.seconds())

    @property
    def asking(self) -> int:
        """Other requests without an answer."""
        return self._protocol.session.asking if self._protocol is not None else 0

    def request(self, command: Command, body: Body) -> None:
        """Send a request other than a submit; the link must be bound."""
        assert self._protocol is not None
        self._protocol.session.request(command, body, self.clock.seconds())
        self._protocol.flush()

    def acknowledge(self, session: smpp.Session[Token] | None, messages: Sequence[bytes], status: int = 0) -> None:
        """Answer messages that came on that session; on another one the carrier would not know them."""
        if self._protocol is not None and self._protocol.session is session:
            self._protocol.session.acknowledge(messages, status)
            self._protocol.flush()

    def flush(self) -> None:
        """Write what was submitted."""
        if self._protocol is not None:
            self._protocol.flush()

    def drop(self) -> None:
        """Close the connection; it is made again."""
        if self._protocol is not None and self._protocol.transport is not None:
            self._protocol.transport.loseConnection()

    def lost(self, protocol: LinkProtocol, tokens: Sequence[Token], was_bound: bool, reason: str) -> None:
        """The protocol's connection is gone."""
        if self._protocol is protocol:
            self._protocol = None
        if was_bound:
            self.log.warn("{carrier}: link lost: {reason}", carrier=self.name, reason=self.why or reason)
            self.owner.link_lost(self, tokens, self.why or reason)

    def _prepare(self, protocol: LinkProtocol) -> Deferred[LinkProtocol]:
        return protocol.bound.addCallback(self._on_bound)

    def _on_bound(self, protocol: LinkProtocol) -> LinkProtocol:
        self._protocol = protocol
        self.refused = False
        self.why = ""
        self.log.info("{carrier}: bound as {bind}", carrier=self.name, bind=self.command.name.lower())
        self.owner.link_bound(self)
        return protocol

    def _delay(self, attempt: int) -> float:
        """Seconds until the next try: doubling, with jitter, so that a carrier's restart is not met by all at once."""
        settings = self._settings
        if self.refused:
            return settings.refused_bind_s * random.uniform(1.0, 1.25)  # noqa: S311 - jitter, not a secret
        base = min(settings.reconnect_max_s, settings.reconnect_min_s * 2.0 ** min(max(attempt - 1, 0), 16))
        return base * random.uniform(0.75, 1.25)  # noqa: S311


def refusal(status: int | None) -> str:
    """Why a bind was refused, in words."""
    return "no answer to our bind" if status is None else f"bind refused: {status_name(status)}"


def profile_of(settings: CarrierSettings, command: Command) -> smpp.Profile:
    """What a session needs to know of a carrier."""
    return smpp.Profile(
        bind=Bind(
            system_id=settings.system_id,
            password=settings.password.get_secret_value(),
            system_type=settings.system_type,
            address_range=settings.address_range,
        ),
        command=command,
        window=settings.window,
        bind_timeout_s=settings.bind_timeout_s,
        response_timeout_s=settings.response_timeout_s,
        enquire_link_s=settings.enquire_link_s,
    )
