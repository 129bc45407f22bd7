"""The simulated SMSC as tests, the demo and ``burgernet rehearsal smsc`` use it: listening, and at your command."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IConnector, IDelayedCall, IListeningPort
from twisted.internet.protocol import ClientFactory, ServerFactory
from twisted.internet.tcp import Connector
from twisted.python.failure import Failure

from gateway.domain.errors import UnavailableError
from gateway.rehearsal.scenario import ANY_ACCOUNT, Change, Scenario
from gateway.rehearsal.smsc.centre import MessageCentre
from gateway.rehearsal.smsc.handsets import Arrived
from gateway.rehearsal.smsc.link import SmscLink
from gateway.rehearsal.smsc.session import SmscSession
from gateway.rehearsal.smsc.stats import Stats

BACKLOG = 100


def utc_now() -> datetime:
    """The time for people."""
    return datetime.now(UTC)


class Smsc:
    """A simulated SMSC.

    Args:
        scenario: how it behaves; a carrier without faults unless given.
        reactor: for sockets and timers (IReactorTCP and IReactorTime).
        wall: the time for people: aware, UTC.
        write_log: takes a line of the message log, which holds numbers and texts.
        arrived: told of every message that a citizen can read: (number without ``+``, message).
    """

    def __init__(
        self,
        scenario: Scenario | None,
        reactor: Any,
        *,
        wall: Callable[[], datetime] = utc_now,
        write_log: Callable[[str], None] | None = None,
        arrived: Callable[[str, Arrived], None] | None = None,
    ) -> None:
        self.reactor = reactor
        self.centre = MessageCentre(scenario or Scenario(), wall, write_log=write_log, arrived=arrived, dial=self._dial)
        self.factory = SmscFactory(self)
        self._links: list[SmscLink] = []
        self._ports: list[IListeningPort] = []
        self._connectors: list[Connector] = []
        self._timer: IDelayedCall | None = None
        self._started = False
        self._quiet: Deferred[None] | None = None

    # ------------------------------------------------------------ life

    def start(self) -> None:
        """Begin the scenario: its times count from here. :meth:`listen` does it by itself."""
        if not self._started:
            self._started = True
            self.centre.start(self.reactor.seconds())
            self._settle()

    def listen(self, port: int = 0, host: str = "127.0.0.1") -> int:
        """Take connections.

        Returns:
            The port, also where 0 let the system choose.

        Raises:
            UnavailableError: somebody else listens there.
        """
        try:
            listening = self.reactor.listenTCP(port, self.factory, BACKLOG, host)
        except CannotListenError as error:
            raise UnavailableError(f"cannot listen on {host}:{port}: {error.socketError}") from None
        self._ports.append(listening)
        self.start()
        return int(listening.getHost().port)

    async def close(self) -> None:
        """Stop listening, end every connection once it is written out, and write what the message log still holds."""
        ports, self._ports = self._ports, []
        for port in ports:
            await maybeDeferred(port.stopListening)
        for connector in self._connectors:
            connector.disconnect()
        self.do("drop")
        if self._links:
            self._quiet = Deferred()
            await self._quiet
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.centre.finish()

    # ------------------------------------------------------------ looking

    @property
    def stats(self) -> Stats:
        """The counts."""
        return self.centre.stats

    def report(self) -> dict[str, object]:
        """The counts, and how things are now, for JSON."""
        return self.centre.report()

    def inbox(self, number: str) -> tuple[Arrived, ...]:
        """What the citizen with this number can read, oldest first."""
        return self.centre.inbox(number)

    def texts(self, number: str) -> list[str]:
        """The texts of :meth:`inbox`."""
        return [arrived.text for arrived in self.inbox(number)]

    # ------------------------------------------------------------ doing

    def reply(self, number: str, text: str, *, to: str | None = None, account: str = ANY_ACCOUNT) -> int:
        """A citizen writes an SMS.

        Args:
            number: the citizen's.
            text: what is written; long texts go in several parts.
            to: where to; the sender of the last message that this number got unless given.
            account: whose receiver gets it, where that is not clear.

        Returns:
            How many parts it takes.

        Raises:
            NotFoundError: there is nothing to answer, or nobody to bring it to.
        """
        parts = self.centre.reply(number, text, self.reactor.seconds(), to=to, account=account)
        self._settle()
        return parts

    def set(
        self,
        *,
        messages: Mapping[str, object] | None = None,
        links: Mapping[str, object] | None = None,
        number: Sequence[Mapping[str, object]] = (),
    ) -> None:
        """Turn knobs; the others stay as they are.

        Args:
            messages: keys of ``[messages]``.
            links: keys of ``[links]``.
            number: ``[[number]]`` rules that come before those there are.

        Raises:
            SettingsError: a key or a value is wrong; nothing has changed.
        """
        rules = tuple(dict(rule) for rule in number)
        self.centre.change(Change(messages=dict(messages or {}), links=dict(links or {}), number=rules))
        self._settle()

    def do(self, what: str, account: str = ANY_ACCOUNT) -> int:
        """``drop``, ``abort``, ``unbind``, ``reset`` or a mischief, on every connection or those of an account.

        Returns:
            How many connections it happened to.

        Raises:
            InvalidRequestError: there is no such thing.
        """
        happened = self.centre.do(what, self.reactor.seconds(), account=account)
        self._settle()
        return happened

    def drop_all(self) -> int:
        """Cut every connection at once, as a network does. Returns how many."""
        return self.do("abort")

    def outbind(self, host: str, port: int, account: str) -> None:
        """Connect to an ESME's listener and ask it to bind as ``account``."""
        self.centre.outbind(host, port, account)

    def reset(self) -> None:
        """Counts, messages and handsets from the beginning; connections stay."""
        self.centre.reset()

    # ------------------------------------------------------------ for the links

    def connected(self, link: SmscLink, outbind: str | None) -> SmscSession | None:
        """There is a connection; ``None`` where there are too many."""
        session = self.centre.connected(self.reactor.seconds(), outbind=outbind)
        if session is not None:
            self._links.append(link)
            self._wind()
        return session

    def received(self, link: SmscLink, data: bytes) -> None:
        """Octets came."""
        assert link.session is not None
        self.centre.receive(link.session, data, self.reactor.seconds())
        self._settle()

    def disconnected(self, link: SmscLink) -> None:
        """A connection is gone."""
        assert link.session is not None
        self._links.remove(link)
        self.centre.lost(link.session, self.reactor.seconds())
        self._settle()
        if not self._links and self._quiet is not None:
            quiet, self._quiet = self._quiet, None
            quiet.callback(None)

    def _settle(self) -> None:
        """Write what every session has to send, and set the timer: any of them may have been concerned."""
        for link in tuple(self._links):
            link.flush()
        self._wind()

    def _wind(self) -> None:
        due = self.centre.next_timer()
        if self._timer is not None and self._timer.active():
            if due is not None and self._timer.getTime() <= due:
                return  # it rings early, finds nothing due, and is wound again
            self._timer.cancel()
        if due is not None:
            self._timer = self.reactor.callLater(max(0.0, due - self.reactor.seconds()), self._ring)

    def _ring(self) -> None:
        self.centre.handle_timer(self.reactor.seconds())
        self._settle()

    def _dial(self, host: str, port: int, account: str) -> None:
        self._connectors = [connector for connector in self._connectors if connector.state != "disconnected"]
        self._connectors.append(self.reactor.connectTCP(host, port, OutbindFactory(self, account)))


class SmscFactory(ServerFactory):
    """Makes links for those who connect."""

    noisy = False

    def __init__(self, smsc: Smsc) -> None:
        self._smsc = smsc

    def buildProtocol(self, addr: IAddress | None) -> SmscLink:
        """One for each connection."""
        return SmscLink(self._smsc)


class OutbindFactory(ClientFactory):
    """Makes the link for one outbind."""

    noisy = False

    def __init__(self, smsc: Smsc, account: str) -> None:
        self._smsc = smsc
        self._account = account

    def buildProtocol(self, addr: IAddress | None) -> SmscLink:
        """The one."""
        return SmscLink(self._smsc, outbind=self._account)

    def clientConnectionFailed(self, connector: IConnector, reason: Failure) -> None:
        """Nobody listens there."""
        self._smsc.stats.notice(f"an outbind found nobody: {reason.getErrorMessage()}")
