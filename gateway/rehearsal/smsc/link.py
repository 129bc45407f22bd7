"""One connection of the simulated SMSC on a real socket: Twisted's side, which decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from gateway.rehearsal.smsc.session import SmscSession, State

CLOSE_TIMEOUT_S = 5.0
"""A peer that does not read what we still have to say is cut off after this."""


class Owner(Protocol):
    """Whom a link tells what happens; ``gateway.rehearsal.smsc.service.Smsc``."""

    reactor: Any

    def connected(self, link: SmscLink, outbind: str | None) -> SmscSession | None:
        """There is a connection; ``None`` where it cannot be kept."""
        ...

    def received(self, link: SmscLink, data: bytes) -> None:
        """Octets came."""
        ...

    def disconnected(self, link: SmscLink) -> None:
        """The connection is gone."""
        ...


@implementer(IPushProducer)
class SmscLink(TwistedProtocol):
    """One connection. Reads no further while the peer does not read what we write."""

    def __init__(self, owner: Owner, outbind: str | None = None) -> None:
        self._owner = owner
        self._outbind = outbind
        self._pauses: set[str] = set()
        self._calls: list[IDelayedCall] = []
        self._closing = False
        self.session: SmscSession | None = None

    def connectionMade(self) -> None:
        """Make a session, or close."""
        transport = self._tcp()
        transport.setTcpNoDelay(True)
        self.session = self._owner.connected(self, self._outbind)
        if self.session is None:
            transport.abortConnection()
            return
        transport.registerProducer(self, True)
        self.flush()

    def dataReceived(self, data: bytes) -> None:
        """Hand on, and keep to the speed of the scenario."""
        if self.session is None:
            return
        speed = self.session.links.read_bytes_per_s
        if speed is not None:
            self._pause("speed")
            self._later(len(data) / speed, lambda: self._resume("speed"))
        self._owner.received(self, data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell the owner."""
        self._closing = True
        for call in self._calls:
            if call.active():
                call.cancel()
        if self.session is not None:
            self._owner.disconnected(self)

    def flush(self) -> None:
        """Write what is to be written, and close if the session says so."""
        if self.session is None or self._closing:
            return
        data = self.session.data_to_send()
        if data:
            self._tcp().write(data)
        if self.session.state is State.CLOSED:
            self._close(abort=self.session.abort)

    def _close(self, *, abort: bool) -> None:
        self._closing = True
        transport = self._tcp()
        transport.unregisterProducer()
        if abort:
            transport.abortConnection()
            return
        transport.resumeProducing()  # a paused transport would not see that the peer has closed
        transport.loseConnection()
        self._later(CLOSE_TIMEOUT_S, transport.abortConnection)

    # ------------------------------------------------------------ IPushProducer: whether the peer reads

    def pauseProducing(self) -> None:
        """The peer does not read: neither do we."""
        self._pause("peer")

    def resumeProducing(self) -> None:
        """The peer reads again."""
        self._resume("peer")

    def stopProducing(self) -> None:
        """The connection is going; ``connectionLost`` follows."""

    def _pause(self, why: str) -> None:
        self._pauses.add(why)
        self._tcp().pauseProducing()

    def _resume(self, why: str) -> None:
        self._pauses.discard(why)
        if not self._pauses and not self._closing:
            self._tcp().resumeProducing()

    def _later(self, seconds: float, action: Callable[[], object]) -> None:
        self._calls = [call for call in self._calls if call.active()]
        self._calls.append(self._owner.reactor.callLater(seconds, action))

    def _tcp(self) -> Any:
        """The transport: no one interface of Twisted's has all that a TCP or TLS transport can."""
        assert self.transport is not None
        return self.transport
