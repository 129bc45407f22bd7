"""Carriers that connect to us: an outbind, or a bind of their own over which they bring receipts and replies.

The Twisted side of ``smpp.listening``, and who may come in. A wrong password costs the caller time and us a line in the
log: its answer comes late, later each time, and the connection closes.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Any

from twisted.internet.defer import maybeDeferred
from twisted.internet.interfaces import IListeningPort, IProtocol, IReactorTime, IStreamServerEndpoint, ITCPTransport
from twisted.internet.protocol import Protocol, ServerFactory, connectionDone
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from gateway.carriers.carrier import Carrier
from gateway.carriers.link import TICK_S
from gateway.settings import PeerSettings, SmppListenerSettings
from gateway.smpp import listening as smpp
from gateway.smpp.pdu import Status, status_name
from gateway.smpp.session import Delivered, Ended, Noticed

OUR_SYSTEM_ID = "burgernet"
REFUSAL_MIN_S, REFUSAL_MAX_S = 1.0, 30.0
"""How late the first and the later refusals of one address are answered; doubling."""

STRANGERS = 1000
"""Addresses whose refusals are counted; the rarest are forgotten first."""


class Listener(ServerFactory):
    """Takes connections, judges who may bind, and hands what peers bring to the carrier whose it is.

    Args:
        carriers: by name; the peers' ``carrier`` is among them.
    """

    noisy = False
    log = Logger()

    def __init__(self, settings: SmppListenerSettings, carriers: Mapping[str, Carrier], reactor: IReactorTime) -> None:
        self.settings = settings
        self.clock = reactor
        self.connections: set[PeerProtocol] = set()
        self._carriers = carriers
        self._peers = {peer.system_id: peer for peer in settings.peer}
        self._refusals: Counter[str] = Counter()
        self._port: IListeningPort | None = None

    async def start(self, endpoint: IStreamServerEndpoint) -> None:
        """Listen. Raises CannotListenError."""
        self._port = await endpoint.listen(self)

    @property
    def port(self) -> int:
        """The TCP port, once started."""
        assert self._port is not None
        return int(self._port.getHost().port)  # type: ignore[attr-defined]

    async def stop(self) -> None:
        """Take nobody new, unbind those who are there."""
        if self._port is not None:
            await maybeDeferred(self._port.stopListening)
        for connection in list(self.connections):
            connection.part()

    def buildProtocol(self, addr: Any) -> PeerProtocol | None:
        """A connection, unless there are too many."""
        if len(self.connections) >= self.settings.max_connections:
            self.log.warn("a carrier's connection is refused: {count} are open", count=len(self.connections))
            return None
        return PeerProtocol(self, getattr(addr, "host", ""))

    # ------------------------------------------------------------ who may come in

    def judge(self, system_id: str, password: str, address: str) -> tuple[PeerSettings | None, int]:
        """Whose this is, or the status of the refusal."""
        peer = self._peers.get(system_id)
        expected = peer.password.get_secret_value() if peer is not None else ""
        # Digests, so that neither content nor length shows in the time that it takes; for a stranger's name too.
        same = hmac.compare_digest(sha256(password.encode()).digest(), sha256(expected.encode()).digest())
        if peer is None:
            return None, Status.ESME_RINVSYSID
        if not same:
            return None, Status.ESME_RINVPASWD
        if peer.allow and not any(_is_in(address, network) for network in peer.allow):
            return None, Status.ESME_RBINDFAIL
        if sum(connection.peer is peer for connection in self.connections) >= peer.max_binds:
            return None, Status.ESME_RALYBND
        return peer, Status.ESME_ROK

    def carrier_of(self, peer: PeerSettings) -> Carrier:
        """Whose receipts and replies it brings."""
        return self._carriers[peer.carrier] if peer.carrier is not None else next(iter(self._carriers.values()))

    def refusal_delay_s(self, address: str) -> float:
        """How late this refusal is answered; the next one of that address comes later still."""
        self._refusals[address] += 1
        delay_s = min(REFUSAL_MAX_S, REFUSAL_MIN_S * 2.0 ** min(self._refusals[address] - 1, 16))
        if len(self._refusals) > STRANGERS:
            self._refusals = Counter(dict(self._refusals.most_common(STRANGERS // 2)))
        return delay_s

    def came_in(self, address: str) -> None:
        """It knew the password: earlier mistakes are forgiven."""
        self._refusals.pop(address, None)


class PeerProtocol(Protocol):
    """One connection that was made to us. To its carrier it is a link that only brings.

    Attributes:
        peer: who it is, once judged.
    """

    def __init__(self, owner: Listener, address: str) -> None:
        self.peer: PeerSettings | None = None
        self._owner = owner
        self._address = address
        self._successor: IProtocol | None = None
        self._timer = LoopingCall(self._tick)
        self._timer.clock = owner.clock
        self._second = 0
        self._this_second = 0

    @property
    def session(self) -> Any:
        """What an acknowledgement must belong to."""
        return self._session

    def connectionMade(self) -> None:
        """Wait for a bind or an outbind."""
        limits = smpp.Limits(init_s=self._owner.settings.init_timeout_s, inactivity_s=self._owner.settings.inactivity_s)
        self._session = smpp.ListeningSession(limits, self._now())
        self._owner.connections.add(self)
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)
            self.transport.setTcpKeepAlive(True)
        self._timer.start(TICK_S, now=False)

    def dataReceived(self, data: bytes) -> None:
        """What the peer says; after an outbind it is our own link's."""
        if self._successor is not None:
            self._successor.dataReceived(data)
            return
        self._handle(self._session.receive_data(data, self._now()))
        self.flush()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Gone."""
        if self._timer.running:
            self._timer.stop()
        self._owner.connections.discard(self)
        if self._successor is not None:
            self._successor.connectionLost(reason)
        elif self.peer is not None:
            self._owner.carrier_of(self.peer).peer_left(self)

    def acknowledge(self, session: Any, messages: Sequence[bytes], status: int = 0) -> None:
        """As a link's: what came is stored."""
        self._session.acknowledge(messages, status)
        self.flush()

    def part(self) -> None:
        """Unbind and close."""
        if self._successor is None:
            self._session.unbind()
            self.flush()
            self._close()

    def flush(self) -> None:
        """Write what the session has to say."""
        data = self._session.data_to_send()
        if data and self.transport is not None:
            self.transport.write(data)

    def _handle(self, events: Sequence[smpp.Event]) -> None:
        for event in events:
            match event:
                case smpp.BindAsked(_, bind):
                    self._on_bind(bind.system_id, bind.password)
                case smpp.OutbindAsked(outbind):
                    self._on_outbind(outbind.system_id, outbind.password)
                case Delivered(messages):
                    self._on_messages(messages)
                case Noticed(what):
                    self._owner.log.warn("a carrier at {address}: {what}", address=self._address, what=what)
                case Ended(reason):
                    self._owner.log.info("a carrier at {address}: {reason}", address=self._address, reason=reason)
                    self.flush()
                    self._close()

    def _on_bind(self, system_id: str, password: str) -> None:
        peer, status = self._owner.judge(system_id, password, self._address)
        if peer is None:
            self._refuse(status)
            return
        self.peer = peer
        self._owner.came_in(self._address)
        self._owner.log.info("{peer} has bound to us", peer=peer.system_id)
        self._owner.carrier_of(peer).peer_came(self)
        self._handle(self._session.accept(OUR_SYSTEM_ID))

    def _on_outbind(self, system_id: str, password: str) -> None:
        peer, status = self._owner.judge(system_id, password, self._address)
        if peer is None:
            self._refuse(status)
            return
        self.peer = peer
        self._owner.came_in(self._address)
        if not self._owner.carrier_of(peer).offer_outbind(self._address, self._become):
            self._owner.log.warn("{peer}: an outbind that no bind of ours waits for", peer=peer.system_id)
            self._session.refuse(Status.ESME_RALYBND)
            self._close()

    def _become(self, successor: IProtocol) -> None:
        self._timer.stop()
        early = self._session.hand_over()
        self._successor = successor
        successor.makeConnection(self.transport)  # type: ignore[arg-type]
        if early:
            successor.dataReceived(early)

    def _refuse(self, status: int) -> None:
        delay_s = self._owner.refusal_delay_s(self._address)
        self._owner.log.warn(
            "a bind from {address} is refused: {why}; answered in {delay_s} s",
            address=self._address,
            why=status_name(status),
            delay_s=delay_s,
        )
        self._owner.clock.callLater(delay_s, self._say_refused, status)

    def _say_refused(self, status: int) -> None:
        if self._session.state is smpp.State.JUDGING and self.connected:
            self._session.refuse(status)
            self.flush()
            self._close()

    def _on_messages(self, messages: Sequence[bytes]) -> None:
        assert self.peer is not None
        taken = self._allowance(len(messages))
        if taken < len(messages):
            self._session.acknowledge(messages[taken:], Status.ESME_RTHROTTLED)
        if taken:
            self._owner.carrier_of(self.peer).link_delivered(self, messages[:taken])

    def _allowance(self, wanted: int) -> int:
        """How many of these messages the peer's rate allows in this second."""
        assert self.peer is not None
        second = int(self._now())
        if second != self._second:
            self._second, self._this_second = second, 0
        allowed = max(0, min(wanted, int(self.peer.rate_per_s) - self._this_second))
        self._this_second += allowed
        return allowed

    def _tick(self) -> None:
        self._handle(self._session.handle_timer(self._now()))
        self.flush()

    def _now(self) -> float:
        return self._owner.clock.seconds()

    def _close(self) -> None:
        if self.transport is not None:
            self.transport.loseConnection()


def _is_in(address: str, network: str) -> bool:
    try:
        return ip_address(address) in ip_network(network)
    except ValueError:
        return False
