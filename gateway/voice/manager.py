"""A connection to Asterisk's manager interface that comes back by itself: the shim around ``ivr.ami``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.application.internet import ClientService, backoffPolicy
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.logger import Logger
from twisted.python.failure import Failure

from ivr.ami import (
    AmiEvent,
    AmiProfile,
    AmiReply,
    AmiRequest,
    AmiSession,
    Ended,
    LoggedIn,
    LoginRefused,
    NoReply,
    Replied,
    SessionEvent,
)
from ivr.errors import AmiLocalProtocolError

TICK_S = 0.25
"""How often deadlines are looked at; none is shorter than seconds."""

FIRST_RETRY_S = 0.2
LONGEST_RETRY_S = 10.0


class ManagerService:
    """Implements :class:`gateway.voice.lane.Manager`.

    Args:
        endpoint: where Asterisk's manager interface listens.
        event: called with every event that the profile wants.
        up, down: called when requests can be made, and when they no longer can, with why.
    """

    _log = Logger()

    def __init__(
        self,
        profile: AmiProfile,
        endpoint: IStreamClientEndpoint,
        reactor: IReactorTime,
        *,
        event: Callable[[AmiEvent], None],
        up: Callable[[], None],
        down: Callable[[str], None],
    ) -> None:
        self.profile = profile
        self.reactor = reactor
        self._event = event
        self._up = up
        self._down = down
        self._connection: Connection | None = None
        factory = Factory.forProtocol(Connection)
        factory.noisy = False
        factory.service = self  # type: ignore[attr-defined]
        policy = backoffPolicy(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._client = ClientService(endpoint, factory, retryPolicy=policy, clock=reactor)

    def start(self) -> None:
        """Connect, and again whenever the connection is lost."""
        self._client.startService()

    async def stop(self) -> None:
        """Log off and stay away."""
        if self._connection is not None:
            self._connection.log_off()
        await self._client.stopService()

    @property
    def connected(self) -> bool:
        """See the port."""
        return self._connection is not None

    async def request(self, request: AmiRequest) -> AmiReply | NoReply:
        """See the port."""
        if self._connection is None:
            return NoReply("not connected to Asterisk", sent=False)
        return await self._connection.ask(request)

    # ------------------------------------------------------------ for the connection

    def take(self, connection: Connection, event: SessionEvent) -> None:
        """What a session tells."""
        if isinstance(event, AmiEvent):
            self._event(event)
        elif isinstance(event, LoggedIn):
            self._connection = connection
            self._log.info("logged in to Asterisk's manager interface {version}", version=event.version)
            self._up()
        elif isinstance(event, LoginRefused):
            self._log.error("Asterisk refuses our login: {message}", message=event.message)
        elif isinstance(event, Ended) and self._connection is connection:
            self._connection = None
            self._log.warn("the connection to Asterisk is lost: {reason}", reason=event.reason)
            self._down(event.reason)


class Connection(Protocol):
    """One connection; decides nothing."""

    factory: Any
    transport: Any
    _timer: IDelayedCall | None = None

    def connectionMade(self) -> None:
        """The session begins."""
        self._service: ManagerService = self.factory.service
        self._session = AmiSession(self._service.profile, self._service.reactor.seconds())
        self._asked: dict[str, Deferred[AmiReply | NoReply]] = {}
        self.transport.setTcpNoDelay(True)
        self._tick()

    def dataReceived(self, data: bytes) -> None:
        """Bytes came."""
        self._dispatch(self._session.receive_data(data, self._service.reactor.seconds()))

    def connectionLost(self, reason: Failure) -> None:  # type: ignore[override]
        """It is gone; every request is answered now."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._dispatch(self._session.connection_lost(reason.getErrorMessage()))

    def ask(self, request: AmiRequest) -> Deferred[AmiReply | NoReply]:
        """Send a request; fires once, at the latest at its deadline."""
        asked: Deferred[AmiReply | NoReply] = Deferred()
        try:
            action_id = self._session.request(request, self._service.reactor.seconds())
        except AmiLocalProtocolError as error:
            asked.callback(NoReply(str(error), sent=False))
            return asked
        self._asked[action_id] = asked
        self._flush()
        return asked

    def log_off(self) -> None:
        """Say goodbye."""
        self._session.log_off(self._service.reactor.seconds())
        self._flush()

    def _tick(self) -> None:
        self._timer = self._service.reactor.callLater(TICK_S, self._tick)
        now = self._service.reactor.seconds()
        due = self._session.next_timer()
        if due is not None and now >= due:
            self._dispatch(self._session.handle_timer(now))

    def _dispatch(self, events: list[SessionEvent]) -> None:
        for event in events:
            if isinstance(event, Replied):
                asked = self._asked.pop(event.action_id, None)
                if asked is not None:
                    asked.callback(event.reply)
                continue
            self._service.take(self, event)
            if isinstance(event, Ended):
                self.transport.loseConnection()
        self._flush()

    def _flush(self) -> None:
        data = self._session.data_to_send()
        if data:
            self.transport.write(data)
